import { expect, test } from 'bun:test';
import { afterProbe, beginHealth, healthTimes, type ProbeResult, probeCommand, untilNextProbe } from './health.ts';

const result = (ExitCode: number): ProbeResult => ({ Start: '', End: '', ExitCode, Output: '' });
const second = 1e9;

test('a command comes from CMD as it is, from CMD-SHELL through the shell of the image', () => {
  expect(probeCommand({ Healthcheck: { Test: ['CMD', 'a', 'b c'] } })).toEqual(['a', 'b c']);
  expect(probeCommand({ Healthcheck: { Test: ['CMD-SHELL', 'a b'] } })).toEqual(['/bin/sh', '-c', 'a b']);
  expect(probeCommand({ Healthcheck: { Test: ['CMD-SHELL', 'a b'] }, Shell: ['/bin/ash', '-ec'] })).toEqual(['/bin/ash', '-ec', 'a b']);
  for (const Test of [['NONE'], [], ['CMD'], ['FOO', 'x']]) expect(probeCommand({ Healthcheck: { Test } })).toBeUndefined();
  expect(probeCommand({})).toBeUndefined();
});

test('one success is health; as many failures as retries are not', () => {
  const starting = beginHealth(undefined);
  expect(afterProbe(starting, result(0), {}, 0).status).toBe('healthy');
  let health = afterProbe(starting, result(0), {}, 0);
  for (const expected of ['healthy', 'healthy', 'unhealthy'] as const) {
    health = afterProbe(health, result(1), {}, 0);
    expect(health.status).toBe(expected);
  }
  expect(health.failingStreak).toBe(3);
  expect(afterProbe(health, result(0), {}, 0)).toMatchObject({ status: 'healthy', failingStreak: 0 });
  expect(afterProbe(starting, result(-1), { Retries: 1 }, 0).status).toBe('unhealthy');
});

test('failures within the start period do not count until the first success', () => {
  const config = { StartPeriod: 10 * second, Retries: 1 };
  const starting = beginHealth(undefined);
  expect(afterProbe(starting, result(1), config, 9999)).toMatchObject({ status: 'starting', failingStreak: 0 });
  expect(afterProbe(starting, result(1), config, 10_000).status).toBe('unhealthy');
  expect(afterProbe(afterProbe(starting, result(0), config, 0), result(1), config, 1).status).toBe('unhealthy');
});

test('five results are kept, over restarts too', () => {
  let health = beginHealth(undefined);
  for (let code = 0; code < 7; code++) health = afterProbe(health, result(code), {}, 0);
  expect(beginHealth(health).log.map(({ ExitCode }) => ExitCode)).toEqual([2, 3, 4, 5, 6]);
});

test('probes come more often while a container starts', () => {
  const times = healthTimes({ Interval: 60 * second, StartPeriod: 30 * second, StartInterval: second });
  const starting = beginHealth(undefined);
  expect(untilNextProbe(starting, times, 0)).toBe(1000);
  expect(untilNextProbe(starting, times, 30_000)).toBe(60_000);
  expect(untilNextProbe({ ...starting, status: 'healthy' }, times, 0)).toBe(60_000);
  expect(healthTimes({})).toEqual({ interval: 30_000, timeout: 30_000, startPeriod: 0, startInterval: 5000 });
});
