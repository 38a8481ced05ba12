/**
 * What the engine sees of a shim: the process that executes a plan, is the parent of the container's first process, and
 * outlives the daemon. `launcher.ts` implements it.
 */
import type { Socket } from 'node:net';
import type { ViewPlan } from './compile/view.ts';
import type { Operation, Plan } from './plan/operations.ts';

/** Where and how the shim writes the container's output (json-file format), or `null` for `--log-driver none`. */
export interface LogTarget {
  readonly path: string;
  /** Rotate when a file is larger, in bytes; 0 never. */
  readonly maxSize: number;
  /** Files kept, the current one included; at least 1. */
  readonly maxFiles: number;
  /** JSON of an object that every record gets as its `attrs`, at most 32 KiB; empty for none. */
  readonly attributes?: string;
}

export interface StdioOptions {
  readonly tty: boolean;
  /** False: stdin is /dev/null. True: a pipe (or the terminal) that attached clients may write to. */
  readonly openStdin: boolean;
  /** Close the container's stdin when the first attached client with stdin has half-closed or left. */
  readonly stdinOnce: boolean;
}

export interface LaunchRequest {
  /** 64 hex digits. */
  readonly id: string;
  readonly plan: Plan;
  readonly stdio: StdioOptions;
  readonly log: LogTarget | null;
  /** The shim writes the exit record here, durably against a crash of the daemon (write to a temporary name, rename). */
  readonly exitRecordPath: string;
  /** `memory.oom_control` (v1) or `memory.events` (v2) of the container's cgroup, read at the exit; without it `oomKilled` is false. */
  readonly oomEventsPath?: string;
}

/** How a process ended. `exitCode` is 0-255, 128+n for a signal n. */
export interface ExitRecord {
  readonly exitCode: number;
  readonly signal: number;
  /** RFC 3339 with nanoseconds, UTC. */
  readonly finishedAt: string;
  readonly oomKilled: boolean;
}

/** A plan that failed: which operation, with which errno, on what. */
export interface OperationFailure {
  readonly section: 'prepare' | 'clone' | 'init' | 'host';
  /** Index within its section; -1 when it was no operation: the log file, the shim itself. */
  readonly index: number;
  readonly errno: number;
  /** The path or name the kernel refused, when there is one. */
  readonly object: string;
}

export class LaunchError extends Error {
  readonly failure: OperationFailure;
  /** The operation that failed; its index within the section is in `failure`. */
  readonly operation: Operation | undefined;

  constructor(failure: OperationFailure, operation: Operation | undefined, message: string) {
    super(message);
    this.name = 'LaunchError';
    this.failure = failure;
    this.operation = operation;
  }
}

/** Which streams a client wants. Frames are Docker's: 8-byte headers (`stream 0 0 0 len32be`) without a tty, raw bytes with one. */
export interface AttachOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/**
 * Somebody who reads and writes the streams of a process: this process, over a socket from the shim, or a client, whose own connection
 * the shim takes over, so that its bytes do not pass through here.
 */
export interface Attachment {
  readonly options: AttachOptions;
  /** Called once, when the connection can be handed over; a descriptor, closed here afterwards. Undefined: it has to be a socket. */
  readonly takeClient?: () => number | undefined;
}

export interface ShimProcess {
  /** In the host's pid namespace. */
  readonly pid: number;
  /** Settles once, when the process has ended and its output has been read to the end. Never rejects; a shim that was killed gives 137. */
  readonly exited: Promise<ExitRecord>;
  /** Delivers a signal by pidfd. Resolves false when the process had already ended. */
  signal(signal: number): Promise<boolean>;
  resize(columns: number, rows: number): Promise<void>;
  /**
   * A connected socket to the shim: what is written is stdin (half-close ends it), what is read are output frames, EOF at the end. Null for
   * a client that was handed over. Rejects with SystemCallError when the shim is gone.
   */
  attach(attachment: Attachment): Promise<Socket | null>;
}

