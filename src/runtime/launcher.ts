/**
 * Starts shims, and finds them again. A launch is one spawn and one message: the listener, the control connection and the
 * attachments exist before the shim does, so that nothing is waited for twice.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { conflict, systemError } from '../errors.ts';
import { connectUnix } from '../linux/ffi/connect.ts';
import { SystemCallError } from '../linux/ffi/libc.ts';
import { sealedMemfd } from '../linux/ffi/memfd.ts';
import { listenUnix, socketpair } from '../linux/ffi/sockets.ts';
import { Writer } from './plan/codec.ts';
import { encodePlan, writeSection } from './plan/encode.ts';
import type { Operation } from './plan/operations.ts';
import type { AttachOptions, Launcher, LaunchRequest, Shim } from './shim.ts';
import { attachStream } from './shim/attach.ts';
import { ControlConnection, encodeMessage } from './shim/connection.ts';
import { readExitRecord } from './shim/exit-record.ts';
import { launchErrorOf } from './shim/failure.ts';
import { defaultStallMs } from './shim/protocol.ts';
import { RemoteShim } from './shim/remote-shim.ts';
import { stdioBits } from './shim/stdio-bits.ts';

export interface LauncherOptions {
  /** The helper's executable. It is read once; what runs is a sealed copy in memory. */
  readonly helperPath: string;
  /** Shims listen at `<execRoot>/shims/<id>.sock`. */
  readonly execRoot: string;
  /** A client that takes no output for this long is let go, in milliseconds. */
  readonly stallMs?: number;
}

/** Makes the launcher. Throws when the helper cannot be read. */
export function createLauncher(options: LauncherOptions): Launcher {
  const shims = join(options.execRoot, 'shims');
  mkdirSync(shims, { recursive: true, mode: 0o700 });
  const helper = sealHelper(options.helperPath);
  const stallMs = options.stallMs ?? defaultStallMs;
  const socketPath = (id: string) => join(shims, `${id}.sock`);
  const leaving = new Map<string, Promise<void>>();
  const left = (id: string) => (gone: Promise<void>) => {
    leaving.set(id, gone.then(() => void leaving.delete(id)));
  };
  return {
    launch: async (request, attachments) => {
      // Two overlays must not have one upper directory: the last run's is on its way out.
      await leaving.get(request.id);
      return launch(helper, { path: socketPath(request.id), stallMs, left: left(request.id) }, request, attachments);
    },
    reconnect: (id) => reconnect(socketPath(id), left(id)),
    release: (id, operations) => release(helper, socketPath(id), operations),
    readExitRecord,
  };
}

/**
 * A copy of the helper that nobody can write to: a container that reaches it through /proc/PID/exe finds a sealed memfd
 * (CVE-2019-5736). The path leads through this process's descriptor and is opened by the new process itself.
 */
function sealHelper(path: string): string {
  const fd = sealedMemfd('caisson-shim', readFileSync(path), { executable: true });
  return `/proc/${process.pid}/fd/${fd}`;
}

/** Listens at `path`; a socket file that a killed shim left is replaced, a living one is a conflict. */
function listenAt(path: string): number {
  try {
    return listenUnix(path);
  } catch (error) {
    if (!(error instanceof SystemCallError) || error.code !== 'EADDRINUSE') throw error;
  }
  if (isListening(path)) throw conflict('the container has a shim already', { operation: 'launch', object: path });
  unlinkSync(path);
  return listenUnix(path);
}

function isListening(path: string): boolean {
  try {
    closeSync(connectUnix(path));
    return true;
  } catch (error) {
    return error instanceof SystemCallError && error.code === 'EAGAIN';
  }
}

/** Spawns the helper with its end of a new control connection and `listener`, both of which are closed here; our end remains. */
function spawnShim(helper: string, name: string, control: number, listener: number): number {
  try {
    const child = spawn(helper, [name], {
      argv0: 'caisson-shim',
      cwd: '/',
      env: {},
      stdio: ['ignore', 'ignore', 'ignore', control, listener],
    });
    if (child.pid === undefined) throw systemError('cannot start the shim', { operation: 'spawn', object: helper });
    child.unref();
    return child.pid;
  } finally {
    closeSync(control);
    closeSync(listener);
  }
}

