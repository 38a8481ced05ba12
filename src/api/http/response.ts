import type { Duplex } from 'node:stream';
import { ClientGone } from './http-error.ts';
import { statusText } from './status-text.ts';

/** Header fields to send; a name is sent as spelled here. */
export type ResponseHeaders = Readonly<Record<string, string>>;

/** Where a response's bytes go: its connection. */
export interface ResponseSink {
  write(data: string | Uint8Array): void;
  /** True when the peer is behind: wait for `drained`. */
  readonly behind: boolean;
  /** Settles when buffered bytes have left; rejects with ClientGone when they never will. */
  drained(): Promise<void>;
  readonly writable: boolean;
  /** False when the request's body is too far from its end for another request to follow. */
  readonly reusable: boolean;
  /** Takes the connection away from HTTP. */
  hijack(): HijackedConnection;
}

/** A client's connection that is no HTTP any more. */
export interface HijackedConnection {
  /** What the client sent already comes first. */
  readonly stream: Duplex;
  /**
   * Takes the connection out of this process: a descriptor of it, the caller's to close; `stream` is dead afterwards. Undefined when it has
   * ended, or when bytes have been read from it, or written to it, that are not where they belong yet.
   */
  readonly takeDescriptor: () => number | undefined;
}

/** What a response needs to know of its request. */
export interface ResponseMode {
  readonly httpMinor: 0 | 1;
  readonly keepAlive: boolean;
  /** HEAD: a head like GET's, no body. */
  readonly headOnly: boolean;
  /** Header lines every response carries, each with its CRLF. */
  readonly commonHeaders: string;
}

type State = 'fresh' | 'streaming' | 'done' | 'hijacked';

/** Bytes of a streamed response that are gathered before they are written at once. */
const maxBatchBytes = 64 * 1024;

/**
 * One response: whole in one write, or streamed, where what is written in one turn of the event loop leaves together at
 * its end.
 */
export class HttpResponse {
  readonly #sink: ResponseSink;
  readonly #mode: ResponseMode;
  #state: State = 'fresh';
  #keepAlive: boolean;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;

  constructor(sink: ResponseSink, mode: ResponseMode) {
    this.#sink = sink;
    this.#mode = mode;
    this.#keepAlive = mode.keepAlive;
  }

  /** True once a status line is out: an error can no longer change it. */
  get started(): boolean {
    return this.#state !== 'fresh';
  }

  get state(): State {
    return this.#state;
  }

  /** False when the connection has to be closed after this response. */
  get keepAlive(): boolean {
    return this.#keepAlive;
  }

  /** Sends a whole response in one write. */
  send(status: number, headers: ResponseHeaders, body: string | Uint8Array): void {
    this.#expect('fresh');
    this.#state = 'done';
    const bodyless = status === 204 || status === 304;
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    const head = this.#head(status, headers, bodyless ? '' : `Content-Length: ${length}\r\n`);
    if (bodyless || this.#mode.headOnly || length === 0) this.#sink.write(head);
    else if (typeof body === 'string') this.#sink.write(head + body);
    else this.#sink.write(Buffer.concat([Buffer.from(head, 'latin1'), body]));
  }

  /** Sends the head at once: the client knows that it was heard before there is anything to tell. */
  start(status: number, headers: ResponseHeaders): void {
    this.#expect('fresh');
    this.#state = 'streaming';
    // HTTP/1.0 knows no chunks: the end of such a body is the end of the connection.
    if (this.#mode.httpMinor === 0) this.#keepAlive = false;
    this.#sink.write(this.#head(status, headers, this.#mode.httpMinor === 0 ? '' : 'Transfer-Encoding: chunked\r\n'));
  }

  /**
   * Sends a piece of a started response; the caller leaves the bytes alone from then on.
   * @returns undefined, or, when the client is behind, a promise to wait for
   * @throws ClientGone, directly or from the promise
   */
  write(data: string | Uint8Array): Promise<void> | undefined {
    this.#expect('streaming');
    if (!this.#sink.writable) throw new ClientGone();
    if (this.#mode.headOnly || data.length === 0) return undefined;
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    // A log of a million lines is not a million system calls: ticks run when all that is ready has been written.
    if (this.#batch.length === 0) process.nextTick(() => this.#flush());
    this.#batch.push(bytes);
    this.#batchBytes += bytes.length;
    if (this.#batchBytes >= maxBatchBytes) this.#flush();
    return this.#sink.behind ? this.#sink.drained() : undefined;
  }

  /** Ends a started response. */
  end(): void {
    this.#expect('streaming');
    this.#flush();
    this.#state = 'done';
    if (this.#mode.httpMinor === 1 && !this.#mode.headOnly) this.#sink.write('0\r\n\r\n');
  }

  /** Breaks a started response off, so that the client does not take it for whole. */
  breakOff(): void {
    this.#expect('streaming');
    this.#flush();
    this.#state = 'done';
    this.#keepAlive = false;
  }

  /** Sends `head`, a whole response head, and makes the connection a plain stream. */
  hijack(head: string): HijackedConnection {
    this.#expect('fresh');
    this.#state = 'hijacked';
    this.#sink.write(head);
    return this.#sink.hijack();
  }

  #flush(): void {
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    const size = this.#batchBytes;
    this.#batch = [];
    this.#batchBytes = 0;
    if (this.#mode.httpMinor === 0) return this.#sink.write(Buffer.concat(batch, size));
    const [large] = batch;
    if (batch.length === 1 && large !== undefined && size >= maxBatchBytes) {
      // To copy it would cost more than two small writes.
      this.#sink.write(`${size.toString(16)}\r\n`);
      this.#sink.write(large);
      return this.#sink.write(crlf);
    }
    // One chunk, in one piece so that it leaves in one packet.
    this.#sink.write(Buffer.concat([Buffer.from(`${size.toString(16)}\r\n`, 'latin1'), ...batch, crlf]));
  }

  #head(status: number, headers: ResponseHeaders, framing: string): string {
    this.#keepAlive &&= this.#sink.reusable;
    let head = `HTTP/1.1 ${status} ${statusText(status)}\r\n${this.#mode.commonHeaders}`;
    for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
    if (!this.#keepAlive) head += 'Connection: close\r\n';
    else if (this.#mode.httpMinor === 0) head += 'Connection: keep-alive\r\n';
    return `${head}Date: ${httpDate()}\r\n${framing}\r\n`;
  }

  #expect(state: State): void {
    if (this.#state !== state) throw new Error(`response is ${this.#state}, not ${state}`);
  }
}

const crlf = Buffer.from('\r\n');
let dateSecond = 0;
let dateText = '';

/** IMF-fixdate, made once a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
