/**
 * Shims that are started and not yet told what for. One is kept ready: starting a process costs a millisecond, which a launch then
 * does not wait for. A spare belongs to its daemon: when that ends, its control connection does, and the spare exits.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, readdirSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { conflict, systemError } from '../../errors.ts';
import { connectUnix } from '../../linux/ffi/connect.ts';
import { SystemCallError } from '../../linux/ffi/libc.ts';
import { listenUnix, socketpair } from '../../linux/ffi/sockets.ts';

export interface IdleShim {
  readonly pid: number;
  /** Our end of its first control connection. */
  readonly control: number;
  /** Settles when the process has ended, and what it held is gone. */
  readonly exited: Promise<void>;
}

interface Spare extends IdleShim {
  /** Where it listens until it is taken. */
  readonly path: string;
}

/** As long as what `ps` shows of a container's id, which the shim writes over it. */
const spareName = 'spare-------';

/** Names of spares are never used twice, by this process or another. */
let spares = 0;

export class ShimSupply {
  readonly #helper: string;
  readonly #directory: string;
  #spare: Spare | undefined;
  #closed = false;

  /** `helper`: the executable. `directory`: where the sockets are; what another daemon's spares left there is removed. */
  constructor(helper: string, directory: string) {
    this.#helper = helper;
    this.#directory = directory;
    const left = readdirSync(directory).filter((name) => name.startsWith('spare-')).map((name) => join(directory, name));
    for (const path of left) if (!isListening(path)) rmSync(path, { force: true });
  }

  /** A shim that listens at `path`. Throws conflict when another one does. */
  take(path: string): IdleShim {
    freePath(path);
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare === undefined) return this.start(path);
    // The socket is the file, whatever its name.
    if (renamed(spare.path, path)) return spare;
    closeSync(spare.control);
    return this.start(path);
  }

  /** Makes the next spare, if there is none. Where no process is to be had, the next launch says so. */
  replenish(): void {
    if (this.#spare !== undefined || this.#closed) return;
    const path = join(this.#directory, `spare-${process.pid}-${spares++}.sock`);
    try {
      this.#spare = { ...this.start(path, () => this.#drop(path)), path };
    } catch {
      rmSync(path, { force: true });
    }
  }

  /** Lets the spare go; settles when it is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    const spare = this.#spare;
    if (spare === undefined) return;
    this.#drop(spare.path);
    await spare.exited;
  }

  #drop(path: string): void {
    if (this.#spare?.path !== path) return; // taken meanwhile
    closeSync(this.#spare.control);
    rmSync(path, { force: true });
    this.#spare = undefined;
  }

  /** Starts a shim now. `onExit` is called when it has ended. */
  start(path: string, onExit: () => void = () => undefined): IdleShim {
    const listener = listenUnix(path);
    const [control, theirs] = socketpair();
    try {
      const child = spawn(this.#helper, [spareName], {
        argv0: 'caisson-shim',
        cwd: '/',
        env: {},
        stdio: ['ignore', 'ignore', 'ignore', theirs, listener],
      });
      if (child.pid === undefined) throw systemError('cannot start the shim', { operation: 'spawn', object: this.#helper });
      const exited = new Promise<void>((resolve) => {
        child.once('exit', () => {
          onExit();
          resolve();
        });
      });
      child.unref();
      return { pid: child.pid, control, exited };
    } finally {
      closeSync(theirs);
      closeSync(listener);
    }
  }
}

/** False when somebody has removed it. */
function renamed(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}

/** A socket file that a killed shim left makes way; one that somebody listens on is a conflict. */
function freePath(path: string): void {
  if (!existsSync(path)) return;
  if (isListening(path)) throw conflict('the container has a shim already', { operation: 'launch', object: path });
  unlinkSync(path);
}

function isListening(path: string): boolean {
  try {
    closeSync(connectUnix(path));
    return true;
  } catch (error) {
    return error instanceof SystemCallError && error.code === 'EAGAIN';
  }
}
