/** Docker's frames of a container without a terminal: 1 byte stream (1 stdout, 2 stderr), 3 zero, 4 length big-endian, payload. */

const headerSize = 8;

/** A piece of a frame's payload; it is part of what was fed. */
export interface OutputPiece {
  readonly stream: 1 | 2;
  readonly payload: Uint8Array;
}

/** Splits framed output, which may be cut anywhere. */
export class OutputFrames {
  readonly #header = Buffer.alloc(headerSize);
  #headerLength = 0;
  #left = 0;
  #stream: 1 | 2 = 1;

  /** The payloads in it, in order. Throws on bytes that are no frame. */
  *feed(bytes: Uint8Array): Generator<OutputPiece> {
    for (let rest = bytes; rest.length > 0;) {
      if (this.#left > 0) {
        const payload = rest.subarray(0, this.#left);
        rest = rest.subarray(payload.length);
        this.#left -= payload.length;
        yield { stream: this.#stream, payload };
      } else {
        rest = rest.subarray(this.#takeHeader(rest));
      }
    }
  }

  /** How many bytes of a header there were. */
  #takeHeader(bytes: Uint8Array): number {
    const part = bytes.subarray(0, headerSize - this.#headerLength);
    this.#header.set(part, this.#headerLength);
    this.#headerLength += part.length;
    if (this.#headerLength < headerSize) return part.length;
    this.#headerLength = 0;
    const kind = this.#header[0];
    // 0 is stdin echoed back, 3 an error of the engine itself; Docker's clients show the latter on stderr.
    if (kind === undefined || kind > 3) throw new Error(`unrecognized stream type ${kind}`);
    this.#stream = kind < 2 ? 1 : 2;
    this.#left = this.#header.readUInt32BE(4);
    return part.length;
  }
}

/** Splits framed output; `write` gets payloads in order. Throws on bytes that are no frame. */
export async function demultiplex(
  chunks: AsyncIterable<Uint8Array>,
  write: (stream: 1 | 2, payload: Uint8Array) => Promise<void>,
): Promise<void> {
  const frames = new OutputFrames();
  for await (const chunk of chunks) for (const { stream, payload } of frames.feed(chunk)) await write(stream, payload);
}
