/**
 * A connection of HTTP/2 over any stream of bytes, either end of it (RFC 9113): what gRPC needs of it. No pushes, no priorities. Both
 * sides' flow control is kept: what nobody reads here is not received, and what the other side does not read is not sent.
 */
import type { Duplex } from 'node:stream';
import {
  encodeFrame, encodeSettings, encodeUint32, type Frame, frameFlag, FrameReader, frameType, maxFrameBytes, payloadOf, setting,
} from './frames.ts';
import { encodeHeaders, HeaderDecoder, type HeaderList, maxHeaderListSize } from './hpack.ts';
import { errorCode, Http2Error } from './http2-error.ts';
import { Http2Stream, maxWindow, StreamReset, type StreamSink, streamWindow } from './stream.ts';

export interface Http2Options {
  /** Takes the client's requests; undefined: we are the client. */
  readonly onRequest?: (stream: Http2Stream, headers: HeaderList) => void;
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const nothing = Buffer.alloc(0);
/** Bytes that all streams together may have waiting. */
const connectionWindow = 4 * 1024 * 1024;
const initialWindow = 65_535;
const maxStreams = 256;
/** A header block in the pieces that it comes in. */
const maxBlockBytes = maxHeaderListSize;
/** Frames that may come while no data goes either way: a flood is no conversation. */
const maxIdleFrames = 10_000;
/** Bytes that wait for who takes no answers, before nothing more is read of it. */
const maxUnsent = 1024 * 1024;

export class Http2Connection implements StreamSink {
  readonly #socket: Duplex;
  readonly #onRequest: Http2Options['onRequest'];
  readonly #frames = new FrameReader();
  readonly #decoder = new HeaderDecoder();
  readonly #streams = new Map<number, Http2Stream>();
  readonly #closed = new AbortController();
  /** Of the client's preface: what has not come yet. */
  #expected: Buffer;
  #block: { readonly stream: number; readonly end: boolean; pieces: Buffer[]; bytes: number } | undefined;
  #lastStream = 0;
  #nextStream = 1;
  #sendWindow = initialWindow;
  #peerStreamWindow = initialWindow;
  #receiveWindow = connectionWindow;
  #uncredited = 0;
  #idleFrames = 0;
  #out: Buffer[] = [];

