/**
 * A small HTTP/1.1 client over a unix socket (or TCP): requests with JSON, streamed bodies, and connections that leave HTTP for
 * a raw stream (Docker's "hijack"). `node:http` would do it too, and cost every start of the command several milliseconds.
 */
import * as net from 'node:net';
import { EngineError } from '../errors.ts';
import { type Expected, ResponseParser, type ResponseHead } from './response-parser.ts';

/** Where the engine listens. */
export type Address = { readonly path: string } | { readonly host: string; readonly port: number };

export interface RequestOptions {
  /** Undefined, false and empty values are left out; true is sent as 1, an array as many times as it has members. */
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent chunked, as it comes. */
  readonly stream?: AsyncIterable<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer whose body has not been read. */
export interface Answer extends ResponseHead {
  /** The body as it comes; may be read once. */
  body(): AsyncIterable<Uint8Array>;
  text(): Promise<string>;
  json<T>(): Promise<T>;
}

/** A connection that left HTTP. Pausing follows the consumer; `end` closes our half only. */
export interface RawStream {
  readonly contentType: string;
  output(): AsyncIterable<Uint8Array>;
  write(chunk: Uint8Array): Promise<void>;
  end(): void;
  destroy(): void;
}

/** Connections are reused one request at a time; as many are open as there are requests at once. */
export class HttpClient {
  readonly #address: Address;
  readonly #idle: Connection[] = [];

  constructor(address: Address) {
    this.#address = address;
  }

  /** Opens a connection and keeps it for the first request; rejects with the socket's error when nobody listens. */
  async connect(): Promise<void> {
    const connection = new Connection(this.#address);
    await connection.opened;
    this.#idle.push(connection);
  }

  /** Opens connections that requests to come will use: a handshake less on the way. */
  warm(count: number): void {
    for (let index = this.#idle.length; index < count; index++) this.#idle.push(new Connection(this.#address));
  }

  /** Sends a request; throws EngineError for a status of 400 and above, with the engine's own message. */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const connection = this.#take();
    const exchange = connection.exchange(method === 'HEAD' ? 'nothing' : 'body', () => this.#idle.push(connection));
    connection.send(method, path, options, {});
    const answer = await exchange;
    if (answer.status >= 400) throw await engineError(answer);
    return answer;
  }

  /** Sends a request that turns its connection into a raw stream. */
  async hijack(path: string, options: RequestOptions = {}): Promise<RawStream> {
    const connection = this.#take();
    const exchange = connection.exchange('stream', () => undefined);
    connection.send('POST', path, options, { connection: 'Upgrade', upgrade: 'tcp' });
    const answer = await exchange;
    if (answer.status >= 400) throw await engineError(answer);
    return connection.raw(answer);
  }

  /** Closes what is idle. */
  close(): void {
    for (const connection of this.#idle.splice(0)) connection.socket.destroy();
  }

  #take(): Connection {
    for (;;) {
      const connection = this.#idle.shift();
      if (connection === undefined) return new Connection(this.#address);
      if (!connection.socket.destroyed) return connection;
    }
  }
}

async function engineError(answer: Answer): Promise<EngineError> {
  const text = await answer.text();
  let message = text.trim();
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed) message = String(parsed.message);
  } catch {
    // Not JSON: a proxy's page, or an old engine's plain text. It is the message then.
  }
  return new EngineError(answer.status, message === '' ? `the engine answered ${answer.status}` : message);
}

class Connection {
  readonly socket: net.Socket;
  /** Settles when the connection is made or refused. */
  readonly opened: Promise<void>;
  #parser: ResponseParser | undefined;
  #fail: (error: Error) => void = () => undefined;

