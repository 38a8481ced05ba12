import { expect, test } from 'bun:test';
import { encodeHeaders, HeaderDecoder } from './hpack.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

test('requests with Huffman’s code and a growing table (RFC 7541 appendix C.4)', () => {
  const decoder = new HeaderDecoder();
  expect(decoder.decode(hex('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff'))).toEqual([
    [':method', 'GET'], [':scheme', 'http'], [':path', '/'], [':authority', 'www.example.com'],
  ]);
  expect(decoder.decode(hex('8286 84be 5886 a8eb 1064 9cbf'))).toEqual([
    [':method', 'GET'], [':scheme', 'http'], [':path', '/'], [':authority', 'www.example.com'], ['cache-control', 'no-cache'],
  ]);
  expect(decoder.decode(hex('8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'))).toEqual([
    [':method', 'GET'], [':scheme', 'https'], [':path', '/index.html'], [':authority', 'www.example.com'], ['custom-key', 'custom-value'],
  ]);
});

test('responses whose table loses its oldest entries (appendix C.6)', () => {
  const decoder = new HeaderDecoder();
  const first = '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3';
  const expected = [[':status', '302'], ['cache-control', 'private'], ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'], ['location', 'https://www.example.com']];
  expect(decoder.decode(hex(`3fe1 01 ${first}`))).toEqual(expected as [string, string][]);
  expect(decoder.decode(hex('4883 640e ffc1 c0bf'))).toEqual([[':status', '307'], ...expected.slice(1)] as [string, string][]);
});

test('what is encoded is decoded to the same', () => {
  const headers = [[':method', 'POST'], [':path', `/${'x'.repeat(300)}`], ['te', 'trailers'], ['grpc-message', '%E2'], ['empty', '']] as const;
  expect(new HeaderDecoder().decode(encodeHeaders(headers))).toEqual(headers.map(([name, value]) => [name, value]));
});

test.each(['be', '80', '3fe2 1f', '00 ff', '4005 6162', '7fff ffff ffff ff', '0001 61 81 ff ff'.replace('81 ff ff', '84 ffff ffff')])('%s is refused', (block) => {
  expect(() => new HeaderDecoder().decode(hex(block))).toThrow();
});

test('a few bytes that stand for much are refused', () => {
  const decoder = new HeaderDecoder();
  decoder.decode(encodeKept('a', 'x'.repeat(4000)));
  expect(() => decoder.decode(Buffer.alloc(20, 0xbe))).toThrow('too large');
});

function encodeKept(name: string, value: string): Buffer {
  const block = encodeHeaders([[name, value]]);
  block[0] = 0x40;
  return block;
}
