/**
 * One client connection: requests one after another, each answered before the next is looked at, until someone leaves
 * or a
 * handler takes the socket for a stream of its own.
 *
 *   head ──► exchange ──► head            keep-alive, pipelined requests wait in `#pending`
 *     │         ├───────► hijacked        attach, exec: bytes belong to the session
 *     └─────────┴───────► closing         answered; what the client still sends is read and dropped
 */
import type { Socket } from 'node:net';
import { takeDescriptor } from '../../linux/ffi/sockets.ts';
import { bodyDecoder } from './body-decoder.ts';
import type { BodyDecoder } from './body-decoder.ts';
import { maxHeadBytes, parseHead } from './head.ts';
import type { RequestHead } from './head.ts';
import { ClientGone, HttpError } from './http-error.ts';
import { EndedSocket } from './ended-socket.ts';
import { HttpRequest } from './request.ts';
import { RequestBody } from './request-body.ts';
import { HttpResponse } from './response.ts';
import type { HijackedConnection, ResponseSink } from './response.ts';

/** Answers a request. When it returns or settles, the response is complete, or its socket is hijacked. */
export type Handler = (request: HttpRequest, response: HttpResponse) => Promise<void> | void;

export interface ConnectionOptions {
  readonly handler: Handler;
  /** Header lines every response carries, each with its CRLF. */
  readonly commonHeaders: string;
  /** A handler threw: a fault of ours, for the log. */
  readonly onHandlerFault: (error: unknown) => void;
}

/** Bytes of further requests that are kept while one is being answered. */
const maxPipelinedBytes = 64 * 1024;
/** An unread body up to this size is read to its end so that the connection lives on, as net/http does. */
const maxDrainedBytes = 256 * 1024;
/** Milliseconds a client has to take the last answer before its connection is cut. */
const lingerMs = 2000;

interface Exchange {
  readonly kind: 'exchange';
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly decoder: BodyDecoder;
  /** The handler is done; the body's rest is being drained. */
  answered: boolean;
}

type State = { readonly kind: 'head' } | Exchange | { readonly kind: 'hijacked' } | { readonly kind: 'closing' };

const nothing = Buffer.alloc(0);
const headState: State = { kind: 'head' };
const hijackedState: State = { kind: 'hijacked' };
const closingState: State = { kind: 'closing' };

export class Connection implements ResponseSink {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  #state: State = headState;
  /** Received and not yet understood. */
  #pending: Buffer = nothing;
  #inputEnded = false;
  #pauses = 0;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /** Starts to read and answer requests. */
  open(): void {
    const socket = this.#socket;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    // A reset is followed by 'close', which says all there is to know.
    socket.on('error', () => undefined);
  }

  get writable(): boolean {
    return this.#socket.writable;
  }

  get behind(): boolean {
    return this.#socket.writableNeedDrain;
  }

  write(data: string | Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(data);
  }

