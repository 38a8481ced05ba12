/** Health of a container as a value: what a probe's result changes, and when the next probe is due (moby daemon/health.go). */
import type { ContainerConfig, HealthConfig } from '../docker-types.ts';

/** One run of the check, as inspect lists it. Times are RFC 3339 with nanoseconds. */
export interface ProbeResult {
  readonly Start: string;
  readonly End: string;
  /** 0 healthy; -1 when the check could not be run, or took too long. */
  readonly ExitCode: number;
  readonly Output: string;
}

export interface Health {
  readonly status: 'starting' | 'healthy' | 'unhealthy';
  /** Failures since the last success. */
  readonly failingStreak: number;
  /** The latest results, the newest last. */
  readonly log: readonly ProbeResult[];
}

const logLength = 5;
const defaultRetries = 3;
const milliseconds = (nanoseconds: number | undefined, otherwise: number): number => (nanoseconds ? nanoseconds / 1e6 : otherwise);

/** What a configuration asks for, with Docker's defaults; milliseconds. */
export interface HealthTimes {
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
}

export function healthTimes({ Interval, Timeout, StartPeriod, StartInterval }: HealthConfig): HealthTimes {
  return {
    interval: milliseconds(Interval, 30_000), timeout: milliseconds(Timeout, 30_000),
    startPeriod: milliseconds(StartPeriod, 0), startInterval: milliseconds(StartInterval, 5000),
  };
}

/** The command of a check; undefined when there is none: no configuration, `NONE`, or a kind nobody knows. */
export function probeCommand({ Healthcheck, Shell }: ContainerConfig): string[] | undefined {
  const [kind, ...words] = Healthcheck?.Test ?? [];
  if (words.length === 0) return undefined;
  if (kind === 'CMD') return words;
  return kind === 'CMD-SHELL' ? [...(Shell?.length ? Shell : ['/bin/sh', '-c']), ...words] : undefined;
}

/** A run begins: earlier results stay in the log. */
export const beginHealth = (previous: Health | undefined): Health => ({ status: 'starting', failingStreak: 0, log: previous?.log ?? [] });

/** Milliseconds until the next probe. `running`: milliseconds since the start. */
export function untilNextProbe({ status }: Health, times: HealthTimes, running: number): number {
  return status === 'starting' && running < times.startPeriod ? times.startInterval : times.interval;
}

/** `running`: milliseconds between the start of the container and the start of the probe. */
export function afterProbe(health: Health, result: ProbeResult, config: HealthConfig, running: number): Health {
  const log = [...health.log, result].slice(-logLength);
  if (result.ExitCode === 0) return { status: 'healthy', failingStreak: 0, log };
  // A container that has never been healthy may fail while it starts.
  if (health.status === 'starting' && running < healthTimes(config).startPeriod) return { ...health, log };
  const failingStreak = health.failingStreak + 1;
  const retries = config.Retries && config.Retries > 0 ? config.Retries : defaultRetries;
  return { status: failingStreak >= retries ? 'unhealthy' : health.status, failingStreak, log };
}

/** `State.Health` of inspect. */
export const shownHealth = ({ status, failingStreak, log }: Health): object => ({ Status: status, FailingStreak: failingStreak, Log: log });
