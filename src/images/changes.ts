/**
 * `--change` of `docker import` and `docker commit`: Dockerfile instructions applied to a container configuration
 * (Dockerfile reference; moby builder/dockerfile/dispatchers.go says which are allowed).
 */
import { invalidParameter } from '../errors.ts';
import { parseSignal } from '../linux/signals.ts';
import { exposedPorts } from './exposed-ports.ts';
import { type HealthConfig, parseHealthcheck } from './healthcheck-change.ts';
import { expand, rawWords } from './shell-words.ts';

/** A container configuration in Docker's JSON shape. */
export type RunConfig = Record<string, unknown>;

/** `rest` is what follows the instruction's name. */
type Apply = (context: Change, rest: string) => void;

/** The configuration while instructions are applied to it. */
interface Change {
  readonly config: RunConfig;
  /** Whether one of the instructions was CMD: another ENTRYPOINT takes away only a command that was there before. */
  hasCommand: boolean;
}

/**
 * Applies the instructions in their order; the given configuration is not changed. Throws invalid-parameter with
 * Docker's texts.
 */
export function applyChanges(config: Readonly<RunConfig>, changes: readonly string[]): RunConfig {
  const change: Change = { config: { ...config }, hasCommand: false };
  const lines = changes.flatMap((text) => text.replace(/\\[ \t]*\r?\n/g, '').split(/\r?\n/));
  const parsed = lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#')).map(parseInstruction);
  for (const { apply, rest } of parsed) apply(change, rest);
  return change.config;
}

/** Docker looks at the names of all instructions before it applies the first. */
function parseInstruction(text: string): { apply: Apply; rest: string } {
  const [, word = '', rest = ''] = /^(\S+)\s*([^]*)$/.exec(text)!;
  const name = word.toUpperCase();
  const apply = instructions[name];
  if (!apply) throw invalidParameter(`${name} is not a valid change command`, { object: text });
  if (rest === '' && name in missingArgument) {
    throw invalidParameter(`${name} requires ${missingArgument[name]}`, { object: text });
  }
  return { apply, rest };
}

/** What is asked of an instruction that must not stand alone. */
const missingArgument: Readonly<Record<string, string>> = {
  ENV: 'at least one argument', EXPOSE: 'at least one argument', HEALTHCHECK: 'at least one argument',
  LABEL: 'at least one argument', ONBUILD: 'at least one argument', STOPSIGNAL: 'exactly one argument',
  USER: 'exactly one argument', VOLUME: 'at least one argument', WORKDIR: 'exactly one argument',
};

const instructions: Readonly<Record<string, Apply>> = {
  CMD: (change, rest) => {
    change.config.Cmd = command(change.config, rest);
    change.hasCommand = true;
  },
  ENTRYPOINT: (change, rest) => {
    change.config.Entrypoint = command(change.config, rest);
    if (!change.hasCommand) change.config.Cmd = null;
  },
  ENV: ({ config }, rest) => {
    const set = new Map(strings(config.Env).map((entry) => [entry.split('=', 1)[0]!, entry]));
    for (const [key, value] of pairs('ENV', config, rest)) set.set(key, `${key}=${value}`);
    config.Env = [...set.values()];
  },
  EXPOSE: ({ config }, rest) => {
    const ports = rawWords(rest).flatMap((word) => expandWord(config, word).split(/\s+/)).flatMap(exposedPorts);
    config.ExposedPorts = withKeys(config.ExposedPorts, ports);
  },
  HEALTHCHECK: ({ config }, rest) => {
    config.Healthcheck = parseHealthcheck(rest) satisfies HealthConfig;
  },
  LABEL: ({ config }, rest) => {
    config.Labels = { ...(config.Labels as object | undefined), ...Object.fromEntries(pairs('LABEL', config, rest)) };
  },
  ONBUILD: ({ config }, rest) => {
    const trigger = rest.split(/\s/, 1)[0]!.toUpperCase();
    if (trigger === 'ONBUILD') throw invalidParameter("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (trigger === 'FROM' || trigger === 'MAINTAINER')
      throw invalidParameter(`${trigger} isn't allowed as an ONBUILD trigger`);
    config.OnBuild = [...strings(config.OnBuild), rest];
  },
  STOPSIGNAL: ({ config }, rest) => {
    const signal = expandWord(config, rest);
    parseSignal(signal);
    config.StopSignal = signal;
  },
  USER: ({ config }, rest) => {
    config.User = expandWord(config, rest);
  },
  VOLUME: ({ config }, rest) => {
    const paths = (jsonList(rest) ?? rawWords(rest)).map((path) => expandWord(config, path).trim());
    if (paths.includes('')) throw invalidParameter('VOLUME specified can not be an empty string');
    config.Volumes = withKeys(config.Volumes, paths);
  },
  WORKDIR: ({ config }, rest) => {
    const path = expandWord(config, rest);
    const base = typeof config.WorkingDir === 'string' && config.WorkingDir !== '' ? config.WorkingDir : '/';
    config.WorkingDir = cleanPath(path.startsWith('/') ? path : `${base}/${path}`);
  },
};

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];

/** Docker writes sets as objects with empty objects in them. */
const withKeys = (set: unknown, keys: readonly string[]) => ({
  ...(set as object | undefined),
  ...Object.fromEntries(keys.map((key) => [key, {}])),
});

/** A JSON list as it is; anything else runs in the shell. */
function command(config: RunConfig, rest: string): string[] {
  const shell = strings(config.Shell);
  const list = jsonList(rest);
  if (list) return list;
  return [...(shell.length > 0 ? shell : ['/bin/sh', '-c']), ...(rest === '' ? [] : [rest])];
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

/** `key=value key2="a b"`, or the old form `key the rest`; variables have the values they had before the instruction. */
function pairs(instruction: string, config: RunConfig, text: string): [string, string][] {
  const words = rawWords(text);
  const entries = words[0]?.includes('=') ? words.map((word) => keyAndValue(word)) : [oldPair(instruction, text)];
  return entries.map(([rawKey, value]) => {
    const key = expandWord(config, rawKey);
    if (key === '') throw invalidParameter(`${instruction} names can not be blank`, { object: text });
    return [key, expandWord(config, value)];
  });
}

function keyAndValue(word: string): [string, string] {
  const equals = word.indexOf('=');
  if (equals === -1) {
    throw invalidParameter(`Syntax error - can't find = in "${word}". Must be of the form: name=value`, { object: word });
  }
  return [word.slice(0, equals), word.slice(equals + 1)];
}

function oldPair(instruction: string, text: string): [string, string] {
  const [, key, value] = /^(\S+)\s+([^]*)$/.exec(text) ?? [];
  if (key === undefined || value === undefined) {
    throw invalidParameter(`${instruction} must have two arguments`, { object: text });
  }
  return [key, value];
}

/** A word with the variables of the configuration's environment in their places. */
function expandWord(config: RunConfig, word: string): string {
  const environment = strings(config.Env);
  return expand(word, (name) => environment.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1));
}

function cleanPath(path: string): string {
  const components: string[] = [];
  for (const component of path.split('/')) {
    if (component === '..') components.pop();
    else if (component !== '' && component !== '.') components.push(component);
  }
  return `/${components.join('/')}`;
}
