/** Frames on the wire (RFC 9113 sections 4 and 6). */
import { errorCode, Http2Error } from './http2-error.ts';

export const frameType = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, pushPromise: 5, ping: 6, goAway: 7, windowUpdate: 8, continuation: 9 } as const;
export const frameFlag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;
export const setting = { headerTableSize: 1, enablePush: 2, maxConcurrentStreams: 3, initialWindowSize: 4, maxFrameSize: 5, maxHeaderListSize: 6 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

const headerBytes = 9;
/** The least that every implementation takes, and all that is taken here. */
export const maxFrameBytes = 16_384;

export function encodeFrame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  frame.writeUIntBE(payload.length, 0, 3);
  frame[3] = type;
  frame[4] = flags;
  frame.writeUInt32BE(stream, 5);
  frame.set(payload, headerBytes);
  return frame;
}

export function encodeSettings(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return encodeFrame(frameType.settings, 0, 0, payload);
}

export function encodeUint32(type: number, stream: number, value: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(value);
  return encodeFrame(type, 0, stream, payload);
}

/** Takes frames out of chunks that end anywhere; it never holds more than one frame and one chunk. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);

  /** Throws Http2Error for a frame that is too long. */
  *feed(chunk: Buffer): Generator<Frame> {
    let input = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (input.length >= headerBytes) {
      const length = input.readUIntBE(0, 3);
      if (length > maxFrameBytes) throw new Http2Error(errorCode.frameSize, `a frame of ${length} bytes`);
      const end = headerBytes + length;
      if (input.length < end) break;
      const frame = { type: input[3]!, flags: input[4]!, stream: input.readUInt32BE(5) & 0x7fff_ffff, payload: input.subarray(headerBytes, end) };
      input = input.subarray(end);
      yield frame;
    }
    this.#pending = input;
  }
}

/** Of a frame with padding, and of headers their priority: what is left without them. Throws Http2Error. */
export function payloadOf({ type, flags, payload }: Frame): Buffer {
  let start = 0;
  let end = payload.length;
  if ((flags & frameFlag.padded) !== 0) {
    start = 1;
    end -= payload[0] ?? 0;
  }
  if (type === frameType.headers && (flags & frameFlag.priority) !== 0) start += 5;
  if (start > end) throw new Http2Error(errorCode.protocol, 'more padding than frame');
  return payload.subarray(start, end);
}