  constructor(socket: Duplex, { onRequest }: Http2Options = {}) {
    this.#socket = socket;
    this.#onRequest = onRequest;
    this.#expected = onRequest ? preface : nothing;
    if (!onRequest) this.#send(preface);
    this.#send(encodeSettings([
      [setting.enablePush, 0], [setting.maxConcurrentStreams, maxStreams], [setting.initialWindowSize, streamWindow], [setting.maxHeaderListSize, maxHeaderListSize],
    ].slice(onRequest ? 1 : 0) as [number, number][]));
    this.#send(encodeUint32(frameType.windowUpdate, 0, connectionWindow - initialWindow));
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#end(new StreamReset(errorCode.cancel, 'the connection has ended')));
    socket.on('close', () => this.#end(new StreamReset(errorCode.cancel, 'the connection has ended')));
    socket.on('error', () => socket.destroy());
    socket.resume();
  }

  /** Aborted when the connection has ended. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** As the client: a new request. */
  request(headers: HeaderList): Http2Stream {
    const stream = new Http2Stream(this.#nextStream, this, this.#peerStreamWindow);
    this.#nextStream += 2;
    if (this.closed.aborted) stream.fail(new StreamReset(errorCode.cancel, 'the connection has ended'));
    else this.#streams.set(stream.id, stream);
    stream.sendHeaders(headers);
    return stream;
  }

  close(code: number = errorCode.none): void {
    if (this.closed.aborted) return;
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(this.#lastStream, 0);
    payload.writeUInt32BE(code, 4);
    this.#send(encodeFrame(frameType.goAway, 0, 0, payload));
    this.#flush();
    this.#end(new StreamReset(errorCode.cancel, 'the connection was ended'));
  }

  get behind(): boolean {
    return this.#socket.writableNeedDrain;
  }

  sendHeaders(stream: Http2Stream, headers: HeaderList, end: boolean): void {
    const block = encodeHeaders(headers);
    for (let at = 0; at === 0 || at < block.length; at += maxFrameBytes) {
      const last = at + maxFrameBytes >= block.length;
      const flags = (last ? frameFlag.endHeaders : 0) | (end && at === 0 ? frameFlag.endStream : 0);
      this.#send(encodeFrame(at === 0 ? frameType.headers : frameType.continuation, flags, stream.id, block.subarray(at, at + maxFrameBytes)));
    }
  }

  pump(stream: Http2Stream): void {
    for (;;) {
      const limit = Math.min(maxFrameBytes, stream.sendWindow, this.#sendWindow);
      const chunk = limit > 0 ? stream.take(limit) : undefined;
      if (chunk === undefined) break;
      stream.sendWindow -= chunk.length;
      this.#sendWindow -= chunk.length;
      this.#idleFrames = 0;
      this.#send(encodeFrame(frameType.data, 0, stream.id, chunk));
    }
    const end = stream.takeEnd();
    if (end === undefined) return;
    if (end.trailers === undefined) this.#send(encodeFrame(frameType.data, frameFlag.endStream, stream.id, nothing));
    else this.sendHeaders(stream, end.trailers, true);
    // An answer that is complete needs no more of the request.
    if (this.#onRequest && !stream.hasEnded) stream.reset(errorCode.none);
    this.#forgetIfClosed(stream);
  }

  credit(bytes: number, stream: Http2Stream | undefined): void {
    this.#uncredited += bytes;
    if (this.#uncredited >= connectionWindow / 2) {
      this.#send(encodeUint32(frameType.windowUpdate, 0, this.#uncredited));
      this.#receiveWindow += this.#uncredited;
      this.#uncredited = 0;
    }
    if (stream === undefined || stream.isClosed) return;
    stream.uncredited += bytes;
    if (stream.uncredited < streamWindow / 2) return;
    this.#send(encodeUint32(frameType.windowUpdate, stream.id, stream.uncredited));
    stream.receiveWindow += stream.uncredited;
    stream.uncredited = 0;
  }

  sendReset(stream: Http2Stream, code: number): void {
    this.#send(encodeUint32(frameType.reset, stream.id, code));
    this.#streams.delete(stream.id);
  }

  #onData(chunk: Buffer): void {
    try {
      for (const frame of this.#frames.feed(this.#afterPreface(chunk))) this.#onFrame(frame);
    } catch (error) {
      this.close(error instanceof Http2Error ? error.code : errorCode.internal);
    }
  }

  #afterPreface(chunk: Buffer): Buffer {
    const length = Math.min(chunk.length, this.#expected.length);
    if (length === 0) return chunk;
    if (!this.#expected.subarray(0, length).equals(chunk.subarray(0, length))) throw new Http2Error(errorCode.protocol, 'no HTTP/2');
    this.#expected = this.#expected.subarray(length);
    return chunk.subarray(length);
  }

  #onFrame(frame: Frame): void {
    // What comes after the end would be served with nobody to answer, and nothing would tell it so.
    if (this.closed.aborted) return undefined;
    const { type } = frame;
    if (this.#block !== undefined && type !== frameType.continuation) throw new Http2Error(errorCode.protocol, 'headers are interrupted');
    if (type === frameType.data || type === frameType.headers) this.#idleFrames = 0;
    else if (type !== frameType.windowUpdate && ++this.#idleFrames > maxIdleFrames) throw new Http2Error(errorCode.enhanceYourCalm, 'nothing but control frames');
    switch (type) {
      case frameType.data: return this.#onDataFrame(frame);
      case frameType.headers: return this.#onHeadersFrame(frame);
      case frameType.continuation: return this.#onBlock(frame, frame.payload);
      case frameType.reset: return this.#onReset(frame);
      case frameType.settings: return this.#onSettings(frame);
      case frameType.ping: return this.#onPing(frame);
      case frameType.windowUpdate: return this.#onWindowUpdate(frame);
      case frameType.pushPromise: throw new Http2Error(errorCode.protocol, 'pushes are not allowed');
      // After a GOAWAY what is under way goes on; no other request would be answered, and its stream fails with the connection.
      default: return undefined;
    }
  }

  #onDataFrame(frame: Frame): void {
    const { length } = frame.payload;
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0) throw new Http2Error(errorCode.flowControl, 'more data than the connection allows');
    const data = payloadOf(frame);
    const stream = this.#streams.get(frame.stream);
    if (stream === undefined || stream.hasEnded) {
      if (frame.stream === 0 || !this.#isOld(frame.stream)) throw new Http2Error(errorCode.protocol, 'data without a request');
      return this.credit(length, undefined);
    }
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) throw new Http2Error(errorCode.flowControl, 'more data than the stream allows');
    this.credit(length - data.length, stream);
    if (data.length > 0) stream.onData(data);
    if ((frame.flags & frameFlag.endStream) !== 0) stream.onEnd();
    this.#forgetIfClosed(stream);
  }

  #isOld(id: number): boolean {
    return this.#onRequest ? id <= this.#lastStream : id < this.#nextStream;
  }

  #onHeadersFrame(frame: Frame): void {
    this.#block = { stream: frame.stream, end: (frame.flags & frameFlag.endStream) !== 0, pieces: [], bytes: 0 };
    this.#onBlock(frame, payloadOf(frame));
  }

  #onBlock({ stream, flags }: Frame, piece: Buffer): void {
    const block = this.#block;
    if (block === undefined || block.stream !== stream) throw new Http2Error(errorCode.protocol, 'headers without a beginning');
    block.bytes += piece.length;
    if (block.bytes > maxBlockBytes) throw new Http2Error(errorCode.enhanceYourCalm, 'the headers are too large');
    block.pieces.push(piece);
    if ((flags & frameFlag.endHeaders) === 0) {
      // Pieces of nothing could go on for ever.
      if (piece.length === 0) throw new Http2Error(errorCode.enhanceYourCalm, 'an empty piece of headers');
      return;
    }
    this.#block = undefined;
    this.#onHeaders(stream, this.#decoder.decode(Buffer.concat(block.pieces)), block.end);
  }

  #onHeaders(id: number, headers: HeaderList, end: boolean): void {
    const known = this.#streams.get(id);
    if (known !== undefined) {
      if (known.hasEnded) throw new Http2Error(errorCode.streamClosed, 'headers after the end');
      known.onHeaders(headers, end);
      return this.#forgetIfClosed(known);
    }
    if (this.#isOld(id)) return undefined;
    if (!this.#onRequest || id % 2 === 0) throw new Http2Error(errorCode.protocol, `unexpected stream ${id}`);
    this.#lastStream = id;
    const stream = new Http2Stream(id, this, this.#peerStreamWindow);
    if (this.#streams.size >= maxStreams) return this.sendReset(stream, errorCode.refusedStream);
    this.#streams.set(id, stream);
    stream.onHeaders(headers, end);
    this.#onRequest(stream, headers);
  }

  #onReset({ stream: id, payload }: Frame): void {
    if (payload.length !== 4) throw new Http2Error(errorCode.frameSize, 'a reset of another length');
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    stream?.fail(new StreamReset(payload.readUInt32BE(0), 'the other side has given up'));
  }

  #onSettings({ flags, payload, stream }: Frame): void {
    if ((flags & frameFlag.ack) !== 0) return;
    if (payload.length % 6 !== 0 || stream !== 0) throw new Http2Error(errorCode.frameSize, 'malformed settings');
    for (let at = 0; at < payload.length; at += 6) {
      if (payload.readUInt16BE(at) === setting.initialWindowSize) this.#resizeWindows(payload.readUInt32BE(at + 2));
    }
    this.#send(encodeFrame(frameType.settings, frameFlag.ack, 0, nothing));
  }

  /** Applies to streams that are open, too (RFC 9113 section 6.9.2). */
  #resizeWindows(size: number): void {
    if (size > maxWindow) throw new Http2Error(errorCode.flowControl, 'a window too large');
    for (const stream of this.#streams.values()) {
      stream.sendWindow += size - this.#peerStreamWindow;
      this.#pumpWaiting(stream);
    }
    this.#peerStreamWindow = size;
  }

  #onPing({ flags, payload }: Frame): void {
    if (payload.length !== 8) throw new Http2Error(errorCode.frameSize, 'a ping of another length');
    if ((flags & frameFlag.ack) === 0) this.#send(encodeFrame(frameType.ping, frameFlag.ack, 0, payload));
  }

  #onWindowUpdate({ stream: id, payload }: Frame): void {
    if (payload.length !== 4) throw new Http2Error(errorCode.frameSize, 'a window update of another length');
    const increment = payload.readUInt32BE(0) & maxWindow;
    if (id === 0) {
      this.#sendWindow += increment;
      if (this.#sendWindow > maxWindow) throw new Http2Error(errorCode.flowControl, 'a window too large');
      for (const stream of this.#streams.values()) this.#pumpWaiting(stream);
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.sendWindow += increment;
    if (stream.sendWindow > maxWindow) stream.reset(errorCode.flowControl);
    else this.#pumpWaiting(stream);
  }

  #pumpWaiting(stream: Http2Stream): void {
    if (!stream.hasWaiting) return;
    this.pump(stream);
    if (!this.behind) stream.onDrained();
  }

  #forgetIfClosed(stream: Http2Stream): void {
    if (stream.isClosed) this.#streams.delete(stream.id);
  }

  /** What is sent in one turn of the event loop leaves together. */
  #send(frame: Buffer): void {
    if (this.#out.length === 0) queueMicrotask(() => this.#flush());
    this.#out.push(frame);
  }

  #flush(): void {
    const out = this.#out;
    this.#out = [];
    if (out.length > 0 && this.#socket.writable) this.#socket.write(out.length === 1 ? out[0]! : Buffer.concat(out));
    if (this.#socket.writableLength > maxUnsent) this.#socket.pause();
  }

  #onDrain(): void {
    this.#socket.resume();
    for (const stream of this.#streams.values()) stream.onDrained();
  }

  #end(failure: Error): void {
    if (this.closed.aborted) return;
    for (const stream of this.#streams.values()) stream.fail(failure);
    this.#streams.clear();
    this.#closed.abort();
    this.#socket.end(() => void this.#socket.destroy());
  }
}
