import { expect, test } from 'bun:test';
import { unlessAborted } from './unless-aborted.ts';

test('the value, the failure, or nothing', async () => {
  const { signal } = new AbortController();
  expect(await unlessAborted(Promise.resolve(3), signal)).toBe(3);
  expect(await unlessAborted(Promise.reject(new Error('no')), signal).catch(String)).toBe('Error: no');
  expect(await unlessAborted(Promise.withResolvers().promise, AbortSignal.abort())).toBeUndefined();
  const controller = new AbortController();
  const waiting = unlessAborted(Promise.withResolvers().promise, controller.signal);
  controller.abort();
  expect(await waiting).toBeUndefined();
});
