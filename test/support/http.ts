/**
 * A small HTTP/1.1 client for unix sockets: one connection, kept alive, with a raw view of what the engine answers and with
 * hijacked streams. Tests use it where the exact bytes matter, the bench because nothing stands between it and the engine.
 */
import net from 'node:net';

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

interface Head {
  readonly status: number;
  readonly headers: Record<string, string>;
}

/** Reads a socket piecewise: whole lines, counted bytes, or whatever comes. */
class SocketReader {
  #pending: Buffer = Buffer.alloc(0);
  #ended = false;
  #error: Error | undefined;
  #wakeUp: (() => void) | undefined;
  readonly socket: net.Socket;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
      this.#wake();
    });
    socket.on('end', () => this.#finish(undefined));
    socket.on('close', () => this.#finish(undefined));
    socket.on('error', (error) => this.#finish(error));
  }

  /** The other side has closed: of no use for another request. */
  get ended(): boolean {
    return this.#ended;
  }

  #finish(error: Error | undefined): void {
    this.#ended = true;
    this.#error ??= error;
    this.#wake();
  }

  #wake(): void {
    const wakeUp = this.#wakeUp;
    this.#wakeUp = undefined;
    wakeUp?.();
  }

  /** False at the end of the stream. */
  async #more(): Promise<boolean> {
    if (this.#ended) return false;
    const before = this.#pending.length;
    await new Promise<void>((resolve) => (this.#wakeUp = resolve));
    return this.#pending.length > before || !this.#ended;
  }

  #take(count: number): Buffer {
    const taken = this.#pending.subarray(0, count);
    this.#pending = this.#pending.subarray(count);
    return taken;
  }

  /** Up to and without the separator. */
  async until(separator: string): Promise<Buffer> {
    for (;;) {
      const at = this.#pending.indexOf(separator);
      if (at >= 0) {
        const found = this.#take(at);
        this.#take(separator.length);
        return found;
      }
      if (!(await this.#more())) throw this.#error ?? new Error(`connection closed within a message: ${this.#pending}`);
    }
  }

  async exactly(count: number): Promise<Buffer> {
    while (this.#pending.length < count) {
      if (!(await this.#more())) throw this.#error ?? new Error('connection closed within a body');
    }
    return this.#take(count);
  }

  /** What is there, or comes next; undefined at the end. */
  async some(): Promise<Buffer | undefined> {
    while (this.#pending.length === 0) if (!(await this.#more())) return undefined;
    return this.#take(this.#pending.length);
  }

  async rest(): Promise<Buffer> {
    while (await this.#more());
    return this.#take(this.#pending.length);
  }
}

async function readHead(reader: SocketReader): Promise<Head> {
  const lines = (await reader.until('\r\n\r\n')).toString('latin1').split('\r\n');
  const status = Number(lines[0]?.split(' ')[1]);
  const headers: Record<string, string> = {};
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status, headers };
}

/** The pieces of a body, as the engine sent them. */
async function* readBody(reader: SocketReader, method: string, { status, headers }: Head): AsyncGenerator<Buffer> {
  if (method === 'HEAD' || status === 204 || status === 304) return;
  if (headers['transfer-encoding'] === 'chunked') {
    for (;;) {
      const size = parseInt((await reader.until('\r\n')).toString('latin1'), 16);
      if (size > 0) yield await reader.exactly(size);
      await reader.until('\r\n');
      if (size === 0) return;
    }
  }
  const length = headers['content-length'];
  if (length === undefined) yield await reader.rest();
  else if (Number(length) > 0) yield await reader.exactly(Number(length));
}

function encode(method: string, target: string, body: unknown, extra: Readonly<Record<string, string>>): Buffer {
  const raw = body instanceof Uint8Array || typeof body === 'string';
  const payload = body === undefined ? Buffer.alloc(0) : raw ? Buffer.from(body as Uint8Array) : Buffer.from(JSON.stringify(body));
  const headers: Record<string, string> = { host: 'localhost', 'content-length': String(payload.length) };
  if (body !== undefined) headers['content-type'] = raw ? 'application/x-tar' : 'application/json';
  Object.assign(headers, extra);
  const head = `${method} ${target} HTTP/1.1\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** A hijacked connection: attach or exec, after the engine's answer. */
export interface Stream extends Answer {
  readonly socket: net.Socket;
  /** The next bytes; undefined at the end. */
  read(): Promise<Buffer | undefined>;
  /** Everything up to the end. */
  all(): Promise<Buffer>;
}

/** One keep-alive connection; requests are sent one after the other. */
export class Client {
  readonly #path: string;
  #connection: SocketReader | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(socketPath: string) {
    this.#path = socketPath;
  }

  static #connect(path: string): Promise<SocketReader> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ path, allowHalfOpen: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new SocketReader(socket));
      });
    });
  }

  /** Sends a request and reads the whole answer. `body`: JSON, or bytes sent as they are. */
  request(method: string, target: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const answer = this.#turn.then(() => this.#exchange(method, encode(method, target, body, headers)));
    this.#turn = answer.catch(() => undefined);
    return answer;
  }

  async #exchange(method: string, bytes: Buffer): Promise<Answer> {
    if (this.#connection?.ended === true) this.close();
    const reader = (this.#connection ??= await Client.#connect(this.#path));
    try {
      reader.socket.write(bytes);
      const head = await readHead(reader);
      const pieces: Buffer[] = [];
      for await (const piece of readBody(reader, method, head)) pieces.push(piece);
      if (head.headers.connection === 'close') this.close();
      return { ...head, body: Buffer.concat(pieces) };
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The answer as JSON; an error status is an error. */
  async json<T = Record<string, unknown>>(method: string, target: string, body?: unknown): Promise<T> {
    const answer = await this.request(method, target, body);
    if (answer.status >= 400) throw new Error(`${method} ${target}: ${answer.status} ${answer.body}`);
    return (answer.body.length === 0 ? {} : JSON.parse(answer.body.toString())) as T;
  }

  close(): void {
    this.#connection?.socket.destroy();
    this.#connection = undefined;
  }

  /** Bytes exactly as given on a connection of their own, and all that comes back until the engine closes it. */
  static async raw(socketPath: string, bytes: string | Buffer): Promise<string> {
    const reader = await Client.#connect(socketPath);
    reader.socket.write(bytes);
    const answer = await reader.rest();
    reader.socket.destroy();
    return answer.toString('latin1');
  }

  /** A request on a connection of its own that becomes a raw stream both ways; an error status is returned with its body. */
  static async hijack(socketPath: string, target: string, body?: unknown): Promise<Stream> {
    const reader = await Client.#connect(socketPath);
    reader.socket.write(encode('POST', target, body, { connection: 'Upgrade', upgrade: 'tcp' }));
    const head = await readHead(reader);
    const pieces: Buffer[] = [];
    if (head.status >= 400) {
      for await (const piece of readBody(reader, 'POST', head)) pieces.push(piece);
      reader.socket.destroy();
    }
    return { ...head, body: Buffer.concat(pieces), socket: reader.socket, read: () => reader.some(), all: () => reader.rest() };
  }

  /** A WebSocket, and no more of it than its handshake (RFC 6455, section 1.3). */
  static async webSocket(socketPath: string, target: string): Promise<Stream> {
    const reader = await Client.#connect(socketPath);
    const headers = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
    reader.socket.write(encode('GET', target, undefined, headers));
    return { ...await readHead(reader), body: Buffer.alloc(0), socket: reader.socket, read: () => reader.some(), all: () => reader.rest() };
  }

  /** An answer without an end (events, followed logs), as it comes; leaving the loop closes the connection. */
  static async stream(socketPath: string, method: string, target: string): Promise<{ head: Head; body: AsyncGenerator<Buffer> }> {
    const reader = await Client.#connect(socketPath);
    reader.socket.write(encode(method, target, undefined, {}));
    const head = await readHead(reader);
    async function* body(): AsyncGenerator<Buffer> {
      try {
        yield* readBody(reader, method, head);
      } finally {
        reader.socket.destroy();
      }
    }
    return { head, body: body() };
  }
}

/** Splits Docker's multiplexed stream (one byte stream number, three zero, four length) into its streams. */
export function demultiplex(bytes: Buffer): { stdout: Buffer; stderr: Buffer } {
  const streams: [Buffer[], Buffer[], Buffer[]] = [[], [], []];
  for (let at = 0; at + 8 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at + 4);
    streams[bytes[at] as 0 | 1 | 2].push(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return { stdout: Buffer.concat(streams[1]), stderr: Buffer.concat(streams[2]) };
}
