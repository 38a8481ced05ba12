import { HttpError } from './http-error.ts';

/** Unread bytes after which the socket is no longer read. */
const highWaterMark = 256 * 1024;

type Ending =
  | { readonly kind: 'open' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'failed'; readonly error: Error };

/** What the body asks of its connection. */
export interface BodySource {
  /** The handler wants bytes for the first time: the place for `100 Continue`. */
  started(): void;
  /** Stop reading the socket, the handler is behind. */
  pause(): void;
  resume(): void;
}

/** The bytes of a request's body, read as they come; reading slowly slows the client down. May be read once. */
export class RequestBody implements AsyncIterable<Uint8Array> {
  readonly #source: BodySource;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #ending: Ending = { kind: 'open' };
  #wake: (() => void) | undefined;
  #started = false;
  #paused = false;

  constructor(source: BodySource) {
    this.#source = source;
  }

  /** A body of no bytes. */
  static empty(source: BodySource): RequestBody {
    const body = new RequestBody(source);
    body.finish();
    return body;
  }

  /** For the connection: bytes arrived. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    if (this.#buffered >= highWaterMark && !this.#paused) {
      this.#paused = true;
      this.#source.pause();
    }
    this.#wakeReader();
  }

  /** For the connection: that was the last byte. */
  finish(): void {
    this.#ending = { kind: 'ended' };
    this.#wakeReader();
  }

  /** For the connection: the rest will never come. */
  fail(error: Error): void {
    if (this.#ending.kind === 'open') this.#ending = { kind: 'failed', error };
    this.#wakeReader();
  }

  /** For the connection: the handler is done, what it left unread is dropped. */
  discard(): void {
    this.#chunks = [];
    this.#buffered = 0;
    this.#unpause();
  }

  /**
   * The whole body.
   * @throws HttpError 413 when it is longer than `limit` bytes
   */
  async collect(limit: number): Promise<Buffer> {
    if (this.#ending.kind === 'ended' && this.#buffered <= limit) return this.#takeAll();
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of this) {
      length += chunk.length;
      if (length > limit) throw new HttpError(413, `request body too large: more than ${limit} bytes`);
      chunks.push(chunk);
    }
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (!this.#started && this.#ending.kind === 'open') this.#source.started();
    this.#started = true;
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#buffered -= chunk.length;
        if (this.#buffered < highWaterMark / 2) this.#unpause();
        yield chunk;
      } else if (this.#ending.kind === 'failed') {
        throw this.#ending.error;
      } else if (this.#ending.kind === 'ended') {
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    }
  }

  /** Most bodies have arrived with their head. */
  #takeAll(): Buffer {
    const chunks = this.#chunks;
    this.discard();
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
  }

  #wakeReader(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #unpause(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#source.resume();
  }
}
