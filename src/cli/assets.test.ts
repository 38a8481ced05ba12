import { expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { readAsset } from '../assets.ts';

test('busybox is the build whose digest busybox.net publishes', () => {
  const digest = createHash('sha256').update(readAsset('busybox')).digest('hex');
  expect(digest).toBe('6e123e7f3202a8c1e9b1f94d8941580a25135382b99e8d3e34fb858bba311348');
});
