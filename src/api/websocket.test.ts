import { expect, test } from 'bun:test';
import { encodeFrame, FrameError, FrameReader, websocketHandshake } from './websocket.ts';

/** A client's frame: masked, with any length field that fits. */
function clientFrame(code: number, payload: Buffer, first = 0x80): Buffer {
  const frame = encodeFrame(code, payload);
  const head = frame.subarray(0, frame.length - payload.length);
  head[0] = first | code;
  head[1]! |= 0x80;
  const mask = Buffer.of(1, 2, 3, 4);
  return Buffer.concat([head, mask, payload.map((byte, at) => byte ^ mask[at & 3]!)]);
}

test('the handshake of RFC 6455, section 1.3', () => {
  const headers: Record<string, string> = { upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
  expect(websocketHandshake((name) => headers[name])).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n');
  expect(() => websocketHandshake(() => undefined)).toThrow('not websocket protocol');
});

test('frames of every length, cut anywhere, come out whole', () => {
  const sizes = [0, 1, 125, 126, 65535, 65536, 200_000];
  const payloads = sizes.map((size) => Buffer.alloc(size, size % 251));
  const wire = Buffer.concat(payloads.map((payload) => clientFrame(2, payload)));
  for (const step of [1, 7, 4096, wire.length]) {
    const reader = new FrameReader();
    const read: Buffer[] = [];
    const small = step === 1 ? wire.subarray(0, 400) : wire;
    for (let at = 0; at < small.length; at += step) for (const { payload } of reader.feed(small.subarray(at, at + step))) read.push(payload);
    expect(read.map((payload) => payload.length)).toEqual(step === 1 ? [0, 1, 125, 126] : sizes);
    for (const [index, payload] of read.entries()) expect(payload.equals(payloads[index]!)).toBe(true);
  }
});

test('what breaks the protocol is refused, and what is too long before it is kept', () => {
  const feed = (bytes: Buffer) => [...new FrameReader().feed(bytes)];
  expect(() => feed(encodeFrame(2, Buffer.from('not masked')))).toThrow(FrameError);
  expect(() => feed(clientFrame(2, Buffer.from('x'), 0xc0))).toThrow('reserved');
  expect(() => feed(clientFrame(9, Buffer.alloc(126)))).toThrow('control frame');
  expect(() => feed(Buffer.from([0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4]))).toThrow('larger');
});
