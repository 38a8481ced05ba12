/** Threads that unpack layers, for as long as there are layers to unpack. */
import { Worker } from 'node:worker_threads';
import { CaissonError, systemError } from '../errors.ts';
import { type Batch, BufferPool } from './batches.ts';
import type { LayerTarget } from './layer-unpacking.ts';
import { type PooledThread, ThreadPool } from './thread-pool.ts';
import type { UnpackAnswer, UnpackFailure, UnpackRequest } from './unpack-thread.ts';

/** Batches on their way to a thread. */
const mostBatches = 8;
/** What layers come in. */
export const batchBuffers = new BufferPool(256 * 1024, 2 * mostBatches);

type Outcome = Exclude<UnpackAnswer, { kind: 'taken' }>;

/** The layer that a thread is at work on. */
interface Work {
  readonly taken: (buffer: ArrayBuffer) => void;
  readonly ended: (outcome: Outcome) => void;
}

/** One thread; it unpacks one layer at a time. */
class UnpackThread implements PooledThread {
  readonly #worker = new Worker(new URL('./unpack-thread.ts', import.meta.url));
  readonly #release: (usable: boolean) => void;
  #work: Work | undefined;
  #usable = true;

  /** `release` is called after each layer; not usable, it will never unpack another. */
  constructor(release: (thread: UnpackThread, usable: boolean) => void) {
    this.#release = (usable) => release(this, usable);
    this.#worker.on('message', (answer: UnpackAnswer) => this.#onAnswer(answer));
    this.#worker.on('error', (cause: Error) => this.#onLoss(cause));
    // A daemon that ends does not wait for it.
    this.#worker.unref();
  }

  /**
   * Unpacks one layer; returns the bytes of its regular files.
   * Settles when nothing is written any more, and rejects with what the archive or reading it has failed with.
   */
  async unpack(target: LayerTarget, batches: AsyncIterable<Batch>): Promise<number> {
    const progress = new Progress();
    this.#work = progress;
    this.#tell({ kind: 'begin', target });
    try {
      await this.#send(batches, progress);
      this.#tell({ kind: 'end' });
    } catch (error) {
      this.#tell({ kind: 'abandon' });
      await progress.outcome;
      throw error;
    } finally {
      // Not before the outcome: until then the thread writes.
      void progress.outcome.then(() => this.#release(this.#usable));
    }
    const outcome = await progress.outcome;
    if (outcome.kind === 'unpacked') return outcome.size;
    throw outcome.kind === 'failed' ? asError(outcome.failure) : systemError('unpacking was abandoned', { operation: 'unpack layer' });
  }

  end(): void {
    void this.#worker.terminate();
  }

  /** Sends all there is; stops early when the thread has failed. */
  async #send(batches: AsyncIterable<Batch>, progress: Progress): Promise<void> {
    for await (const batch of batches) {
      if (progress.hasEnded) return;
      this.#tell({ kind: 'data', batch }, [batch.buffer]);
      await progress.sent();
    }
  }

  #tell(request: UnpackRequest, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #onAnswer(answer: UnpackAnswer): void {
    if (answer.kind === 'taken') this.#work?.taken(answer.buffer);
    else this.#work?.ended(answer);
  }

  #onLoss(cause: Error): void {
    this.#usable = false;
    const failure: UnpackFailure = {
      class: 'system', message: `the thread that unpacks layers ended: ${cause.message}`, operation: 'unpack layer', object: undefined,
    };
    this.#work?.ended({ kind: 'failed', failure });
  }
}

/** How far one layer is: what is on its way to the thread, and what came of it. */
class Progress implements Work {
  readonly outcome: Promise<Outcome>;
  #settle: (outcome: Outcome) => void = () => undefined;
  #onTheirWay = 0;
  #hasEnded = false;
  #wake: () => void = () => undefined;

  constructor() {
    this.outcome = new Promise((resolve) => (this.#settle = resolve));
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** A batch was sent: settles when another may be. */
  async sent(): Promise<void> {
    this.#onTheirWay++;
    while (this.#onTheirWay >= mostBatches && !this.#hasEnded) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  taken(buffer: ArrayBuffer): void {
    this.#onTheirWay--;
    batchBuffers.give(buffer);
    this.#wake();
  }

  ended(outcome: Outcome): void {
    this.#hasEnded = true;
    this.#settle(outcome);
    this.#wake();
  }
}

const asError = ({ class: errorClass, message, operation, object }: UnpackFailure) =>
  new CaissonError(errorClass, message, { ...(operation === undefined ? {} : { operation }), ...(object === undefined ? {} : { object }) });

/** This process's threads. */
export const unpackThreads = new ThreadPool<UnpackThread>(() => new UnpackThread((thread, usable) => unpackThreads.release(thread, usable)));
