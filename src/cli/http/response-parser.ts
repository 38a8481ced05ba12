/** An incremental reader of one HTTP/1.1 response after another (RFC 9112), enough for an engine on a socket. */

export interface ResponseHead {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

/** What the parser tells, in order: `head`, any number of `data`, `end`. */
export interface ResponseEvents {
  head(head: ResponseHead): void;
  data(chunk: Uint8Array): void;
  end(): void;
}

type State =
  | { at: 'head' }
  | { at: 'sized'; left: number }
  | { at: 'until-close' }
  | { at: 'chunk-size' }
  | { at: 'chunk'; left: number }
  | { at: 'chunk-end' }
  | { at: 'trailers' }
  /** The connection left HTTP: a 101, or a 200 without a length in answer to an upgrade. */
  | { at: 'raw' };

const HEAD_LIMIT = 64 * 1024;
const CRLF = Buffer.from('\r\n');
const BLANK_LINE = Buffer.from('\r\n\r\n');

/** What follows the head: a body, a stream that has left HTTP (if the engine agrees), or, after a HEAD request, nothing. */
export type Expected = 'body' | 'stream' | 'nothing';

export class ResponseParser {
  readonly #events: ResponseEvents;
  readonly #expected: Expected;
  #state: State = { at: 'head' };
  #buffer: Buffer = Buffer.alloc(0);

  constructor(events: ResponseEvents, expected: Expected) {
    this.#events = events;
    this.#expected = expected;
  }

  /** Takes what arrived. Throws when it is not HTTP. */
  push(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    while (this.#step());
  }

  /** The other side closed. Returns false when it did so in the middle of a response. */
  close(): boolean {
    if (this.#state.at !== 'until-close' && this.#state.at !== 'raw') return false;
    this.#events.end();
    return true;
  }

  /** One step; false when it needs more bytes. */
  #step(): boolean {
    const state = this.#state;
    switch (state.at) {
      case 'head':
        return this.#head();
      case 'sized':
      case 'chunk':
        return this.#counted(state);
      case 'chunk-size':
        return this.#chunkSize();
      case 'chunk-end':
        if (this.#buffer.length < 2) return false;
        this.#buffer = this.#buffer.subarray(2);
        this.#state = { at: 'chunk-size' };
        return true;
      case 'trailers':
        return this.#trailer();
      case 'until-close':
      case 'raw':
        return this.#everything();
    }
  }

  #head(): boolean {
    const end = this.#buffer.indexOf(BLANK_LINE);
    if (end < 0) {
      if (this.#buffer.length > HEAD_LIMIT) throw new Error('the answer is not HTTP: its head does not end');
      return false;
    }
    const [statusLine = '', ...lines] = this.#buffer.toString('latin1', 0, end).split('\r\n');
    this.#buffer = this.#buffer.subarray(end + 4);
    const match = /^HTTP\/1\.[01] (\d{3})/.exec(statusLine);
    if (match === null) throw new Error('the answer is not HTTP');
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    const status = Number(match[1]);
    // Interim answers (100, 102, 103) precede the real one; 101 is the real one.
    if (status < 200 && status !== 101) return true;
    this.#state = this.#afterHead(status, headers);
    this.#events.head({ status, headers });
    if (this.#state.at === 'sized' && this.#state.left === 0) this.#finish();
    return true;
  }

  #afterHead(status: number, headers: ReadonlyMap<string, string>): State {
    if (status === 101) return { at: 'raw' };
    if (this.#expected === 'stream' && status === 200) return { at: 'raw' };
    if (status === 204 || status === 304 || this.#expected === 'nothing') return { at: 'sized', left: 0 };
    if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return { at: 'chunk-size' };
    const length = headers.get('content-length');
    return length === undefined ? { at: 'until-close' } : { at: 'sized', left: Number(length) };
  }

  #counted(state: { at: 'sized' | 'chunk'; left: number }): boolean {
    if (this.#buffer.length === 0) return false;
    const part = this.#buffer.subarray(0, state.left);
    this.#buffer = this.#buffer.subarray(part.length);
    state.left -= part.length;
    this.#events.data(part);
    if (state.left === 0) {
      if (state.at === 'chunk') this.#state = { at: 'chunk-end' };
      else this.#finish();
    }
    return true;
  }

  #chunkSize(): boolean {
    const end = this.#buffer.indexOf(CRLF);
    if (end < 0) return false;
    const text = this.#buffer.toString('latin1', 0, end).split(';')[0] as string;
    if (!/^[0-9a-fA-F]+\s*$/.test(text)) throw new Error('the answer has a malformed chunk');
    this.#buffer = this.#buffer.subarray(end + 2);
    const left = Number.parseInt(text, 16);
    this.#state = left === 0 ? { at: 'trailers' } : { at: 'chunk', left };
    return true;
  }

  #trailer(): boolean {
    const end = this.#buffer.indexOf(CRLF);
    if (end < 0) return false;
    this.#buffer = this.#buffer.subarray(end + 2);
    if (end === 0) this.#finish();
    return true;
  }

  #everything(): boolean {
    if (this.#buffer.length === 0) return false;
    const all = this.#buffer;
    this.#buffer = Buffer.alloc(0);
    this.#events.data(all);
    return false;
  }

  #finish(): void {
    this.#state = { at: 'head' };
    this.#events.end();
  }
}