  drained(): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        socket.off('drain', settle);
        socket.off('close', settle);
        if (socket.writable) resolve();
        else reject(new ClientGone());
      };
      socket.on('drain', settle);
      socket.on('close', settle);
    });
  }

  hijack(): HijackedConnection {
    const socket = this.#socket;
    const early = this.#pending;
    this.#state = hijackedState;
    this.#pending = nothing;
    this.#pauses = 0;
    if (this.#inputEnded) return { stream: new EndedSocket(socket, early), takeDescriptor: () => undefined };
    socket.off('data', this.#onData);
    socket.pause();
    if (early.length > 0) socket.unshift(early);
    resumeForReader(socket);
    return { stream: socket, takeDescriptor: () => takeDescriptor(socket) };
  }

  get reusable(): boolean {
    const state = this.#state;
    if (state.kind !== 'exchange') return false;
    if (state.decoder.done) return true;
    // Nobody can tell whether a client that waits for its 100 Continue will still send the body.
    if (this.#inputEnded || state.request.head.expectsContinue) return false;
    return state.decoder.remaining !== undefined && state.decoder.remaining <= maxDrainedBytes;
  }

  #onData = (chunk: Buffer): void => {
    const state = this.#state;
    if (state.kind === 'closing' || this.#inputEnded) return;
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    try {
      if (state.kind === 'exchange') this.#feedBody(state);
      this.#advance();
    } catch (error) {
      this.#refuse(error);
    }
  };

  /** Starts as many pending requests as are answered at once. */
  #advance(): void {
    while (this.#state.kind === 'head' && this.#pending.length > 0) {
      const head = this.#takeHead();
      if (head === undefined) break;
      this.#begin(head);
    }
    if (this.#state.kind === 'exchange' && this.#pending.length > maxPipelinedBytes && this.#pauses === 0) {
      this.#pause();
    }
    if (this.#inputEnded && this.#state.kind === 'head') this.#close();
  }

  #takeHead(): RequestHead | undefined {
    let pending = this.#pending;
    // RFC 9112 section 2.2: an empty line before a request is ignored.
    while (pending[0] === 13 && pending[1] === 10) pending = pending.subarray(2);
    const end = pending.indexOf('\r\n\r\n', 0, 'latin1');
    if (end > maxHeadBytes || (end === -1 && pending.length > maxHeadBytes)) {
      throw new HttpError(431, `request header fields too large: more than ${maxHeadBytes} bytes`);
    }
    this.#pending = pending;
    if (end === -1) {
      const newline = pending.indexOf(10);
      if (newline > 0 && pending[newline - 1] !== 13) {
        throw new HttpError(400, 'malformed HTTP request: a line ends without CR');
      }
      return undefined;
    }
    this.#pending = end + 4 === pending.length ? nothing : pending.subarray(end + 4);
    return parseHead(pending.toString('latin1', 0, end));
  }

  #begin(head: RequestHead): void {
    const decoder = bodyDecoder(head.framing);
    const source = {
      started: () => {
        if (head.expectsContinue) this.write('HTTP/1.1 100 Continue\r\n\r\n');
      },
      pause: () => this.#pause(),
      resume: () => this.#resume(),
    };
    const body = decoder.done ? RequestBody.empty(source) : new RequestBody(source);
    const request = new HttpRequest(head, body);
    const response = new HttpResponse(this, {
      httpMinor: head.httpMinor,
      keepAlive: head.keepAlive,
      headOnly: head.method === 'HEAD',
      commonHeaders: this.#options.commonHeaders,
    });
    const exchange: Exchange = { kind: 'exchange', request, response, decoder, answered: false };
    this.#state = exchange;
    if (!decoder.done) this.#feedBody(exchange);
    if (this.#inputEnded) this.#inputLost(exchange);
    this.#handle(exchange);
  }

  #handle(exchange: Exchange): void {
    try {
      const outcome = this.#options.handler(exchange.request, exchange.response);
      if (outcome === undefined) this.#answered(exchange);
      else outcome.then(() => this.#resumeAfter(exchange), (error) => this.#handlerFailed(exchange, error));
    } catch (error) {
      this.#handlerFailed(exchange, error);
    }
  }

  #handlerFailed(exchange: Exchange, error: unknown): void {
    if (!(error instanceof ClientGone)) this.#options.onHandlerFault(error);
    if (exchange.response.state === 'streaming') exchange.response.breakOff();
    this.#resumeAfter(exchange);
  }

  #resumeAfter(exchange: Exchange): void {
    try {
      this.#answered(exchange);
      this.#advance();
    } catch (error) {
      this.#refuse(error);
    }
  }

  /** The handler is done with `exchange`. */
  #answered(exchange: Exchange): void {
    const { response, request, decoder } = exchange;
    if (response.state === 'hijacked') return this.#close();
    if (this.#state !== exchange) return;
    if (response.state === 'streaming') response.end();
    else if (response.state === 'fresh') response.send(500, {}, '');
    exchange.answered = true;
    request.body.discard();
    if (!response.keepAlive) return this.#close();
    if (decoder.done) this.#state = headState;
    this.#unpauseAll();
  }

  #feedBody(exchange: Exchange): void {
    const { decoder, request } = exchange;
    if (decoder.done) return;
    try {
      const taken = decoder.decode(this.#pending, (data) => {
        if (!exchange.answered) request.body.push(data);
      });
      this.#pending = taken === this.#pending.length ? nothing : this.#pending.subarray(taken);
    } catch (error) {
      this.#bodyBroken(exchange, error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (!decoder.done) return;
    request.body.finish();
    if (exchange.answered) this.#state = headState;
  }

  /** The handler, if it reads the body, fails and answers; nothing after this request can be trusted. */
  #bodyBroken(exchange: Exchange, error: Error): void {
    this.#inputEnded = true;
    this.#pending = nothing;
    exchange.request.body.fail(error);
    if (exchange.answered) this.#close();
  }

  #onEnd = (): void => {
    this.#inputEnded = true;
    const state = this.#state;
    if (state.kind === 'exchange') this.#inputLost(state);
    else if (state.kind === 'head') this.#close();
  };

  /** No more bytes will come: the body may be cut short, and whoever waits for an answer has probably left. */
  #inputLost(exchange: Exchange): void {
    if (!exchange.decoder.done) {
      exchange.request.body.fail(new HttpError(400, 'unexpected EOF'));
      if (exchange.answered) return this.#close();
    }
    exchange.request.abort();
  }

  #onClose = (): void => {
    this.#inputEnded = true;
    if (this.#state.kind === 'exchange') this.#inputLost(this.#state);
    this.#state = this.#state.kind === 'hijacked' ? hijackedState : closingState;
  };

  /** Answers what is not HTTP, in Docker's JSON form, and closes. */
  #refuse(error: unknown): void {
    if (!(error instanceof HttpError)) this.#options.onHandlerFault(error);
    if (this.#state.kind === 'head') {
      const { status, message } = error instanceof HttpError ? error : new HttpError(500, 'internal error');
      const { commonHeaders } = this.#options;
      const response = new HttpResponse(this, { httpMinor: 1, keepAlive: false, headOnly: false, commonHeaders });
      response.send(status, { 'Content-Type': 'application/json' }, `${JSON.stringify({ message })}\n`);
    }
    this.#close();
  }

  /**
   * Ends our side, and reads on for a moment: closing a socket with unread bytes in it makes the kernel reset the
   * connection,
   * and the client would lose the answer.
   */
  #close(): void {
    if (this.#state.kind === 'closing') return;
    this.#state = closingState;
    this.#pending = nothing;
    const socket = this.#socket;
    this.#pauses = 0;
    socket.resume();
    socket.end(() => {
      if (this.#inputEnded) return void socket.destroy();
      const timer = setTimeout(() => socket.destroy(), lingerMs);
      socket.once('close', () => clearTimeout(timer));
      socket.once('end', () => socket.destroy());
    });
  }

  #pause(): void {
    this.#pauses++;
    this.#socket.pause();
  }

  #resume(): void {
    if (this.#pauses > 0 && --this.#pauses === 0) this.#socket.resume();
  }

  #unpauseAll(): void {
    if (this.#pauses === 0) return;
    this.#pauses = 0;
    this.#socket.resume();
  }
}

/**
 * A paused stream stays paused when someone listens for its data, unlike a fresh one. The session need not know that it
 * is not fresh.
 */
function resumeForReader(socket: Socket): void {
  const onListener = (event: string | symbol): void => {
    if (event !== 'data') return;
    socket.off('newListener', onListener);
    process.nextTick(() => socket.resume());
  };
  socket.on('newListener', onListener);
}
