import { expect, test } from 'bun:test';
import { macFor } from './mac.ts';

const at = (address: string) => ({ address, prefixLength: 64, gateway: '' });

test('an address of IPv4 is the end of it', () => {
  expect(macFor(at('172.17.0.2'), at('fd00::2'))).toBe('02:42:ac:11:00:02');
});

test('without one it follows from the address of IPv6', () => {
  const mac = macFor(null, at('fd00::2'));
  expect(mac).toMatch(/^02(:[0-9a-f]{2}){5}$/);
  expect(macFor(null, at('fd00::2'))).toBe(mac);
  expect(macFor(null, at('fd00::3'))).not.toBe(mac);
});
