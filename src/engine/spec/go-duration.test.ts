import { expect, test } from 'bun:test';
import { formatGoDuration, parseGoDuration, secondsAndNanoseconds } from './go-duration.ts';

test.each<[string, bigint | undefined]>([
  ['0', 0n],
  ['1s', 1_000_000_000n],
  ['+1d', 86_400_000_000_000n],
  ['-36h', -129_600_000_000_000n],
  ['1h30m', 5_400_000_000_000n],
  ['1.5s', 1_500_000_000n],
  ['.5ms', 500_000n],
  ['2us3ns', 2_003n],
  ['', undefined],
  ['1', undefined],
  ['d', undefined],
  ['1x', undefined],
  ['--1s', undefined],
  ['1s ', undefined],
])('%s', (text, expected) => {
  expect(parseGoDuration(text)).toBe(expected as bigint);
});

test('a negative time has nanoseconds that count upwards', () => {
  expect(secondsAndNanoseconds(-1_500_000_000n)).toEqual({ secs: -2, nanosecs: 500_000_000 });
  expect(secondsAndNanoseconds(1n)).toEqual({ secs: 0, nanosecs: 1 });
});

test('durations are written as Go writes them', () => {
  const written = [[0n, '0s'], [1n, '1ns'], [1_500n, '1.5µs'], [100_000_000n, '100ms'], [1_000_000_000n, '1s'], [1_500_000_000n, '1.5s']] as const;
  for (const [value, text] of written) expect(formatGoDuration(value)).toBe(text);
  expect(formatGoDuration(90_000_000_000n)).toBe('1m30s');
  expect(formatGoDuration(3_600_000_000_000n)).toBe('1h0m0s');
  expect(formatGoDuration(-2_000_000n)).toBe('-2ms');
});
