/**
 * The life of a container as a union: each status carries what is true of it, and nothing else. `dockerState` turns it into
 * the `State` object of `GET /containers/{id}/json`.
 */

/** How the last run ended. Times are RFC 3339 with nanoseconds. */
export interface Ended {
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly error: string;
  readonly startedAt: string;
  readonly finishedAt: string;
}

/** A run that goes on. */
export interface Alive {
  readonly pid: number;
  readonly startedAt: string;
  readonly finishedAt: string;
  /** The kernel has killed a process of it for want of memory, and it has gone on. */
  readonly oomKilled?: true;
}

export type ContainerState =
  /** Never ran. A start that failed leaves its exit code (126, 127, 128) and error here, as Docker does. */
  | { readonly status: 'created'; readonly exitCode: number; readonly error: string }
  | ({ readonly status: 'running' } & Alive)
  | ({ readonly status: 'paused' } & Alive)
  /** Ended, and waiting for its restart policy's delay. */
  | ({ readonly status: 'restarting' } & Ended)
  | ({ readonly status: 'exited' } & Ended)
  /** Its removal failed half-way; only another `rm` is possible. */
  | ({ readonly status: 'dead' } & Ended);

export type ContainerStatus = ContainerState['status'] | 'removing';

/** What Go prints for a time that was never set. */
export const zeroTime = '0001-01-01T00:00:00Z';

export const created: ContainerState = { status: 'created', exitCode: 0, error: '' };

/** True while the container has a process: running or paused. */
export function isAlive(state: ContainerState): state is Extract<ContainerState, { pid: number }> {
  return state.status === 'running' || state.status === 'paused';
}

/** The exit code `wait` and `inspect` show: 0 while it runs. */
export function exitCodeOf(state: ContainerState): number {
  return isAlive(state) ? 0 : state.exitCode;
}

/** What is known of the previous run, for the transition into another state. */
export function endedOf(state: ContainerState): Ended {
  if (state.status === 'exited' || state.status === 'restarting' || state.status === 'dead') {
    const { exitCode, oomKilled, error, startedAt, finishedAt } = state;
    return { exitCode, oomKilled, error, startedAt, finishedAt };
  }
  return {
    exitCode: exitCodeOf(state), oomKilled: isAlive(state) && state.oomKilled === true, error: isAlive(state) ? '' : state.error,
    startedAt: isAlive(state) ? state.startedAt : zeroTime, finishedAt: isAlive(state) ? state.finishedAt : zeroTime,
  };
}

/** The `State` object of inspect. Docker reports a restarting container as running too. */
export function dockerState(state: ContainerState, removing: boolean): Record<string, unknown> {
  const ended = endedOf(state);
  return {
    Status: removing ? 'removing' : state.status,
    Running: isAlive(state) || state.status === 'restarting',
    Paused: state.status === 'paused',
    Restarting: state.status === 'restarting',
    OOMKilled: ended.oomKilled,
    Dead: state.status === 'dead',
    Pid: isAlive(state) ? state.pid : 0,
    ExitCode: ended.exitCode,
    Error: ended.error,
    StartedAt: ended.startedAt,
    FinishedAt: ended.finishedAt,
  };
}
