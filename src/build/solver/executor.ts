/** How the solver runs commands: the engine above implements this with containers like any other. */
import type { Digest } from '../../storage/driver.ts';
import type { RunOperation } from '../graph/vertex.ts';
import type { Observer } from './session.ts';

/** A mount with its place on the host. */
export interface PreparedMount {
  readonly target: string;
  readonly readOnly: boolean;
  readonly source:
    | { readonly kind: 'path'; readonly path: string }
    | { readonly kind: 'tmpfs'; readonly size: number };
}

export interface RunRequest {
  readonly operation: RunOperation;
  /** What the container's root is on; null for an empty one. */
  readonly topLayer: Digest | null;
  readonly mounts: readonly PreparedMount[];
  /** `KEY=value` beside the operation's own: what must not be known of it later. */
  readonly environment: readonly string[];
  readonly observer: Observer;
  /** The container is killed when it is aborted. */
  readonly signal: AbortSignal;
}

export interface RunOutcome {
  readonly container: string;
  readonly exitCode: number;
}

export interface Executor {
  /** Runs to the end of the command; the container stays. Throws in Docker's words when it cannot start. */
  run(request: RunRequest): Promise<RunOutcome>;
  /** What the container has written, as a layer; the topmost one below when that is nothing. */
  commit(container: string, topLayer: Digest | null): Promise<Digest | null>;
  remove(container: string): Promise<void>;
}
