import { expect, test } from 'bun:test';
import { addressBytes, macBytes } from './address-bytes.ts';

test('addresses as bytes', () => {
  expect([...addressBytes('172.17.0.2')]).toEqual([172, 17, 0, 2]);
  expect([...addressBytes('::')]).toEqual(Array.from({ length: 16 }, () => 0));
  expect(Buffer.from(addressBytes('fd00::1:2')).toString('hex')).toBe('fd000000000000000000000000010002');
  expect(Buffer.from(addressBytes('2001:db8:1:2:3:4:5:6')).toString('hex')).toBe('20010db8000100020003000400050006');
  expect(Buffer.from(addressBytes('::ffff:10.1.2.3')).toString('hex')).toBe('00000000000000000000ffff0a010203');
  expect(() => addressBytes('10.0.0')).toThrow(RangeError);
  expect([...macBytes('02:42:ac:11:00:02')]).toEqual([2, 0x42, 0xac, 0x11, 0, 2]);
});
