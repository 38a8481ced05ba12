/** The command and the environment: what the image says, merged with what was asked for. */
import { invalidParameter } from '../../errors.ts';
import type { ContainerConfig, HealthConfig } from '../docker-types.ts';
import { defaultPath } from './defaults.ts';
import { cleanPath } from './mounts.ts';

/**
 * Fills in from the image's configuration what the request leaves open (moby daemon/commit.go merge): an entrypoint in
 * the request drops the image's command, environment and labels are merged by name, volumes and ports united.
 */
export function mergeImageConfig(request: ContainerConfig, image: ContainerConfig | undefined): ContainerConfig {
  const given = { ...request, Entrypoint: isReset(request.Entrypoint) ? null : request.Entrypoint };
  if (image === undefined) return given;
  const command = given.Entrypoint?.length || given.Cmd?.length ? given.Cmd : image.Cmd;
  return {
    ...given,
    User: given.User || image.User || '',
    ExposedPorts: union(given.ExposedPorts, image.ExposedPorts),
    Env: mergeEnv(given.Env ?? [], image.Env ?? []),
    Labels: { ...image.Labels, ...given.Labels },
    Cmd: isReset(request.Entrypoint) ? given.Cmd : command,
    Entrypoint: isReset(request.Entrypoint) ? null : (given.Entrypoint ?? image.Entrypoint),
    Healthcheck: mergeHealthcheck(given.Healthcheck, image.Healthcheck),
    WorkingDir: cleanDirectory(given.WorkingDir || image.WorkingDir || ''),
    Volumes: union(given.Volumes, image.Volumes),
    StopSignal: given.StopSignal || image.StopSignal,
    StopTimeout: given.StopTimeout ?? image.StopTimeout,
    Shell: given.Shell?.length ? given.Shell : image.Shell,
  };
}

/** path.Clean; none stays none. */
const cleanDirectory = (path: string): string => (path === '' ? '' : cleanPath(path));

/** `--entrypoint ""` arrives as one empty word and means: none at all, not even the image's. */
const isReset = (entrypoint: readonly string[] | null | undefined): boolean =>
  entrypoint?.length === 1 && entrypoint[0] === '';

const union = <Value>(
  given: Record<string, Value> | null | undefined,
  image: Record<string, Value> | null | undefined,
) => (given || image ? { ...image, ...given } : undefined);

const nameOf = (entry: string): string => entry.split('=', 1)[0] ?? '';

function mergeEnv(given: readonly string[], image: readonly string[]): string[] {
  const names = new Set(given.map(nameOf));
  return [...given, ...image.filter((entry) => !names.has(nameOf(entry)))];
}

function mergeHealthcheck(
  given: HealthConfig | null | undefined,
  image: HealthConfig | null | undefined,
): HealthConfig | undefined {
  if (!given || !image) return given ?? image ?? undefined;
  return {
    Test: given.Test?.length ? given.Test : image.Test,
    Interval: given.Interval || image.Interval,
    Timeout: given.Timeout || image.Timeout,
    StartPeriod: given.StartPeriod || image.StartPeriod,
    StartInterval: given.StartInterval || image.StartInterval,
    Retries: given.Retries || image.Retries,
  };
}

/** The words to execute. Throws invalid-parameter when there are none. */
export function argvOf(config: ContainerConfig): string[] {
  const argv = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (argv.length === 0) throw invalidParameter('no command specified');
  return argv;
}

/**
 * The environment in Docker's order: PATH, HOSTNAME, TERM with a terminal, then what was given, which replaces an
 * earlier entry in its place. A name without `=` removes it.
 */
export function environmentOf(options: {
  readonly hostname: string;
  readonly tty: boolean;
  readonly env: readonly string[];
}): string[] {
  const entries = new Map<string, string>([
    ['PATH', `PATH=${defaultPath}`],
    ['HOSTNAME', `HOSTNAME=${options.hostname}`],
  ]);
  if (options.tty) entries.set('TERM', 'TERM=xterm');
  return applyEnv(entries, options.env);
}

/** `--env` of an exec over the container's own environment. */
export function overrideEnvironment(base: readonly string[], env: readonly string[]): string[] {
  return applyEnv(new Map(base.map((entry) => [nameOf(entry), entry])), env);
}

function applyEnv(entries: Map<string, string>, env: readonly string[]): string[] {
  for (const entry of env) {
    if (entry.includes('=')) entries.set(nameOf(entry), entry);
    else entries.delete(entry);
  }
  return [...entries.values()];
}

/** HOME as the runtime sets it: only when nobody else did. */
export function withHome(env: readonly string[], home: string): string[] {
  const given = env.find((entry) => entry.startsWith('HOME='));
  return given === undefined || given === 'HOME='
    ? [...env.filter((entry) => entry !== 'HOME='), `HOME=${home}`]
    : [...env];
}