  constructor(address: Address) {
    this.socket = net.connect({ ...address, allowHalfOpen: true });
    this.socket.on('data', (chunk: Buffer) => {
      try {
        this.#parser?.push(chunk);
      } catch (error) {
        this.#fail(error as Error);
        this.socket.destroy();
      }
    });
    const opened = Promise.withResolvers<void>();
    opened.promise.catch(() => undefined);
    this.opened = opened.promise;
    this.socket.on('connect', () => opened.resolve());
    this.socket.on('error', (error) => {
      opened.reject(error);
      this.#fail(error);
    });
    this.socket.on('end', () => {
      if (this.#parser?.close() !== true) this.#fail(new EngineError(0, 'the engine closed the connection before it answered'));
      if (this.#parser === undefined) this.socket.destroy();
    });
  }

  /** Waits for the next answer. `done` is called when its body has ended and the connection is free again. */
  exchange(expected: Expected, done: () => void): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const body = new ChunkQueue(this.socket);
    this.#fail = (error) => {
      reject(error);
      body.fail(error);
    };
    this.#parser = new ResponseParser({
      head: (head) => resolve(readable(head, body)),
      data: (chunk) => body.push(chunk),
      end: () => {
        body.end();
        this.#parser = undefined;
        if (expected !== 'stream') done();
      },
    }, expected);
    return promise;
  }

  send(method: string, path: string, options: RequestOptions, extra: Readonly<Record<string, string>>): void {
    const body = options.json === undefined ? undefined : JSON.stringify(options.json);
    const headers: Record<string, string> = { host: 'caisson', ...options.headers, ...extra };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (options.stream !== undefined) headers['transfer-encoding'] = 'chunked';
    else if (body !== undefined || method !== 'GET') headers['content-length'] = String(Buffer.byteLength(body ?? ''));
    let head = `${method} ${path}${queryString(options.query)} HTTP/1.1\r\n`;
    for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
    this.socket.write(`${head}\r\n${body ?? ''}`);
    if (options.stream !== undefined) void this.#upload(options.stream);
  }

  async #upload(stream: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of stream) {
        if (chunk.length === 0) continue;
        // The engine may refuse in the middle of an upload: its answer is what counts, not our failing write.
        if (this.socket.destroyed) return;
        this.socket.write(`${chunk.length.toString(16)}\r\n`);
        this.socket.write(chunk);
        await this.#written('\r\n');
      }
      this.socket.write('0\r\n\r\n');
    } catch (error) {
      this.#fail(error as Error);
      this.socket.destroy();
    }
  }

  /** Writes; waits when the socket's buffer is full. */
  #written(chunk: Uint8Array | string): Promise<void> {
    if (this.socket.write(chunk) || this.socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const settle = () => {
        this.socket.off('drain', settle);
        this.socket.off('close', settle);
        resolve();
      };
      this.socket.on('drain', settle);
      this.socket.on('close', settle);
    });
  }

  raw(answer: Answer): RawStream {
    return {
      contentType: answer.headers.get('content-type') ?? '',
      output: () => answer.body(),
      write: (chunk) => this.#written(chunk),
      end: () => this.socket.end(),
      destroy: () => this.socket.destroy(),
    };
  }
}

/** Chunks between the socket and whoever reads; holds the socket back when the reader is slow. */
class ChunkQueue implements AsyncIterable<Uint8Array> {
  readonly #socket: net.Socket;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  #state: 'open' | 'ended' | Error = 'open';
  #wake: () => void = () => undefined;

  constructor(socket: net.Socket) {
    this.#socket = socket;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size > 1024 * 1024) this.#socket.pause();
    this.#wake();
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#wake();
  }

  fail(error: Error): void {
    if (this.#state === 'open') this.#state = error;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#size -= chunk.length;
        if (this.#size === 0 && this.#socket.isPaused()) this.#socket.resume();
        yield chunk;
      } else if (this.#state === 'open') {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      } else if (this.#state === 'ended') {
        return;
      } else {
        throw this.#state;
      }
    }
  }
}

function readable(head: ResponseHead, queue: ChunkQueue): Answer {
  const text = async () => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of queue) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };
  return { ...head, body: () => queue, text, json: async <T>() => JSON.parse(await text()) as T };
}

function queryString(query: RequestOptions['query']): string {
  if (query === undefined) return '';
  let text = '';
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === '' || value === false) continue;
    const items = Array.isArray(value) ? (value as readonly string[]) : [value === true ? '1' : String(value)];
    for (const item of items) text += `${text === '' ? '?' : '&'}${name}=${encodeURIComponent(item)}`;
  }
  return text;
}
