import { expect, test } from 'bun:test';
import { reverseName } from './reverse.ts';

test('names by which addresses are looked up', () => {
  expect(reverseName('172.18.0.2')).toBe('2.0.18.172.in-addr.arpa');
  expect(reverseName('fd00::2')).toBe(`2.${'0.'.repeat(29)}d.f.ip6.arpa`);
});
