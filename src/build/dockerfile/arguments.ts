/** The arguments of an instruction as words, taken apart as each kind of instruction wants it. Variables and quotes are still in them. */
import { rawWords } from '../../images/shell-words.ts';
import type { EscapeCharacter } from './directives.ts';
import { jsonStrings, type SourceInstruction } from './lines.ts';
import { parseFailure } from './syntax-error.ts';

export interface Arguments {
  readonly words: readonly string[];
  /** They were a JSON list: the exec form. */
  readonly json: boolean;
}

/** `ENV` and `LABEL` come as a key, a value, a key … Throws invalid-parameter in Docker's words. */
export function argumentsOf(source: SourceInstruction, escape: EscapeCharacter): Arguments {
  const { rest } = source;
  switch (source.name) {
    case 'run': case 'cmd': case 'entrypoint': case 'shell':
      return maybeJson(source, rest, (text) => (text === '' ? [] : [text]));
    case 'add': case 'copy': case 'volume':
      return maybeJson(source, rest, spaceSeparated);
    case 'from': case 'expose':
      return plain(spaceSeparated(rest));
    case 'env': case 'label':
      return plain(keysAndValues(source, escape));
    case 'arg':
      return plain(rawWords(rest, escape));
    default:
      return plain(rest === '' ? [] : [rest]);
  }
}

const plain = (words: readonly string[]): Arguments => ({ words, json: false });

const spaceSeparated = (text: string): string[] => (text === '' ? [] : text.split(/[\t\v\f\r ]+/));

function maybeJson(source: SourceInstruction, text: string, otherwise: (text: string) => string[]): Arguments {
  const list = jsonStrings(text);
  if (list === 'not-strings') throw parseFailure('when using JSON array syntax, arrays must be comprised of strings only', source.startLine);
  return list === undefined ? plain(otherwise(text)) : { words: list, json: true };
}

/** `key=value key2="a b"`, or the old form `key the rest`. */
function keysAndValues({ name, rest, startLine }: SourceInstruction, escape: EscapeCharacter): string[] {
  const words = rawWords(rest, escape);
  if (words.length === 0) return [];
  if (words[0]!.includes('=')) {
    return words.flatMap((word) => {
      const equals = word.indexOf('=');
      if (equals === -1) throw parseFailure(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`, startLine);
      return [word.slice(0, equals), word.slice(equals + 1)];
    });
  }
  const [, key, value] = /^(\S+)[\t\v\f\r ]+([^]+)$/.exec(rest) ?? [];
  if (key === undefined || value === undefined) throw parseFailure(`${name.toUpperCase()} must have two arguments`, startLine);
  return [key, value];
}
