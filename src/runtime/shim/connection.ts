/** The daemon's end of a control connection: messages in and out, answers matched to requests. */
import net from 'node:net';
import type { Socket } from 'node:net';
import { Writer, readFields, writeFields } from '../plan/codec.ts';
import type { Fields, FieldValues } from '../plan/codec.ts';
import { limits, replies, requests } from './protocol.ts';

type Requests = typeof requests;
type Replies = typeof replies;
export type RequestName = keyof Requests;
export type ReplyName = keyof Replies;
export type Reply<N extends ReplyName = ReplyName> = { [K in N]: { readonly kind: K } & FieldValues<Replies[K]['fields']> }[N];
/** What comes back for a request that has a number. */
export type Answer = Reply<'started' | 'failed' | 'done'>;
/** What a shim says unasked. */
export type ShimEvent = Reply<'exited' | 'released' | 'oom' | 'hello'>;

const replyNames = new Map<number, ReplyName>((Object.keys(replies) as ReplyName[]).map((name) => [replies[name].type, name]));

/** Encodes one message: length, type, fields. */
export function encodeMessage<N extends RequestName>(name: N, values: FieldValues<Requests[N]['fields']>): Uint8Array {
  const writer = new Writer();
  const size = writer.hole();
  writer.u32(requests[name].type);
  writeFields<Fields>(writer, requests[name].fields, values);
  writer.patch(size, writer.length - 8);
  return writer.finish();
}

/** Adopts a connected unix socket. Reading starts when the first listener is there; half-closing is left to the caller. */
export function adoptSocket(fd: number): Socket {
  const options: net.NetConnectOpts & { fd: number } = { fd, allowHalfOpen: true, path: '' };
  return net.connect(options);
}

export interface ConnectionHandlers {
  onEvent(event: ShimEvent): void;
  /** The shim has gone, or the connection to it. Requests without an answer get `undefined` before. */
  onClose(): void;
}

/** One control connection. */
export class ControlConnection {
  readonly #socket: Socket;
  readonly #handlers: ConnectionHandlers;
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>();
  #lastRequest = 0;
  #received: Buffer = Buffer.alloc(0);
  #closed = false;

  constructor(fd: number, handlers: ConnectionHandlers) {
    this.#handlers = handlers;
    this.#socket = adoptSocket(fd);
    this.#socket.on('data', (data: Buffer) => this.#receive(data));
    this.#socket.on('error', () => this.#close());
    this.#socket.on('end', () => this.#close());
    this.#socket.on('close', () => this.#close());
  }

  /** A number for the next request. */
  nextRequest(): number {
    return (this.#lastRequest = (this.#lastRequest + 1) >>> 0);
  }

  /**
   * Waits for the answer to a request that is about to be sent; undefined when the shim is gone. `take` makes the result of it
   * before the next message is looked at: the exit of a process may stand right behind the answer that it was started.
   */
  answer<Result>(request: number, take: (answer: Answer | undefined) => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      const settle = (answer: Answer | undefined) => {
        try {
          resolve(take(answer));
        } catch (error) {
          reject(error);
        }
      };
      if (this.#closed) settle(undefined);
      else this.#waiting.set(request, settle);
    });
  }

  send(message: Uint8Array): void {
    if (!this.#closed) this.#socket.write(message);
  }

  /** Leaves the shim; it goes on without this daemon. */
  close(): void {
    this.#socket.destroy();
    this.#close();
  }

  #receive(data: Buffer): void {
    let rest = this.#received.length === 0 ? data : Buffer.concat([this.#received, data]);
    while (rest.length >= 8) {
      const size = rest.readUInt32LE(0);
      if (size > limits.maxMessage) return this.close();
      if (rest.length < 8 + size) break;
      this.#dispatch(rest.readUInt32LE(4), rest.subarray(8, 8 + size));
      rest = rest.subarray(8 + size);
    }
    this.#received = rest.length === 0 ? rest : Buffer.from(rest);
  }

  #dispatch(type: number, body: Buffer): void {
    const kind = replyNames.get(type);
    if (kind === undefined) return;
    const reply = { kind, ...readFields<Fields>(replies[kind].fields, body) } as unknown as Reply;
    if (reply.kind === 'started' || reply.kind === 'failed' || reply.kind === 'done') {
      const resolve = this.#waiting.get(reply.request);
      this.#waiting.delete(reply.request);
      resolve?.(reply);
    } else {
      this.#handlers.onEvent(reply);
    }
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
    this.#handlers.onClose();
  }
}
