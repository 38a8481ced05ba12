/** Restart policies: `no`, `on-failure[:N]`, `always`, `unless-stopped`. */
import type { ContainerRecord } from './container.ts';

const firstDelay = 100;
const longestDelay = 60_000;
/** A run at least this long (seconds) was a success: the delay begins anew. */
const steadyRun = 10;

/** Delays double with each quick failure, as Docker's do; kept by container id while the daemon lives. */
const delays = new Map<string, number>();

/** Milliseconds until the container is to be started again; undefined when it stays down. `duration` in seconds. */
export function nextRestart(record: ContainerRecord, exitCode: number, duration: number): number | undefined {
  if (!wantsRestart(record, exitCode)) {
    delays.delete(record.id);
    return undefined;
  }
  const previous = duration >= steadyRun ? undefined : delays.get(record.id);
  const delay = previous === undefined ? firstDelay : Math.min(previous * 2, longestDelay);
  delays.set(record.id, delay);
  return delay;
}

function wantsRestart(record: ContainerRecord, exitCode: number): boolean {
  const policy = record.hostConfig.RestartPolicy;
  switch (policy?.Name) {
    case 'always':
      return true;
    case 'unless-stopped':
      return !record.manuallyStopped;
    case 'on-failure': {
      const limit = policy.MaximumRetryCount ?? 0;
      return exitCode !== 0 && (limit === 0 || record.restartCount < limit);
    }
    default:
      return false;
  }
}

/**
 * True when a container that has ended comes up together with the daemon: `on-failure` and `always` even when a person stopped it,
 * as in Docker.
 */
export function startsWithDaemon(record: ContainerRecord): boolean {
  return record.state.status === 'exited' && wantsRestart(record, record.state.exitCode);
}
