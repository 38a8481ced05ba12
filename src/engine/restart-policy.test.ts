import { expect, test } from 'bun:test';
import type { ContainerRecord } from './container.ts';
import { created } from './container-state.ts';
import type { RestartPolicy } from './docker-types.ts';
import { nextRestart, startsWithDaemon } from './restart-policy.ts';

const record = (id: string, policy: RestartPolicy, changes: Partial<ContainerRecord> = {}): ContainerRecord => ({
  id, name: id, created: '', config: {}, hostConfig: { RestartPolicy: policy }, imageId: '', topLayer: null, argv: [], mounts: [], networks: {}, endpoints: [], ports: [],
  restartCount: 0, manuallyStopped: false, state: created, ...changes,
});

test('no policy never restarts; always does whatever the exit code', () => {
  expect(nextRestart(record('a', {}), 1, 0)).toBeUndefined();
  expect(nextRestart(record('b', { Name: 'no' }), 1, 0)).toBeUndefined();
  expect(nextRestart(record('c', { Name: 'always' }), 0, 0)).toBe(100);
});

test('on-failure wants a failure, and gives up after its maximum', () => {
  expect(nextRestart(record('d', { Name: 'on-failure' }), 0, 0)).toBeUndefined();
  expect(nextRestart(record('e', { Name: 'on-failure', MaximumRetryCount: 2 }, { restartCount: 1 }), 1, 0)).toBe(100);
  expect(nextRestart(record('f', { Name: 'on-failure', MaximumRetryCount: 2 }, { restartCount: 2 }), 1, 0)).toBeUndefined();
});

test('the delay doubles up to a minute, and begins anew after a steady run', () => {
  const container = record('g', { Name: 'always' });
  const delays = Array.from({ length: 12 }, () => nextRestart(container, 1, 0));
  expect(delays.slice(0, 4)).toEqual([100, 200, 400, 800]);
  expect(delays.at(-1)).toBe(60_000);
  expect(nextRestart(container, 1, 10)).toBe(100);
});

const ended = (exitCode: number) => ({
  state: { status: 'exited' as const, exitCode, oomKilled: false, error: '', startedAt: '', finishedAt: '' }, manuallyStopped: true,
});

test('a container stopped by a person comes back with the daemon unless its policy says otherwise', () => {
  expect(nextRestart(record('h', { Name: 'unless-stopped' }, { manuallyStopped: true }), 0, 0)).toBeUndefined();
  expect(startsWithDaemon(record('i', { Name: 'always' }, ended(0)))).toBe(true);
  expect(startsWithDaemon(record('j', { Name: 'unless-stopped' }, ended(0)))).toBe(false);
  expect(startsWithDaemon(record('k', { Name: 'unless-stopped' }, { ...ended(0), manuallyStopped: false }))).toBe(true);
  expect(startsWithDaemon(record('l', { Name: 'on-failure' }, ended(137)))).toBe(true);
  expect(startsWithDaemon(record('m', { Name: 'on-failure' }, ended(0)))).toBe(false);
  expect(startsWithDaemon(record('n', { Name: 'always' }))).toBe(false);
});
