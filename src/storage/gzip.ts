/** A stream compressed with gzip, its blocks at once in threads. */
import { Worker } from 'node:worker_threads';
import { systemError } from '../errors.ts';
import { gzipBlock } from '../linux/ffi/gzip.ts';
import { type Batch, batchesOf, BufferPool } from './batches.ts';
import type { Compressed } from './gzip-thread.ts';
import { mostThreads, type PooledThread, ThreadPool } from './thread-pool.ts';

/** Large enough that what a block does not know of the one before costs less than half a percent. */
const blockSize = 1024 * 1024;
const blocks = new BufferPool(blockSize, 2 * mostThreads);
/** Bytes that are compressed before a thread would have begun. */
const small = 64 * 1024;

/** The same stream gives the same bytes. */
export async function* gzip(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const members: Promise<Uint8Array>[] = [];
  let isEmpty = true;
  try {
    for await (const block of batchesOf(stream, blocks)) {
      if (isEmpty && block.length <= small) yield gzipBlock(block);
      else members.push(handled(compress(block)));
      isEmpty = false;
      if (members.length > mostThreads) yield await members.shift()!;
    }
    if (isEmpty) yield gzipBlock(new Uint8Array(0));
    while (members.length > 0) yield await members.shift()!;
  } finally {
    await Promise.allSettled(members);
  }
}

/** It may fail before it is waited for. */
function handled<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => undefined);
  return promise;
}

async function compress(block: Batch): Promise<Uint8Array> {
  const thread = await threads.acquire();
  try {
    return await thread.compress(block);
  } finally {
    threads.release(thread, thread.usable);
  }
}

/** Compresses one block at a time. */
class GzipThread implements PooledThread {
  usable = true;
  readonly #worker = new Worker(new URL('./gzip-thread.ts', import.meta.url));
  #settle: { readonly resolve: (member: Uint8Array) => void; readonly reject: (error: unknown) => void } | undefined;

  constructor() {
    this.#worker.on('message', ({ member, block }: Compressed) => {
      blocks.give(block);
      this.#settle?.resolve(member);
    });
    this.#worker.on('error', (cause: Error) => {
      this.usable = false;
      this.#settle?.reject(systemError(`the thread that compresses ended: ${cause.message}`, { operation: 'compress layer', cause }));
    });
    // A daemon that ends does not wait for it.
    this.#worker.unref();
  }

  /** The block's member of the file; its buffer is taken. */
  compress(block: Batch): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#worker.postMessage(block, [block.buffer]);
    });
  }

  end(): void {
    void this.#worker.terminate();
  }
}

const threads = new ThreadPool(() => new GzipThread());
