/**
 * Starts shims, and finds them again. A launch is one message: the shim, its listener, the control connection and the attachments are
 * there before, so that nothing is waited for twice.
 */
import { mkdirSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { systemError } from '../errors.ts';
import { connectUnix } from '../linux/ffi/connect.ts';
import { SystemCallError } from '../linux/ffi/libc.ts';
import { sealedMemfd } from '../linux/ffi/memfd.ts';
import { encodePlan, encodeSection } from './plan/encode.ts';
import type { Operation } from './plan/operations.ts';
import type { Attachment, Launched, Launcher, LaunchPhases, LaunchRequest, Shim } from './shim.ts';
import { attach } from './shim/attach.ts';
import { ControlConnection, encodeMessage } from './shim/connection.ts';
import { readExitRecord } from './shim/exit-record.ts';
import { launchErrorOf } from './shim/failure.ts';
import { defaultStallMs, launchPhases } from './shim/protocol.ts';
import { RemoteShim } from './shim/remote-shim.ts';
import { stdioBits } from './shim/stdio-bits.ts';
import { ShimSupply } from './shim/supply.ts';
import { openView } from './shim/view.ts';

export interface LauncherOptions {
  /** The helper's executable. It is read once; what runs is a sealed copy in memory. */
  readonly helperPath: string;
  /** Shims listen at `<execRoot>/shims/<id>.sock`. */
  readonly execRoot: string;
  /** A client that takes no output for this long is let go, in milliseconds. */
  readonly stallMs?: number;
}

/** Milliseconds that closing waits for shims which are still letting go of an overlay: its last writes go to the disk then. */
const closeWithin = 5000;

/** Makes the launcher. Throws when the helper cannot be read. */
export function createLauncher(options: LauncherOptions): Launcher {
  const shims = join(options.execRoot, 'shims');
  mkdirSync(shims, { recursive: true, mode: 0o700 });
  const helper = sealHelper(options.helperPath);
  const supply = new ShimSupply(helper, shims);
  const stallMs = options.stallMs ?? defaultStallMs;
  const socketPath = (id: string) => join(shims, `${id}.sock`);
  const leaving = new Map<string, Promise<void>>();
  let views = 0;
  const left = (id: string) => (gone: Promise<void>) => {
    leaving.set(id, gone.then(() => void leaving.delete(id)));
  };
  return {
    launch: async (request, attachments) => {
      // Two overlays must not have one upper directory: the last run's is on its way out.
      await leaving.get(request.id);
      return launch(supply, { path: socketPath(request.id), stallMs, left: left(request.id) }, request, attachments);
    },
    reconnect: (id) => reconnect(socketPath(id), left(id)),
    release: (id, operations) => release(supply, socketPath(id), operations),
    view(plan) {
      const path = join(shims, `view-${process.pid}-${views++}.sock`);
      const shim = supply.take(path);
      unlinkSync(path);
      setImmediate(() => supply.replenish());
      return openView(shim, plan);
    },
    readExitRecord,
    async close() {
      const gone = [supply.close(), ...leaving.values()];
      await Promise.race([Promise.all(gone), setTimeout(closeWithin, undefined, { ref: false })]);
    },
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

interface Place {
  /** Of the shim's socket. */
  readonly path: string;
  readonly stallMs: number;
  /** Told when all that the shim held is free by name; the promise settles when the shim is gone, and its overlay with it. */
  readonly left: (gone: Promise<void>) => void;
}

async function launch(
  supply: ShimSupply, { path, stallMs, left }: Place, request: LaunchRequest, attachments: readonly Attachment[],
): Promise<Launched> {
  const began = performance.now();
  const message = encodeMessage('launch', {
    request: 1,
    id: request.id,
    stdio: stdioBits(request.stdio),
    expected: attachments.length,
    stallMs,
    logPath: request.log?.path ?? '',
    logMaxSize: BigInt(request.log?.maxSize ?? 0),
    logMaxFiles: request.log?.maxFiles ?? 1,
    logAttributes: request.log?.attributes ?? '',
    exitRecordPath: request.exitRecordPath,
    oomEventsPath: request.oomEventsPath ?? '',
    socketPath: path,
    plan: encodePlan(request.plan),
  });
  const { control, pid: shimPid } = supply.take(path);
  const streams = attachments.map((attachment) => attach(path, '', attachment));
  let shim: RemoteShim | undefined;
  const gone = Promise.withResolvers<void>();
  const connection = new ControlConnection(control, {
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
      return { shim, streams, phases: phasesOf(began, sent, answer.phases) };
    }
    for (const stream of streams) stream?.destroy();
    left(gone.promise);
    if (answer?.kind === 'failed') throw launchErrorOf(answer, request.plan);
    throw systemError('the shim ended before the container was started', { operation: 'launch', object: request.id });
  });
  const sent = performance.now();
  connection.send(message);
  // The shim is at work now, and this process has nothing to do.
  setImmediate(() => supply.replenish());
  return launched;
}

/** The shim's own phases between this process's; `messages` is what the way there and back took. */
function phasesOf(began: number, sent: number, shim: readonly number[]): LaunchPhases {
  const own = Object.fromEntries(launchPhases.map((name, index) => [name, (shim[index] ?? 0) / 1000]));
  const messages = performance.now() - sent - shim.reduce((sum, microseconds) => sum + microseconds, 0) / 1000;
  return { encode: sent - began, ...own, messages };
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

async function release(supply: ShimSupply, path: string, operations: readonly Operation[]): Promise<void> {
  const message = encodeMessage('release', { section: encodeSection(operations) });
  const { control } = supply.take(path);
  await new Promise<void>((resolve) => {
    const connection = new ControlConnection(control, {
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
