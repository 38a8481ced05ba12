/** The configuration of the image to be, in Docker's JSON shape, and what instructions that change nothing else do to it. */
import { posix } from 'node:path';
import { invalidParameter } from '../../errors.ts';
import { exposedPorts } from '../../images/exposed-ports.ts';
import { parseSignal } from '../../linux/signals.ts';
import type { HealthConfig } from '../../images/healthcheck-change.ts';
import type { CommandLine, KeyValue } from '../dockerfile/instruction.ts';

export interface RunConfig {
  readonly Env: readonly string[];
  readonly Cmd: readonly string[] | null;
  readonly Entrypoint: readonly string[] | null;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Volumes: Readonly<Record<string, object>> | null;
  readonly OnBuild: readonly string[] | null;
  readonly Shell?: readonly string[];
  readonly Healthcheck?: Readonly<HealthConfig>;
  readonly StopSignal?: string;
  readonly User: string;
  readonly WorkingDir: string;
  /** What a base image has beside these. */
  readonly [other: string]: unknown;
}

const defaultShell: readonly string[] = ['/bin/sh', '-c'];
const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** That of an image, as far as it goes. */
export function runConfigOf(config: Readonly<Record<string, unknown>> = {}): RunConfig {
  const list = (value: unknown) => (Array.isArray(value) && value.length > 0 ? (value as string[]) : null);
  const set = (value: unknown) => (value !== null && typeof value === 'object' && Object.keys(value).length > 0 ? value : null);
  const { Domainname: _domain, Hostname: _host, Image: _image, ...rest } = config;
  return {
    ...rest,
    Env: list(config.Env) ?? [],
    Cmd: list(config.Cmd),
    Entrypoint: list(config.Entrypoint),
    Labels: set(config.Labels) as RunConfig['Labels'],
    Volumes: set(config.Volumes) as RunConfig['Volumes'],
    OnBuild: list(config.OnBuild),
    User: typeof config.User === 'string' ? config.User : '',
    WorkingDir: typeof config.WorkingDir === 'string' ? config.WorkingDir : '',
  };
}

/** Without a PATH of its own an image gets the usual one. */
export const withPath = (config: RunConfig): RunConfig =>
  config.Env.some((entry) => entry.startsWith('PATH=')) ? config : { ...config, Env: [...config.Env, defaultPath] };

export const shellOf = (config: RunConfig): readonly string[] => config.Shell ?? defaultShell;

/** The words to execute. */
export const argvOf = (config: RunConfig, { form, words }: CommandLine): readonly string[] =>
  form === 'exec' ? words : [...shellOf(config), ...words];

export const environmentValue = (config: RunConfig, name: string): string | undefined =>
  config.Env.findLast((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);

export function withEnvironment(config: RunConfig, pairs: readonly KeyValue[]): RunConfig {
  const entries = new Map(config.Env.map((entry) => [entry.split('=', 1)[0]!, entry]));
  for (const { key, value } of pairs) entries.set(key, `${key}=${value}`);
  return { ...config, Env: [...entries.values()] };
}

export const withLabels = (config: RunConfig, pairs: readonly KeyValue[]): RunConfig => ({
  ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairs.map(({ key, value }) => [key, value])) },
});

/** Throws invalid-parameter for what is no port. */
export const withPorts = (config: RunConfig, specs: readonly string[]): RunConfig => ({
  ...config, ExposedPorts: { ...config.ExposedPorts, ...setOf(specs.flatMap(exposedPorts)) },
});

export const withVolumes = (config: RunConfig, paths: readonly string[]): RunConfig => ({ ...config, Volumes: { ...config.Volumes, ...setOf(paths) } });

/** Docker writes sets as objects with empty objects in them. */
const setOf = (keys: readonly string[]): Record<string, object> => Object.fromEntries(keys.map((key) => [key, {}]));

/** Throws invalid-parameter for what is no signal. */
export function withStopSignal(config: RunConfig, signal: string): RunConfig {
  parseSignal(signal);
  return { ...config, StopSignal: signal };
}

/** What a later instruction leaves open stays as an earlier one had it. */
export const withHealthcheck = (config: RunConfig, health: HealthConfig): RunConfig => ({ ...config, Healthcheck: { ...config.Healthcheck, ...health } });

/** Throws invalid-parameter for an empty path. */
export function withWorkingDirectory(config: RunConfig, path: string): RunConfig {
  if (path === '') throw invalidParameter('cannot normalize nothing');
  return { ...config, WorkingDir: cleanPath(posix.resolve('/', config.WorkingDir, path)) };
}

const cleanPath = (path: string): string => posix.normalize(path).replace(/(?<=.)\/$/, '');
