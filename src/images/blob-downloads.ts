/**
 * Blobs on their way from registries: at most three at once, each once whoever wants it, into files of their own, so that
 * what has come stays when a connection or the daemon dies. `<directory>/<hex>.partial` grows; `<hex>` is whole and verified.
 */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { CaissonError, systemError } from '../errors.ts';
import type { Digest } from '../storage/digest.ts';
import { Pace } from '../storage/pace.ts';
import { isFinal, type OpenedBlob } from './registry/repository.ts';

/** As Docker's max-concurrent-downloads. */
const parallel = 3;
/** Attempts without progress, as Docker's max-download-attempts. */
const maxFailures = 5;
/** So many new bytes are progress: a server that sends a byte for each connection is not waited for. */
const progressBytes = 1024 * 1024;
/** Small enough for the processor's cache, as what is read goes on to the decompressor at once. */
const readSize = 64 * 1024;
/** How long files that nobody uses are kept, in milliseconds. */
const keep = 24 * 60 * 60 * 1000;

export interface BlobToFetch {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** Opens the blob at a registry, from an offset on. */
export type BlobSource = (offset: number, signal: AbortSignal) => Promise<OpenedBlob>;

export interface DownloadObserver {
  waiting(): void;
  received(bytes: number): void;
  /** Before the next attempt. */
  retrying(seconds: number): void;
  verifying(): void;
  complete(): void;
}

/** A blob that was received and is another one. `resumed`: some of it was here before, and may be what is wrong. */
export class BlobMismatch extends CaissonError {
  readonly resumed: boolean;

  constructor(digest: Digest, resumed: boolean) {
    super('system', `filesystem layer verification failed for digest ${digest}`, { operation: 'download blob', object: digest });
    this.resumed = resumed;
  }
}

export interface BlobDownload {
  /** The content, as it arrives; fails when the blob turns out to be another one. */
  read(): AsyncGenerator<Uint8Array>;
  /** To be called once. Without other users the download ends; its file goes unless it is to be kept for another attempt. */
  release(keepFile: boolean): void;
}

export class BlobDownloads {
  readonly #directory: string;
  readonly #running = new Map<Digest, Download>();
  readonly #slots = new Slots(parallel);
  /** Between attempts, in milliseconds. */
  readonly #backoff: number;

