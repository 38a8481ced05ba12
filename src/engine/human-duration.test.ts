import { expect, test } from 'bun:test';
import { humanDuration } from './human-duration.ts';

test.each([
  [400, 'Less than a second'], [1200, '1 second'], [59_000, '59 seconds'], [61_000, 'About a minute'], [46 * 60_000, '46 minutes'],
  [61 * 60_000, 'About an hour'], [3 * 3_600_000, '3 hours'], [47 * 3_600_000, '47 hours'], [3 * 86_400_000, '3 days'],
  [15 * 86_400_000, '2 weeks'], [70 * 86_400_000, '2 months'], [800 * 86_400_000, '2 years'],
])('%d ms is %s', (ms, words) => {
  expect(humanDuration(ms)).toBe(words);
});
