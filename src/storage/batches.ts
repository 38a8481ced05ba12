/**
 * A stream cut into buffers of one size, which are used again. To touch a page of new memory for the first time can cost more than to
 * fill it (measured on a virtual machine: half of the time that a layer took).
 */

/** Milliseconds that buffers and threads which nobody uses are kept: not when the daemon, idle for a second, gives its memory back. */
export const idleTime = 500;

/** Buffers of `size` bytes, of which at most `most` are kept for later. */
export class BufferPool {
  readonly size: number;
  readonly #most: number;
  readonly #free: ArrayBuffer[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(size: number, most: number) {
    this.size = size;
    this.#most = most;
  }

  /** What is in it is whatever was there before. */
  take(): ArrayBuffer {
    return this.#free.pop() ?? new ArrayBuffer(this.size);
  }

  give(buffer: ArrayBuffer): void {
    if (this.#free.length < this.#most) this.#free.push(buffer);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#free.length = 0), idleTime).unref();
  }
}

export type Batch = Uint8Array<ArrayBuffer>;

/** The stream in buffers of a pool, which are the reader's to give back; all but the last are full. */
export async function* batchesOf(stream: AsyncIterable<Uint8Array>, pool: BufferPool): AsyncGenerator<Batch, void> {
  let batch = new Uint8Array(pool.take());
  let used = 0;
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + pool.size - used);
      batch.set(part, used);
      at += part.length;
      used += part.length;
      if (used < pool.size) continue;
      yield batch;
      batch = new Uint8Array(pool.take());
      used = 0;
    }
  }
  if (used > 0) yield batch.subarray(0, used);
  else pool.give(batch.buffer);
}
