/** WebSockets (RFC 6455), a server's side: as a stream of bytes, which is all that attaching needs. */
import { createHash } from 'node:crypto';
import { Duplex } from 'node:stream';
import { invalidParameter } from '../errors.ts';

/** RFC 6455, section 1.3. */
const handshakeGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Section 5.2. */
const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Section 7.4.1. */
const closeCode = { normal: 1000, protocolError: 1002, tooBig: 1009 } as const;

/** Bytes of one frame: what is typed or piped comes in far smaller ones, and a frame is kept until all of it is there. */
const maxFrame = 1024 * 1024;
const maxControlFrame = 125;

/** The head of the answer. Throws invalid-parameter for a request that does not ask for a WebSocket. */
export function websocketHandshake(header: (name: string) => string | undefined): string {
  const key = header('sec-websocket-key');
  if (header('upgrade')?.toLowerCase() !== 'websocket' || key === undefined) throw invalidParameter('not websocket protocol');
  if (header('sec-websocket-version') !== '13') throw invalidParameter('missing or bad WebSocket Version');
  const accept = createHash('sha1').update(key + handshakeGuid).digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

/**
 * What was written is sent as binary frames, after `outgoing`; what comes in frames of data is read. `connection` is spoken to through
 * this alone.
 */
export function websocketStream(connection: Duplex, outgoing: (bytes: Buffer) => Buffer): Duplex {
  const reader = new FrameReader();
  let closing = false;
  const close = (code: number): void => {
    if (!closing) connection.write(encodeFrame(opcode.close, Buffer.of(code >> 8, code & 0xff)));
    closing = true;
    connection.end();
    stream.push(null);
  };
  const stream = new Duplex({
    read: () => void connection.resume(),
    write(chunk: Buffer, _encoding, done) {
      const bytes = outgoing(chunk);
      if (closing || bytes.length === 0 || connection.write(encodeFrame(opcode.binary, bytes))) done();
      else connection.once('drain', () => done());
    },
    final(done) {
      close(closeCode.normal);
      done();
    },
    destroy(error, done) {
      connection.destroy();
      done(error);
    },
  });
  const receive = (frame: Frame): void => {
    if (frame.opcode === opcode.ping) connection.write(encodeFrame(opcode.pong, frame.payload));
    else if (frame.opcode === opcode.close) close(closeCode.normal);
    else if (frame.opcode !== opcode.pong && !stream.push(frame.payload)) connection.pause();
  };
  connection.on('data', (chunk: Buffer) => {
    try {
      for (const frame of reader.feed(chunk)) if (!closing) receive(frame);
    } catch (error) {
      close(error instanceof FrameError ? error.closeCode : closeCode.protocolError);
    }
  });
  connection.on('end', () => stream.push(null));
  connection.on('close', () => stream.destroy());
  connection.on('error', () => stream.destroy());
  return stream;
}

export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** A peer that breaks the protocol; says with which code the connection is closed. */
export class FrameError extends Error {
  readonly closeCode: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'FrameError';
    this.closeCode = code;
  }
}

/** The frames of a client, unmasked. Pieces of a message are frames of their own: nobody here cares where messages end. */
export class FrameReader {
  #buffered = Buffer.alloc(0);

  /** Throws FrameError. */
  *feed(chunk: Uint8Array): Generator<Frame> {
    this.#buffered = Buffer.concat([this.#buffered, chunk]);
    for (let head = frameHead(this.#buffered); head !== undefined; head = frameHead(this.#buffered)) {
      const end = head.size + head.length;
      if (this.#buffered.length < end) return;
      const payload = Buffer.from(this.#buffered.subarray(head.size, end));
      for (let at = 0; at < payload.length; at++) payload[at]! ^= head.mask[at & 3]!;
      this.#buffered = this.#buffered.subarray(end);
      yield { opcode: head.opcode, payload };
    }
  }
}

interface FrameHead {
  readonly opcode: number;
  readonly mask: Uint8Array;
  /** Bytes of the head, and of what follows. */
  readonly size: number;
  readonly length: number;
}

/** Undefined until all of it is there. */
function frameHead(bytes: Buffer): FrameHead | undefined {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return undefined;
  if ((first & 0x70) !== 0) throw new FrameError(closeCode.protocolError, 'a reserved bit is set');
  if ((second & 0x80) === 0) throw new FrameError(closeCode.protocolError, 'a frame of a client is not masked');
  const short = second & 0x7f;
  const lengthSize = short === 126 ? 2 : short === 127 ? 8 : 0;
  const size = 2 + lengthSize + 4;
  if (bytes.length < size) return undefined;
  const length = lengthSize === 0 ? short : lengthSize === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const code = first & 0x0f;
  if (code >= opcode.close && (length > maxControlFrame || (first & 0x80) === 0)) throw new FrameError(closeCode.protocolError, 'a control frame is too long, or in pieces');
  if (length > maxFrame) throw new FrameError(closeCode.tooBig, 'a frame is larger than 1 MiB');
  return { opcode: code, mask: bytes.subarray(size - 4, size), size, length };
}

/** One whole frame, not masked. */
export function encodeFrame(code: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65536 ? 4 : 10);
  head[0] = 0x80 | code;
  head[1] = length < 126 ? length : length < 65536 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}
