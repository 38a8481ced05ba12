import { expect, test } from 'bun:test';
import { bigInt64, bool, bytes, field, int32, int64, map, message, optional, repeated, string, uint32 } from './codec.ts';

const inner = message({ name: field(1, string), flag: field(2, bool) });
const outer = message({
  text: field(1, string), data: field(2, bytes), number: field(3, int64), exact: field(4, bigInt64), inner: optional(5, inner), list: repeated(6, inner),
  words: repeated(7, string), texts: map(8, string), messages: map(9, inner), unsigned: field(10, uint32), signed: field(11, int32),
});

const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex');

test('what is encoded is decoded to the same', () => {
  const value = {
    text: 'é', data: Uint8Array.of(1, 2), number: 2 ** 40, exact: -(2n ** 62n), inner: { name: 'a', flag: true }, list: [{ name: 'b', flag: false }, { name: '', flag: true }],
    words: ['x', ''], texts: new Map([['__proto__', 'v'], ['', '']]), messages: new Map([['k', { name: 'n', flag: false }]]), unsigned: 2 ** 31, signed: -1,
  };
  expect(outer.decode(outer.encode(value))).toEqual(value);
});

test('what is not there has its zero, and zeros are not sent', () => {
  expect(outer.decode(new Uint8Array(0))).toEqual({
    text: '', data: new Uint8Array(0), number: 0, exact: 0n, inner: undefined, list: [], words: [], texts: new Map(), messages: new Map(), unsigned: 0, signed: 0,
  });
  expect(hex(outer.encode({ text: '', number: 0, list: [], texts: new Map() }))).toBe('');
  // An entry of a map is sent whole, and a message that is there although it is empty.
  expect(hex(outer.encode({ texts: new Map([['', '']]), inner: {} }))).toBe('2a0042040a001200');
});

test('unknown fields are passed over, and a later value counts', () => {
  const bytesOf = Buffer.from('f801070a0161fa010268690a0162f5010102030400', 'hex');
  expect(() => outer.decode(bytesOf)).toThrow();
  expect(outer.decode(bytesOf.subarray(0, bytesOf.length - 1)).text).toBe('b');
});

test.each(['0a05', '0aff', '2a0a0a01', '0a', 'ffffffffffffffffffffff', '4203', '00', '0b'])('%s is refused', (text) => {
  expect(() => outer.decode(Buffer.from(text, 'hex'))).toThrow();
});
