/**
 * `--change` of `docker import` and `docker commit`: Dockerfile instructions applied to a container configuration
 * (Dockerfile reference; moby builder/dockerfile/dispatchers.go says which are allowed).
 */
import { invalidParameter } from '../errors.ts';
import { type HealthConfig, parseHealthcheck } from './healthcheck-change.ts';

/** A container configuration in Docker's JSON shape. */
export type RunConfig = Record<string, unknown>;

type Apply = (config: RunConfig, rest: string) => void;

/**
 * Applies the instructions in their order; the given configuration is not changed. Throws invalid-parameter with
 * Docker's texts.
 */
export function applyChanges(config: Readonly<RunConfig>, changes: readonly string[]): RunConfig {
  const changed: RunConfig = { ...config };
  const lines = changes.flatMap((change) => change.replace(/\\[ \t]*\r?\n/g, '').split(/\r?\n/));
  for (const [index, line] of lines.entries()) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const [, word = '', rest = ''] = /^(\S+)\s*([^]*)$/.exec(text)!;
    const instruction = word.toUpperCase();
    const apply = instructions[instruction];
    if (!apply) {
      const why = otherInstructions.has(instruction)
        ? `${instruction} is not a valid change command`
        : `dockerfile parse error line ${index + 1}: unknown instruction: ${instruction}`;
      throw invalidParameter(why, { object: text });
    }
    if (rest === '')
      throw invalidParameter(
        `dockerfile parse error line ${index + 1}: ${instruction} requires at least one argument`,
        { object: text },
      );
    apply(changed, rest);
  }
  return changed;
}

const otherInstructions = new Set(['ADD', 'ARG', 'COPY', 'FROM', 'MAINTAINER', 'RUN', 'SHELL']);

const instructions: Record<string, Apply> = {
  CMD: (config, rest) => {
    config.Cmd = command(config, rest);
  },
  ENTRYPOINT: (config, rest) => {
    config.Entrypoint = command(config, rest);
  },
  ENV: (config, rest) => {
    const set = new Map(strings(config.Env).map((entry) => [entry.split('=', 1)[0]!, entry]));
    for (const [key, value] of pairs('ENV', rest)) set.set(key, `${key}=${value}`);
    config.Env = [...set.values()];
  },
  EXPOSE: (config, rest) => {
    const ports = rest.split(/\s+/).flatMap(portRange);
    config.ExposedPorts = {
      ...(config.ExposedPorts as object | undefined),
      ...Object.fromEntries(ports.map((port) => [port, {}])),
    };
  },
  HEALTHCHECK: (config, rest) => {
    config.Healthcheck = parseHealthcheck(rest, (text) => words(text)) satisfies HealthConfig;
  },
  LABEL: (config, rest) => {
    config.Labels = { ...(config.Labels as object | undefined), ...Object.fromEntries(pairs('LABEL', rest)) };
  },
  ONBUILD: (config, rest) => {
    const trigger = rest.split(/\s/, 1)[0]!.toUpperCase();
    if (trigger === 'ONBUILD') throw invalidParameter("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (trigger === 'FROM' || trigger === 'MAINTAINER')
      throw invalidParameter(`${trigger} isn't allowed as an ONBUILD trigger`);
    config.OnBuild = [...strings(config.OnBuild), rest];
  },
  STOPSIGNAL: (config, rest) => {
    if (!/^(?:\d{1,2}|(?:SIG)?[A-Z][A-Z0-9+-]*)$/i.test(rest)) throw invalidParameter(`invalid signal: ${rest}`);
    config.StopSignal = rest;
  },
  USER: (config, rest) => {
    config.User = rest;
  },
  VOLUME: (config, rest) => {
    const paths = jsonList(rest) ?? words(rest);
    if (paths.some((path) => path.trim() === '')) throw invalidParameter('VOLUME specified can not be an empty string');
    config.Volumes = {
      ...(config.Volumes as object | undefined),
      ...Object.fromEntries(paths.map((path) => [path, {}])),
    };
  },
  WORKDIR: (config, rest) => {
    const base = typeof config.WorkingDir === 'string' && config.WorkingDir !== '' ? config.WorkingDir : '/';
    config.WorkingDir = cleanPath(rest.startsWith('/') ? rest : `${base}/${rest}`);
  },
};

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];

/** A JSON list as it is; anything else runs in the shell. */
function command(config: RunConfig, rest: string): string[] {
  const shell = strings(config.Shell);
  return jsonList(rest) ?? [...(shell.length > 0 ? shell : ['/bin/sh', '-c']), rest];
}

function jsonList(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : undefined;
  } catch {
    return undefined;
  }
}

/** `key=value key2="a b"`, or the old form `key the rest`. */
function pairs(instruction: string, text: string): [string, string][] {
  const old = /^([^\s=]+)\s+([^]*)$/.exec(text);
  if (old) return [[old[1]!, old[2]!]];
  return words(text).map((word) => {
    const equals = word.indexOf('=');
    if (equals === -1)
      throw invalidParameter(`Syntax error - can't find = in "${word}". Must be of the form: name=value`, {
        object: text,
      });
    if (equals === 0) throw invalidParameter(`${instruction} names can not be blank`, { object: text });
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

/** Splits at spaces as a shell would, without substitution: quotes and backslashes are taken away. */
export function words(text: string): string[] {
  const found: string[] = [];
  for (const [raw] of text.matchAll(/(?:\\[^]|"(?:\\[^]|[^"\\])*"|'[^']*'|[^\s"'\\]|["'\\])+/g)) {
    found.push(
      raw.replace(
        /\\([^])|"((?:\\[^]|[^"\\])*)"|'([^']*)'/g,
        (_, escaped?: string, double?: string, single?: string) =>
          escaped ?? double?.replace(/\\(["\\$])/g, '$1') ?? single ?? '',
      ),
    );
  }
  return found;
}

/** `80`, `80/udp`, `8000-8002/tcp` as Docker records them: `80/tcp`. */
function portRange(text: string): string[] {
  const [, first, last = first, protocol = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === undefined || from < 1 || to > 65535 || to < from)
    throw invalidParameter(`invalid containerPort: ${text}`, { object: text });
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol.toLowerCase()}`);
}

function cleanPath(path: string): string {
  const components: string[] = [];
  for (const component of path.split('/')) {
    if (component === '..') components.pop();
    else if (component !== '' && component !== '.') components.push(component);
  }
  return `/${components.join('/')}`;
}
