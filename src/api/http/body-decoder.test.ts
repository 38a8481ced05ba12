import { expect, test } from 'bun:test';
import { bodyDecoder } from './body-decoder.ts';
import type { BodyDecoder } from './body-decoder.ts';

/** Feeds `wire` in pieces of `size` bytes as a connection does; returns the body and what was left over. */
function decode(decoder: BodyDecoder, wire: string, size: number): { body: string; left: string } {
  let pending = Buffer.alloc(0);
  let body = '';
  for (let at = 0; at < wire.length; at += size) {
    pending = Buffer.concat([pending, Buffer.from(wire.slice(at, at + size))]);
    if (!decoder.done) pending = pending.subarray(decoder.decode(pending, (data) => (body += data.toString())));
  }
  return { body, left: pending.toString() };
}

const chunked = '5;name="a b"\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nGET /';

test.each([1, 2, 3, 7, 1000])('a chunked body in pieces of %d bytes', (size) => {
  const decoder = bodyDecoder({ kind: 'chunked' });
  expect(decode(decoder, chunked, size)).toEqual({ body: 'hello 0123456789', left: 'GET /' });
  expect(decoder.done).toBe(true);
});

test.each([1, 4, 1000])('a body of a given length in pieces of %d bytes', (size) => {
  const decoder = bodyDecoder({ kind: 'length', bytes: 5 });
  expect(decode(decoder, 'helloGET /', size)).toEqual({ body: 'hello', left: 'GET /' });
  expect(decoder.remaining).toBe(0);
});

test('no body is done at once', () => {
  expect(bodyDecoder({ kind: 'none' }).done).toBe(true);
});

test.each(['x\r\n', '-1\r\n', '\r\n', '0x5\r\n', 'fffffffffffffff\r\n', '1\r\nab\r\n', '5'.repeat(5000), `0\r\n${'a: b\r\n'.repeat(2000)}`])(
  'malformed chunks %#',
  (wire) => {
    expect(() => decode(bodyDecoder({ kind: 'chunked' }), wire, 10_000)).toThrow('malformed chunked encoding');
  },
);
