/** What a route's handler works with: one request, its parameters, and ways to answer. */
import type { StreamSession } from '../engine/engine.ts';
import { OutputFrames } from '../engine/demultiplex.ts';
import type { HttpRequest } from './http/request.ts';
import type { HijackedConnection, HttpResponse } from './http/response.ts';
import type { Query } from './query.ts';
import { websocketHandshake, websocketStream } from './websocket.ts';

export const jsonType = { 'Content-Type': 'application/json' } as const;
export const rawStream = 'application/vnd.docker.raw-stream';
export const multiplexedStream = 'application/vnd.docker.multiplexed-stream';

export class Exchange {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly query: Query;
  /** API version the client speaks, as its minor number. */
  readonly version: number;
  /** What stands for `{…}` in the route's path, decoded; empty for a route without. */
  readonly param: string;

  constructor(request: HttpRequest, response: HttpResponse, query: Query, version: number, param: string) {
    this.request = request;
    this.response = response;
    this.query = query;
    this.version = version;
    this.param = param;
  }

  json(status: number, value: unknown): void {
    this.response.send(status, jsonType, `${JSON.stringify(value)}\n`);
  }

  noContent(): void {
    this.response.send(204, {}, '');
  }

  /** A status with an empty body. */
  empty(status: number): void {
    this.response.send(status, {}, '');
  }

  /** Starts a stream of JSON records; the head goes out at once. */
  startJson(): void {
    this.response.start(200, jsonType);
  }

  /** Sends one record of a progress stream: Docker ends those as lines of text on a wire are ended. */
  progress(value: unknown): Promise<void> | undefined {
    return this.response.write(`${JSON.stringify(value)}\r\n`);
  }

  /** Sends one record of a JSON stream. */
  record(value: unknown): Promise<void> | undefined {
    return this.response.write(`${JSON.stringify(value)}\n`);
  }

  /**
   * Streams what `source` yields until it ends or the client leaves; then `source` is told to stop.
   * `encode` makes bytes of an item.
   */
  async stream<Item>(source: AsyncIterable<Item>, encode: (item: Item) => string | Uint8Array): Promise<void> {
    const iterator = source[Symbol.asyncIterator]();
    const { signal } = this.request;
    // Not Promise.race: on a promise that lives as long as the stream it would leave a reaction behind for every item.
    let leave: (() => void) | undefined;
    const onAbort = (): void => leave?.();
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted) {
        const next = await new Promise<IteratorResult<Item> | undefined>((resolve, reject) => {
          leave = () => resolve(undefined);
          iterator.next().then(resolve, reject);
        });
        if (next === undefined || next.done === true) break;
        const behind = this.response.write(encode(next.value));
        if (behind !== undefined) await behind;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      // Not awaited: a generator that waits for its next item would only return after it. Its failure has no one left
      // to hear it.
      iterator.return?.()?.catch(() => undefined);
    }
  }

  /**
   * Hands the connection to `session`: answered 101 when the client asked for an upgrade, 200 and raw bytes when it did
   * not.
   */
  async attach(session: StreamSession): Promise<void> {
    const { stream, takeDescriptor } = this.#hijack(session.tty);
    await session.run(stream, takeDescriptor);
  }

  /** The same over a WebSocket, which has no headers that tell the streams apart. Throws invalid-parameter when none is asked for. */
  async attachWebSocket(session: StreamSession): Promise<void> {
    const { stream } = this.response.hijack(websocketHandshake((name) => this.request.header(name)));
    const frames = new OutputFrames();
    const payloads = (bytes: Buffer) => Buffer.concat([...frames.feed(bytes)].map(({ payload }) => payload));
    const client = websocketStream(stream, session.tty ? (bytes) => bytes : payloads);
    await session.run(client, () => undefined);
  }

  #hijack(tty: boolean): HijackedConnection {
    if (this.request.header('upgrade') === undefined) {
      return this.response.hijack(`HTTP/1.1 200 OK\r\nContent-Type: ${rawStream}\r\n\r\n`);
    }
    const type = !tty && this.version >= 42 ? multiplexedStream : rawStream;
    const upgrade = 'Connection: Upgrade\r\nUpgrade: tcp';
    return this.response.hijack(`HTTP/1.1 101 UPGRADED\r\nContent-Type: ${type}\r\n${upgrade}\r\n\r\n`);
  }
}
