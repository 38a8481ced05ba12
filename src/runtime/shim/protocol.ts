/**
 * What a daemon and a shim say to each other: the one definition, from which the shim's `native/protocol.h` is generated.
 *
 *   daemon                                             shim
 *   ------                                             ----
 *   socketpair, listener, spawn ─────────────────────► fd 3: first control connection, fd 4: listener
 *   connect, `attach` header     (n times) ──────────► accepted later: the backlog keeps them
 *   `launch` {plan, expected: n} ────────────────────► prepare, clone, init …
 *                                ◄──────────────────── `started` {pid}   or   `failed` {operation}, release, exit
 *   `exec` `signal` `resize`     ────────────────────► each answered by `started`, `failed` or `done`
 *                                ◄──────────────────── `oom` when a process is killed for want of memory, and the container goes on
 *                                ◄──────────────────── `exited` {target} for an exec, for the container
 *                                ◄──────────────────── `released`, exit
 *
 *   (a view of a root, instead of a container)
 *   `view` {prepare, init}       ────────────────────► a mount namespace of its own
 *                                ◄──────────────────── `done`   or   `failed` {operation}, exit
 *   (the end of the connection)  ────────────────────► exit
 *
 *   (a daemon that was restarted)
 *   connect, `control`           ────────────────────► `hello` {pid, execs}, `exited` for what it has missed
 *
 * Every message is `u32 bytes of the body, u32 type`, then the fields (see plan/codec.ts). A connection to the listener
 * begins with `attach` or `control`. An `attach` may come with the descriptor of a client's own connection (SCM_RIGHTS), which then takes
 * the place of the one that brought it. After `attach` it is raw: towards the shim, stdin; from the shim, output: frames of
 * `u8 stream, 0, 0, 0, u32 length (big-endian)` without a terminal, plain bytes with one. The output of a process is read
 * only after the `expected` attachments are there, so that they lose no byte.
 */
import type { Fields } from '../plan/codec.ts';

interface MessageDefinition {
  /** The number on the wire; never reused. */
  readonly type: number;
  readonly fields: Fields;
}

/** Towards the shim. `target` is the id of an exec, or empty for the container. `request` comes back in the answer. */
export const requests = {
  launch: {
    type: 1,
    fields: {
      request: 'u32', id: 'string', stdio: 'u32', expected: 'u32', stallMs: 'u32', logPath: 'string', logMaxSize: 'u64', logMaxFiles: 'u32', logAttributes: 'string',
      exitRecordPath: 'string', oomEventsPath: 'string', socketPath: 'string', plan: 'bytes',
    },
  },
  exec: { type: 2, fields: { request: 'u32', id: 'string', stdio: 'u32', expected: 'u32', plan: 'bytes' } },
  signal: { type: 3, fields: { request: 'u32', target: 'string', signal: 'u32' } },
  resize: { type: 4, fields: { request: 'u32', target: 'string', columns: 'u32', rows: 'u32' } },
  /** Instead of `launch`: executes a release section, answers `released`, exits. */
  release: { type: 5, fields: { section: 'bytes' } },
  /** Instead of `launch`: becomes the view of a root that the sections make, answers `done` or `failed`, and is that until the connection ends. */
  view: { type: 6, fields: { request: 'u32', prepare: 'bytes', init: 'bytes' } },
  /** For a container that runs: the shim executes the operations as those of `prepare`, and returns to its namespaces. Answers `done`, and
   * then `release`, unless it is empty, takes the place of the plan's section, or `failed`. */
  operate: { type: 7, fields: { request: 'u32', section: 'bytes', release: 'bytes' } },
  attach: { type: 16, fields: { target: 'string', streams: 'u32' } },
  control: { type: 17, fields: {} },
} as const satisfies Record<string, MessageDefinition>;

/** From the shim. */
export const replies = {
  /**
   * `startedAt`: RFC 3339 with nanoseconds, UTC, and never after the `finishedAt` of the same process. `phases`: microseconds of
   * each of `launchPhases`.
   */
  started: { type: 64, fields: { request: 'u32', pid: 'u32', startedAt: 'string', phases: 'u32s' } },
  /** `section`: see `failedSection`; `index` -1 when it was no operation; `error` is the errno. */
  failed: { type: 65, fields: { request: 'u32', section: 'u32', index: 'i32', error: 'u32', object: 'string' } },
  /** `error` 0 or an errno. */
  done: { type: 66, fields: { request: 'u32', error: 'u32' } },
  exited: { type: 67, fields: { target: 'string', exitCode: 'u32', signal: 'u32', oomKilled: 'u32', finishedAt: 'string' } },
  /** `refused`: how many optional requests to the packet filter the kernel has refused meanwhile. */
  released: { type: 68, fields: { refused: 'u32' } },
  /** The container has run out of memory, and goes on. */
  oom: { type: 70, fields: {} },
  /** Running execs: `execIds[i]` has the pid `execPids[i]`. */
  hello: { type: 69, fields: { shimPid: 'u32', pid: 'u32', exitRecordPath: 'string', execIds: 'strings', execPids: 'u32s' } },
} as const satisfies Record<string, MessageDefinition>;

/** Bits of `stdio`. */
export const stdioFlag = { tty: 1, openStdin: 2, stdinOnce: 4 } as const;

/** Bits of `attach.streams`. */
export const streamFlag = { stdin: 1, stdout: 2, stderr: 4 } as const;

/** `failed.section`, in the order of the wire. */
export const failedSections = ['prepare', 'clone', 'init', 'host', 'release'] as const;

/**
 * Where the time of a start goes in the shim, in the order of `started.phases`: the section `prepare`; `clone`, until the new
 * process executes its first instruction; its section `init`, until the seccomp filter; `execve` and the filter, until the shim knows of it.
 */
export const launchPhases = ['prepare', 'clone', 'init', 'execve'] as const;

/** Descriptors that a shim is born with. */
export const shimDescriptor = { control: 3, listener: 4 } as const;

export const limits = {
  /** Bytes of a message. A plan is 10 to 40 kB. */
  maxMessage: 16 * 1024 * 1024,
  /** A longer line is written to the log in pieces of this many bytes, as Docker does. */
  maxLogLine: 16 * 1024,
  /** Bytes of the attributes in each record of the log. */
  maxLogAttributes: 32 * 1024,
  /** After the exit of a process, how long others that hold its output open are listened to. */
  drainMs: 500,
  /** TCP connections to a container's name service at a time, and how long one may be silent. */
  nameClients: 64,
  nameIdleMs: 10_000,
  /** Queries over UDP that wait for a name server outside at a time; more are refused. */
  nameForwards: 256,
  /**
   * Queries that a container has sent to servers outside, and that are led by its name service: at a time, the oldest is given up for more; how long their
   * answer is waited for; and how long, where the name service has one, too.
   */
  nameLed: 1024,
  nameLedMs: 15_000,
  nameKnownMs: 1500,
  /** The mark (SO_MARK) of what the name service sends out itself, so that it is not led back. */
  nameMark: 0x4e41_4d45,
  /** How long a process waits for the attachments that were announced. */
  expectMs: 10_000,
} as const;

/** A client of a process's output that takes nothing for this long is let go, so that it never stops the process for ever. Long
 * enough for somebody who reads `docker run … | less`. */
export const defaultStallMs = 300_000;