  constructor(directory: string, { backoff = 1000 }: { backoff?: number } = {}) {
    this.#directory = directory;
    this.#backoff = backoff;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** Begins a download, or joins the one that runs. */
  join(blob: BlobToFetch, source: BlobSource, observer: DownloadObserver): BlobDownload {
    let download = this.#running.get(blob.digest);
    if (!download || download.failed) {
      download = new Download(this.#directory, blob, this.#slots, this.#backoff, source);
      const own = download;
      this.#running.set(blob.digest, own);
      own.onIdle = () => {
        if (this.#running.get(blob.digest) === own) this.#running.delete(blob.digest);
      };
    }
    return download.join(observer);
  }

  /** Removes files that nobody has used for a day. */
  sweep(now = Date.now()): void {
    const inUse = new Set([...this.#running.keys()].map((digest) => hexOf(digest)));
    for (const name of readdirSync(this.#directory)) {
      if (inUse.has(name.replace(/\.partial$/, ''))) continue;
      const path = `${this.#directory}/${name}`;
      if (now - statSync(path).mtimeMs > keep) rmSync(path, { force: true });
    }
  }
}

const hexOf = (digest: Digest) => digest.slice('sha256:'.length);

type State =
  | { readonly kind: 'running' }
  | { readonly kind: 'complete' }
  | { readonly kind: 'failed'; readonly error: unknown };

class Download {
  onIdle: () => void = () => undefined;
  readonly #blob: BlobToFetch;
  readonly #path: string;
  readonly #slots: Slots;
  readonly #backoff: number;
  readonly #source: BlobSource;
  readonly #observers = new Set<DownloadObserver>();
  readonly #abort = new AbortController();
  readonly #fd: number;
  #hash: Hash = createHash('sha256');
  #received = 0;
  #resumed = false;
  #state: State = { kind: 'running' };
  /** What readers that have read all there is wait for. */
  #change = Promise.withResolvers<void>();

  constructor(directory: string, blob: BlobToFetch, slots: Slots, backoff: number, source: BlobSource) {
    this.#blob = blob;
    this.#slots = slots;
    this.#backoff = backoff;
    this.#source = source;
    this.#path = `${directory}/${hexOf(blob.digest)}`;
    const whole = openIfThere(this.#path);
    this.#fd = whole ?? openSync(`${this.#path}.partial`, 'a+', 0o600);
    if (whole !== undefined) {
      this.#received = fstatSync(whole).size;
      this.#resumed = true;
      // Its observers are not there yet.
      queueMicrotask(() => this.#settle({ kind: 'complete' }));
      return;
    }
    this.#run().then(() => this.#settle({ kind: 'complete' }), (error: unknown) => this.#settle({ kind: 'failed', error }));
  }

  get failed(): boolean {
    return this.#state.kind === 'failed' || this.#abort.signal.aborted;
  }

  join(observer: DownloadObserver): BlobDownload {
    this.#observers.add(observer);
    if (this.#state.kind === 'complete') observer.complete();
    let released = false;
    return {
      read: () => this.#read(() => released),
      release: (keepFile) => {
        released = true;
        this.#leave(observer, keepFile);
      },
    };
  }

  async *#read(released: () => boolean): AsyncGenerator<Uint8Array> {
    for (let at = 0; ;) {
      if (released()) throw systemError('the download was given up');
      const change = this.#change.promise;
      if (at < this.#received) {
        const buffer = Buffer.allocUnsafeSlow(Math.min(readSize, this.#received - at));
        const count = readSync(this.#fd, buffer, 0, buffer.length, at);
        if (count === 0) throw systemError(`the file of the blob ${this.#blob.digest} was cut short`);
        at += count;
        yield buffer.subarray(0, count);
      } else if (this.#state.kind === 'complete') return;
      else if (this.#state.kind === 'failed') throw this.#state.error;
      else await change;
    }
  }


  #leave(observer: DownloadObserver, keepFile: boolean): void {
    if (!this.#observers.delete(observer) || this.#observers.size > 0) {
      this.#changed();
      return;
    }
    this.#abort.abort();
    this.#changed();
    this.onIdle();
    if (!keepFile || this.#received === 0) rmSync(this.#state.kind === 'complete' ? this.#path : `${this.#path}.partial`, { force: true });
    // While it runs, #settle closes the file.
    if (this.#state.kind !== 'running') closeSync(this.#fd);
  }

  #settle(state: State): void {
    this.#state = state;
    if (state.kind === 'complete') for (const observer of this.#observers) observer.complete();
    if (this.#observers.size === 0) closeSync(this.#fd);
    this.#changed();
  }

  #changed(): void {
    const { resolve } = this.#change;
    this.#change = Promise.withResolvers<void>();
    resolve();
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    await this.#takeUp();
    const give = await this.#slots.take(signal, () => this.#tell((observer) => observer.waiting()));
    try {
      await this.#attempts(signal);
    } finally {
      give();
    }
    this.#tell((observer) => observer.verifying());
    if (`sha256:${this.#hash.digest('hex')}` !== this.#blob.digest) {
      rmSync(`${this.#path}.partial`, { force: true });
      throw new BlobMismatch(this.#blob.digest, this.#resumed);
    }
    renameSync(`${this.#path}.partial`, this.#path);
  }

  /** What an earlier attempt has left. */
  async #takeUp(): Promise<void> {
    // Not before the constructor's caller has joined.
    await Promise.resolve();
    const { size } = fstatSync(this.#fd);
    if (size > this.#blob.size) throw this.#tooLong(size);
    const pace = new Pace();
    for (let at = 0; at < size;) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(readSize, size - at));
      const count = readSync(this.#fd, buffer, 0, buffer.length, at);
      if (count === 0) break;
      this.#hash.update(buffer.subarray(0, count));
      at += count;
      this.#received = at;
      await pace.breathe();
    }
    this.#resumed = size > 0;
  }

  /** Until all bytes are here, or there is no hope. */
  async #attempts(signal: AbortSignal): Promise<void> {
    let progressAt = this.#received;
    for (let failures = 0; this.#received < this.#blob.size;) {
      const before = this.#received;
      try {
        await this.#receive(signal);
        if (this.#received < this.#blob.size) throw systemError('unexpected EOF', { operation: 'download blob', object: this.#blob.digest });
      } catch (error) {
        if (signal.aborted || isFinal(error) || error instanceof TooLong || isHostError(error)) throw error;
        if (this.#received - progressAt >= progressBytes) {
          failures = 0;
          progressAt = this.#received;
        }
        if (++failures > maxFailures) throw error;
        // A connection that broke off is taken up again at once.
        if (this.#received === before) await this.#pause(failures, signal);
      }
    }
  }

  async #receive(signal: AbortSignal): Promise<void> {
    const { offset, size, content } = await this.#source(this.#received, signal);
    try {
      if (size !== undefined && size !== this.#blob.size) throw this.#tooLong(size);
      // From a server that begins from the start again, what is here already is passed over.
      let skip = this.#received - offset;
      for await (const chunk of content) {
        const fresh = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - fresh.length;
        if (fresh.length > 0) this.#append(fresh);
      }
    } finally {
      await content.return(undefined);
    }
  }

  #append(chunk: Uint8Array): void {
    if (this.#received + chunk.length > this.#blob.size) throw this.#tooLong(this.#received + chunk.length);
    for (let done = 0; done < chunk.length;) done += writeSync(this.#fd, chunk, done);
    this.#hash.update(chunk);
    this.#received += chunk.length;
    this.#tell((observer) => observer.received(this.#received));
    this.#changed();
  }

  #tooLong(actual: number): TooLong {
    rmSync(`${this.#path}.partial`, { force: true });
    return new TooLong(this.#blob, actual);
  }

  async #pause(failures: number, signal: AbortSignal): Promise<void> {
    const delay = this.#backoff * 2 ** (failures - 1);
    this.#tell((observer) => observer.retrying(Math.ceil(delay / 1000)));
    await sleep(delay, signal);
  }

  #tell(what: (observer: DownloadObserver) => void): void {
    for (const observer of this.#observers) what(observer);
  }
}

/** A blob that has another size than its descriptor says. */
class TooLong extends CaissonError {
  constructor({ digest, size }: BlobToFetch, actual: number) {
    super('system', `the blob ${digest} has ${actual} bytes or more, and should have ${size}`, { operation: 'download blob', object: digest });
  }
}

/** This machine's, not the registry's: a full disk does not get emptier by trying again. */
const isHostError = (error: unknown) =>
  error instanceof Error && 'code' in error && ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EMFILE'].includes(String(error.code));

/** Rejects with the signal's reason when that is aborted. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** So many at once, in the order of asking. */
export class Slots {
  #free: number;
  readonly #queue: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves with the function that gives the slot back. `waiting` is called when there is none at once. */
  async take(signal: AbortSignal, waiting: () => void): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else {
      waiting();
      await this.#turn(signal);
    }
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = this.#queue.shift();
      if (next) next();
      else this.#free++;
    };
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#queue.splice(this.#queue.indexOf(come), 1);
        reject(signal.reason as Error);
      };
      const come = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      this.#queue.push(come);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
