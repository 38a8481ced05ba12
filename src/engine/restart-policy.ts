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
  if (record.manuallyStopped || !wantsRestart(record, exitCode)) {
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
    case 'unless-stopped':
      return true;
    case 'on-failure': {
      const limit = policy.MaximumRetryCount ?? 0;
      return exitCode !== 0 && (limit === 0 || record.restartCount < limit);
    }
    default:
      return false;
  }
}

/** True when a container that is down comes up together with the daemon. */
export function startsWithDaemon(record: ContainerRecord): boolean {
  const name = record.hostConfig.RestartPolicy?.Name;
  return name === 'always' || (name === 'unless-stopped' && !record.manuallyStopped);
}
