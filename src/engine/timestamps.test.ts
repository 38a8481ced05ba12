import { expect, test } from 'bun:test';
import { formatNanoseconds, nowText, parseBound, parseTime } from './timestamps.ts';

test('nanoseconds are written as Go writes them, without trailing zeros', () => {
  expect(formatNanoseconds(1_700_000_000_123_456_789n)).toBe('2023-11-14T22:13:20.123456789Z');
  expect(formatNanoseconds(1_700_000_000_120_000_000n)).toBe('2023-11-14T22:13:20.12Z');
  expect(formatNanoseconds(1_700_000_000_000_000_000n)).toBe('2023-11-14T22:13:20Z');
});

test('a written time is read back exactly', () => {
  const text = nowText();
  expect(formatNanoseconds(parseTime(text) ?? 0n)).toBe(text);
  expect(parseTime('2023-11-14T23:13:20.5+01:00')).toBe(1_700_000_000_500_000_000n);
  expect(parseTime('yesterday')).toBeUndefined();
});

test('since and until take seconds with a fraction, RFC 3339, or nothing', () => {
  expect(parseBound('1700000000.000000001')).toBe(1_700_000_000_000_000_001n);
  expect(parseBound('1700000000')).toBe(1_700_000_000_000_000_000n);
  expect(parseBound('2023-11-14T22:13:20Z')).toBe(1_700_000_000_000_000_000n);
  expect(parseBound('')).toBeUndefined();
  expect(parseBound('soon')).toBe('invalid');
});
