import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/**
 * A hijacked socket whose client has already ended its side: reads give what it had sent and then the end, writes go to
 * the socket.
 * (The socket itself has emitted 'end' before the session could listen for it.)
 */
export class EndedSocket extends Duplex {
  readonly #socket: Socket;

  constructor(socket: Socket, early: Buffer) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    if (early.length > 0) this.push(early);
    this.push(null);
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    // Everything was pushed at the start.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done());
  }
}