interface Place {
  /** Of the shim's socket. */
  readonly path: string;
  readonly stallMs: number;
  /** Told when all that the shim held is free by name; the promise settles when the shim is gone, and its overlay with it. */
  readonly left: (gone: Promise<void>) => void;
}

async function launch(
  helper: string, { path, stallMs, left }: Place, request: LaunchRequest, attachments: readonly AttachOptions[],
): Promise<{ shim: Shim; streams: readonly Socket[] }> {
  const message = encodeMessage('launch', {
    request: 1,
    id: request.id,
    stdio: stdioBits(request.stdio),
    expected: attachments.length,
    stallMs,
    logPath: request.log?.path ?? '',
    logMaxSize: BigInt(request.log?.maxSize ?? 0),
    logMaxFiles: request.log?.maxFiles ?? 1,
    exitRecordPath: request.exitRecordPath,
    oomEventsPath: request.oomEventsPath ?? '',
    socketPath: path,
    plan: encodePlan(request.plan),
  });
  const listener = listenAt(path);
  const [ours, theirs] = socketpair();
  const streams = attachments.map((options) => attachStream(path, '', options));
  const shimPid = spawnShim(helper, request.id.slice(0, 12), theirs, listener);
  let shim: RemoteShim | undefined;
  const gone = Promise.withResolvers<void>();
  const connection = new ControlConnection(ours, {
    onEvent: (event) => {
      if (event.kind === 'released') left(gone.promise);
      shim?.onEvent(event);
    },
    onClose: () => {
      gone.resolve();
      shim?.onClose();
    },
  });
  const launched = connection.answer(connection.nextRequest(), (answer) => {
    if (answer?.kind === 'started') {
      shim = new RemoteShim(connection, { socketPath: path, exitRecordPath: request.exitRecordPath, shimPid, pid: answer.pid, startedAt: answer.startedAt });
      return { shim, streams };
    }
    for (const stream of streams) stream.destroy();
    left(gone.promise);
    if (answer?.kind === 'failed') throw launchErrorOf(answer, request.plan);
    throw systemError('the shim ended before the container was started', { operation: 'launch', object: request.id });
  });
  connection.send(message);
  return launched;
}

async function reconnect(path: string, left: Place['left']): Promise<Shim | undefined> {
  let fd: number;
  try {
    fd = connectUnix(path);
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'ECONNREFUSED') unlinkSync(path);
    if (error instanceof SystemCallError && (error.code === 'ECONNREFUSED' || error.code === 'ENOENT')) return undefined;
    throw error;
  }
  writeSync(fd, encodeMessage('control', {}));
  return new Promise((resolve) => {
    let shim: RemoteShim | undefined;
    const gone = Promise.withResolvers<void>();
    const connection = new ControlConnection(fd, {
      onEvent: (event) => {
        if (event.kind === 'released') left(gone.promise);
        if (event.kind !== 'hello') return shim?.onEvent(event);
        shim = new RemoteShim(connection, { socketPath: path, exitRecordPath: event.exitRecordPath, shimPid: event.shimPid, pid: event.pid, startedAt: '' });
        for (const [index, id] of event.execIds.entries()) shim.adoptExec(id, event.execPids[index] ?? 0);
        resolve(shim);
      },
      onClose: () => {
        gone.resolve();
        shim?.onClose();
        resolve(undefined);
      },
    });
  });
}

async function release(helper: string, path: string, operations: readonly Operation[]): Promise<void> {
  const writer = new Writer();
  writeSection(writer, operations);
  const message = encodeMessage('release', { section: writer.finish() });
  const listener = listenAt(path);
  const [ours, theirs] = socketpair();
  spawnShim(helper, 'release', theirs, listener);
  await new Promise<void>((resolve) => {
    const connection = new ControlConnection(ours, {
      onEvent: (event) => {
        if (event.kind === 'released') connection.close();
      },
      onClose: resolve,
    });
    connection.send(message);
  });
  try {
    unlinkSync(path);
  } catch {
    // Only a killed helper leaves it; the next launch replaces it.
  }
}