export interface ExecRequest {
  readonly execId: string;
  readonly plan: Plan;
  readonly stdio: StdioOptions;
  /** Streams that are connected before the process runs, so that no byte is lost; absent when detached. */
  readonly attach: AttachOptions | null;
  /** A client's connection that the shim is to serve instead of `ExecProcess.stream`; stays the caller's to close. */
  readonly client?: number;
}

export interface ExecProcess extends ShimProcess {
  /** The stream asked for by `ExecRequest.attach`; null without one, or when the shim serves the client itself. */
  readonly stream: Socket | null;
}

/**
 * `released`: all of the section has been executed. `refused`: it has, but the packet filter did not have what was to be taken out of it.
 * `abandoned`: the shim was killed before that, and `Launcher.release` has to do it.
 */
export type ReleaseOutcome = 'released' | 'refused' | 'abandoned';

export interface Shim extends ShimProcess {
  readonly shimPid: number;
  /** When the command began to run: RFC 3339 with nanoseconds, UTC, not after its end. Empty for a shim that was found again. */
  readonly startedAt: string;
  /**
   * Settles when the release section has been executed: the names of mounts and cgroups are free, and the launcher itself waits for
   * what has no name any more.
   */
  readonly released: Promise<ReleaseOutcome>;
  /** `listener` is called each time the container runs out of memory without ending; its exit says it for its first process. */
  onOutOfMemory(listener: () => void): void;
  exec(request: ExecRequest): Promise<ExecProcess>;
  /**
   * Executes operations on the host's side, as those of `prepare`. Rejects with LaunchError. Afterwards `release`, if given,
   * takes the place of the plan's section.
   */
  operate(operations: readonly Operation[], release?: readonly Operation[]): Promise<void>;
  /** Running execs that the shim knows; after a restart of the daemon also those that ended before it came back. */
  readonly execs: ReadonlyMap<string, ExecProcess>;
}

/** Where the time of a launch went: milliseconds, in the order in which they passed. */
export type LaunchPhases = Readonly<Record<string, number>>;

/** A container that runs, and the streams that were attached before it did. */
export interface Launched {
  readonly shim: Shim;
  /** The socket of each attachment; null for a client that was handed over. */
  readonly streams: readonly (Socket | null)[];
  readonly phases: LaunchPhases;
}

/** A container's root, readable and writable for the engine, and for nobody else. */
export interface RootView {
  /** The root directory (O_PATH). What is opened below it with RESOLVE_IN_ROOT never leaves the view. Closed by `close`. */
  readonly fd: number;
  /** Settles when nothing of it is mounted any more. */
  close(): Promise<void>;
}

/** A launch in progress: streams attached before the process runs lose no byte. */
export interface Launcher {
  /**
   * Starts a shim and executes the plan. `attachments` are connected before the process runs.
   * Rejects with LaunchError when an operation fails; nothing of the plan is left then (the shim has executed `release`).
   */
  launch(request: LaunchRequest, attachments: readonly Attachment[]): Promise<Launched>;
  /** Finds the shim of a container again after a restart; undefined when there is none any more. */
  reconnect(id: string): Promise<Shim | undefined>;
  /**
   * Executes a `release` section alone, for a container whose shim was killed or whose machine was restarted. Failures are
   * left out: what cannot be released now is found again by the next reconciliation.
   */
  release(id: string, operations: readonly Operation[]): Promise<void>;
  /**
   * Makes a view of a root, in a mount namespace of a helper that does nothing else and ends with this process at the latest.
   * Rejects with LaunchError when an operation fails; nothing is left then.
   */
  view(plan: ViewPlan): Promise<RootView>;
  /** Ends what is kept ready for launches, and lets shims of ended containers finish; running containers do not notice. */
  close(): Promise<void>;
  /** Reads the exit record a shim left; undefined when there is none. */
  readExitRecord(path: string): ExitRecord | undefined;
}
