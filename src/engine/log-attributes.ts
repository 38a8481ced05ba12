/** What `--log-opt labels=…`, `env=…` and `tag=…` add to every record of a container's log. */
import type { Container } from './container.ts';
import { logFailure } from './log-options.ts';

/** Bytes of JSON. */
const maxSize = 32 * 1024;

/** The attributes as JSON text, or empty without any. Throws what Docker's start says of a tag or an expression that is none. */
export function logAttributes(container: Container): string {
  const { record } = container;
  const options = record.hostConfig.LogConfig?.Config ?? {};
  const environment = Object.fromEntries((record.config.Env ?? []).map((entry) => {
    const equals = entry.indexOf('=');
    return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)];
  }));
  const attributes = {
    ...chosen(record.config.Labels ?? {}, options.labels, options['labels-regex']),
    ...chosen(environment, options.env, options['env-regex']),
    ...(options.tag ? { tag: tagOf(container, options.tag) } : {}),
  };
  if (Object.keys(attributes).length === 0) return '';
  // As Go's encoder writes them: sorted, and safe inside HTML.
  const text = JSON.stringify(Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))))
    .replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  if (Buffer.byteLength(text) > maxSize) throw logFailure(`the labels and variables chosen for the log are larger than ${maxSize} bytes`);
  return text;
}

function chosen(from: Readonly<Record<string, string>>, names = '', expression = ''): Record<string, string> {
  const wanted = new Set(names.split(','));
  const matches = expression === '' ? undefined : compiled(expression);
  return Object.fromEntries(Object.entries(from).filter(([name]) => wanted.has(name) || matches?.test(name)));
}

function compiled(expression: string): RegExp {
  try {
    return new RegExp(expression, 'u');
  } catch {
    throw logFailure(`error parsing regexp: ${expression}`);
  }
}

/** `{{.Name}}/{{.ID}}`: the fields of Docker's template, and nothing else of its language. */
function tagOf({ id, record }: Container, template: string): string {
  const fields: Readonly<Record<string, string>> = {
    ID: id.slice(0, 12), FullID: id, Name: record.name, ImageID: record.imageId.slice(0, 12), ImageFullID: record.imageId,
    ImageName: record.config.Image ?? '', DaemonName: 'docker',
  };
  return template.replace(/\{\{-?\s*(.*?)\s*-?\}\}/g, (_whole, expression: string) => {
    const field = Object.hasOwn(fields, expression.slice(1)) && expression.startsWith('.') ? fields[expression.slice(1)] : undefined;
    if (field !== undefined) return field;
    throw logFailure(`template: log-tag: executing "log-tag" at <${expression}>: can't evaluate field ${expression.replace(/^\./, '')} in type *logger.Info`);
  });
}
