/** A stream cut into buffers of one size, which can be used again. */

export type Batch = Uint8Array<ArrayBuffer>;

/** May be read once. Each batch is the reader's own, until it gives the buffer back. */
export class Batches implements AsyncIterable<Batch> {
  readonly #stream: AsyncIterable<Uint8Array>;
  readonly #size: number;
  readonly #free: ArrayBuffer[] = [];

  /** `size`: bytes of all batches but the last one. */
  constructor(stream: AsyncIterable<Uint8Array>, size: number) {
    this.#stream = stream;
    this.#size = size;
  }

  giveBack(buffer: ArrayBuffer): void {
    this.#free.push(buffer);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void> {
    let batch = this.#empty();
    let used = 0;
    for await (const chunk of this.#stream) {
      for (let at = 0; at < chunk.length;) {
        const part = chunk.subarray(at, at + this.#size - used);
        batch.set(part, used);
        at += part.length;
        used += part.length;
        if (used < this.#size) continue;
        yield batch;
        batch = this.#empty();
        used = 0;
      }
    }
    if (used > 0) yield batch.subarray(0, used);
  }

  #empty(): Batch {
    return new Uint8Array(this.#free.pop() ?? new ArrayBuffer(this.#size));
  }
}
