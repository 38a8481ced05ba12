/** One request and its answer on a connection of HTTP/2: headers, data, perhaps trailers, either way (RFC 9113 section 5). */
import type { HeaderList } from './hpack.ts';
import { errorCode } from './http2-error.ts';

/** Bytes that the other side may send ahead of whoever reads them. */
export const streamWindow = 256 * 1024;
/** The largest window there is. */
export const maxWindow = 2 ** 31 - 1;

/** What a stream asks of its connection. */
export interface StreamSink {
  sendHeaders(stream: Http2Stream, headers: HeaderList, end: boolean): void;
  /** Sends what the windows allow of the stream's data. */
  pump(stream: Http2Stream): void;
  /** True while what has been sent has not left. */
  readonly behind: boolean;
  /** So many bytes of a stream have been read; `stream` is undefined for one that gets no more. */
  credit(bytes: number, stream: Http2Stream | undefined): void;
  sendReset(stream: Http2Stream, code: number): void;
}

/** How a stream has ended before its time. */
export class StreamReset extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'StreamReset';
    this.code = code;
  }
}

type Sending =
  | { readonly kind: 'open' }
  /** Nothing is added any more; what waits is still sent, and then the trailers. */
  | { readonly kind: 'ending'; readonly trailers: HeaderList | undefined }
  | { readonly kind: 'ended' };

export class Http2Stream {
  readonly id: number;
  /** The first headers of the other side. */
  readonly headers: Promise<HeaderList>;
  readonly #sink: StreamSink;
  readonly #closed = new AbortController();
  readonly #headers = Promise.withResolvers<HeaderList>();
  #received: Buffer[] = [];
  #receivedBytes = 0;
  #hasHeaders = false;
  #hasEnded = false;
  #isRead = true;
  #trailers: HeaderList = [];
  #failure: Error | undefined;
  #wakeReader: (() => void) | undefined;
  #waiting: Uint8Array[] = [];
  #sending: Sending = { kind: 'open' };
  #wakeWriters: (() => void)[] = [];
  /** What may be received and sent, in bytes. */
  receiveWindow = streamWindow;
  sendWindow: number;
  /** Read, and not told to the other side yet. */
  uncredited = 0;

  constructor(id: number, sink: StreamSink, sendWindow: number) {
    this.id = id;
    this.#sink = sink;
    this.sendWindow = sendWindow;
    this.headers = this.#headers.promise;
    this.headers.catch(() => undefined); // whoever reads the data is told, too
  }

  /** Aborted when the stream has failed, or its connection has ended. */
  get signal(): AbortSignal {
    return this.#closed.signal;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  /** What followed the data; whole when all data has been read. */
  get trailers(): HeaderList {
    return this.#trailers;
  }

  get isClosed(): boolean {
    return this.#failure !== undefined || (this.#hasEnded && this.#sending.kind === 'ended');
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The data as it comes, to its end; may be read once. Rejects when the stream fails. Leaving early drops the rest. */
  async *data(): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const chunk = this.#received.shift();
        if (chunk !== undefined) {
          this.#receivedBytes -= chunk.length;
          this.#sink.credit(chunk.length, this.#hasEnded ? undefined : this);
          yield chunk;
        } else if (this.#hasEnded) return;
        else if (this.#failure !== undefined) throw this.#failure;
        else await new Promise<void>((resolve) => (this.#wakeReader = resolve));
      }
    } finally {
      this.discard();
    }
  }

  /** Nobody reads what comes. */
  discard(): void {
    this.#isRead = false;
    if (this.#receivedBytes > 0) this.#sink.credit(this.#receivedBytes, this.#hasEnded ? undefined : this);
    this.#received = [];
    this.#receivedBytes = 0;
  }

  sendHeaders(headers: HeaderList): void {
    if (this.#failure === undefined) this.#sink.sendHeaders(this, headers, false);
  }

  /** What is returned settles when more may be sent, and rejects when the stream has failed. */
  write(data: Uint8Array): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#sending.kind !== 'open') return Promise.reject(new StreamReset(errorCode.streamClosed, 'the stream has ended'));
    this.#waiting.push(data);
    this.#sink.pump(this);
    return this.#waiting.length > 0 || this.#sink.behind ? this.#drained() : undefined;
  }

  /** All has been said. */
  end(trailers?: HeaderList): void {
    if (this.#failure !== undefined || this.#sending.kind !== 'open') return;
    this.#sending = { kind: 'ending', trailers };
    this.#sink.pump(this);
  }

  /** Gives up. */
  reset(code: number): void {
    if (this.isClosed) return;
    this.#sink.sendReset(this, code);
    this.fail(new StreamReset(code, 'the stream was given up'));
  }

  /** For the connection: headers have come, the first ones or those at the end. */
  onHeaders(headers: HeaderList, end: boolean): void {
    if (this.#hasHeaders) this.#trailers = headers;
    else this.#headers.resolve(headers);
    this.#hasHeaders = true;
    if (end) this.onEnd();
  }

  /** For the connection: data has come. */
  onData(chunk: Buffer): void {
    if (!this.#isRead) return this.#sink.credit(chunk.length, this);
    this.#received.push(chunk);
    this.#receivedBytes += chunk.length;
    this.#wake();
  }

  /** For the connection: the other side has said all. */
  onEnd(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  /** For the connection: the stream is over. What has come can still be read. */
  fail(failure: Error): void {
    this.#failure ??= failure;
    this.#sending = { kind: 'ended' };
    this.#waiting = [];
    this.#headers.reject(failure);
    this.#closed.abort();
    this.#wake();
    this.onDrained();
  }

  /** For the connection: up to `limit` bytes to be sent now. */
  take(limit: number): Uint8Array | undefined {
    const chunk = this.#waiting[0];
    if (chunk === undefined) return undefined;
    if (chunk.length <= limit) return this.#waiting.shift();
    this.#waiting[0] = chunk.subarray(limit);
    return chunk.subarray(0, limit);
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** For the connection: with nothing left to send, how the stream is to be ended, once. */
  takeEnd(): { readonly trailers: HeaderList | undefined } | undefined {
    if (this.#sending.kind !== 'ending' || this.#waiting.length > 0) return undefined;
    const { trailers } = this.#sending;
    this.#sending = { kind: 'ended' };
    return { trailers };
  }

  /** For the connection: more may be written. */
  onDrained(): void {
    if (this.#waiting.length > 0) return;
    for (const wake of this.#wakeWriters.splice(0)) wake();
  }

  #drained(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wakeWriters.push(() => {
        if (this.#failure === undefined) resolve();
        else reject(this.#failure);
      });
    });
  }

  #wake(): void {
    const wake = this.#wakeReader;
    this.#wakeReader = undefined;
    wake?.();
  }
}
