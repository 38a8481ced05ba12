/** Collects the beginning of a multiplexed stream's output: stdout and stderr as they come, without the frames' headers. */

/** Bytes kept, as many as Docker keeps. */
const limit = 4096;
const headerLength = 8;

export class ProbeOutput {
  readonly #kept: Buffer[] = [];
  #length = 0;
  #truncated = false;
  #header: Buffer = Buffer.alloc(0);
  /** Bytes of the current frame's payload that have not come yet. */
  #payload = 0;

  add(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0;) rest = this.#payload > 0 ? this.#takePayload(rest) : this.#takeHeader(rest);
  }

  /** Ends in `...` when there was more. */
  text(): string {
    return `${Buffer.concat(this.#kept).toString('utf8')}${this.#truncated ? '...' : ''}`;
  }

  #takeHeader(bytes: Buffer): Buffer {
    const missing = headerLength - this.#header.length;
    this.#header = Buffer.concat([this.#header, bytes.subarray(0, missing)]);
    if (this.#header.length === headerLength) {
      this.#payload = this.#header.readUInt32BE(4);
      this.#header = Buffer.alloc(0);
    }
    return bytes.subarray(missing);
  }

  #takePayload(bytes: Buffer): Buffer {
    const piece = bytes.subarray(0, this.#payload);
    this.#payload -= piece.length;
    const keep = piece.subarray(0, limit - this.#length);
    if (keep.length > 0) this.#kept.push(keep);
    this.#length += keep.length;
    this.#truncated ||= keep.length < piece.length;
    return bytes.subarray(piece.length);
  }
}
