import { expect, test } from 'bun:test';
import { ago, binarySize, humanDuration, humanSize, parseBytes, parseCpus, parseDuration } from './quantity.ts';

test.each([
  ['512', 512], ['1k', 1024], ['1kb', 1024], ['1KiB', 1024], ['1.5g', 1610612736], ['64 m', 67108864], ['0', 0], ['2b', 2],
])('parseBytes %s', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.each(['', 'x', '-1', '1zb', '1..5m', 'm', '1kk'])('parseBytes refuses %p', (text) => {
  expect(() => parseBytes(text)).toThrow(`invalid size: '${text}'`);
});

test.each([['1', 1e9], ['0.5', 5e8], ['.25', 25e7], ['1.000000001', 1000000001], ['2.', 2e9]])('parseCpus %s', (text, nano) => {
  expect(parseCpus(text)).toBe(nano);
});

test.each(['', '.', 'x', '-1', '0.0000000001'])('parseCpus refuses %p', (text) => {
  expect(() => parseCpus(text)).toThrow();
});

test.each([['1s', 1e9], ['1h15m30.5s', 4530.5e9], ['300ms', 3e8], ['-1m', -60e9], ['0', 0], ['1µs', 1000]])('parseDuration %s', (text, nanoseconds) => {
  expect(parseDuration(text)).toBe(nanoseconds);
});

test.each(['', '5', '1x', 's', '1s2', '--1s'])('parseDuration refuses %p', (text) => {
  expect(() => parseDuration(text)).toThrow('time:');
});

test('sizes', () => {
  expect(humanSize(0)).toBe('0B');
  expect(humanSize(1131168, 3)).toBe('1.13MB');
  expect(humanSize(1000)).toBe('1kB');
  expect(humanSize(999)).toBe('999B');
  expect(binarySize(25276514304)).toBe('23.54GiB');
});

test.each([
  [0, 'Less than a second'], [1, '1 second'], [59, '59 seconds'], [60, 'About a minute'], [119, 'About a minute'], [120, '2 minutes'],
  [3599, '59 minutes'], [3600, 'About an hour'], [2 * 3600, '2 hours'], [47 * 3600, '47 hours'], [48 * 3600, '2 days'], [14 * 86400, '2 weeks'],
  [60 * 86400, '2 months'], [2 * 365 * 86400, '2 years'],
])('%d seconds', (seconds, words) => {
  expect(humanDuration(seconds * 1000)).toBe(words);
});

test('ago', () => {
  expect(ago(1000, 1_180_000)).toBe('3 minutes ago');
});
