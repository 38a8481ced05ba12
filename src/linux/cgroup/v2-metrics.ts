/** Counters of cgroup v2 (admin-guide/cgroup-v2.rst). */
import { join } from 'node:path';
import {
  readCounters, readLimit, readNumber, readPids, readText, type CgroupMetrics, type CpuMetrics, type IoEntry, type MemoryMetrics,
} from './metrics.ts';

/** For the cgroup at `directory`, with those of `controllers` that it has. Throws Node's error when it goes away meanwhile. */
export function readV2Metrics(directory: string, controllers: ReadonlySet<string>): CgroupMetrics {
  return {
    // The times are there without the controller.
    cpu: cpuMetrics(directory),
    ...(controllers.has('memory') ? { memory: memoryMetrics(directory) } : {}),
    ...(controllers.has('pids') ? { pids: readPids(directory) } : {}),
    ...(controllers.has('io') ? { io: { bytes: ioBytes(directory) } } : {}),
  };
}

function cpuMetrics(directory: string): CpuMetrics {
  const counters = readCounters(join(directory, 'cpu.stat'));
  const nanoseconds = (name: string) => (counters.get(name) ?? 0n) * 1000n;
  return {
    total: nanoseconds('usage_usec'),
    kernel: nanoseconds('system_usec'),
    user: nanoseconds('user_usec'),
    periods: counters.get('nr_periods') ?? 0n,
    throttledPeriods: counters.get('nr_throttled') ?? 0n,
    throttledTime: nanoseconds('throttled_usec'),
  };
}

const memoryMetrics = (directory: string): MemoryMetrics => ({
  usage: readNumber(join(directory, 'memory.current')),
  limit: readLimit(join(directory, 'memory.max')),
  failures: readCounters(join(directory, 'memory.events')).get('oom') ?? 0n,
  counters: readCounters(join(directory, 'memory.stat')),
});

/** Lines as `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`. */
function ioBytes(directory: string): IoEntry[] {
  return readText(join(directory, 'io.stat')).split('\n').flatMap((line) => {
    const match = /^(\d+):(\d+) (.*)$/.exec(line);
    if (match === null) return [];
    const [, major, minor, pairs = ''] = match;
    const value = (name: string) => BigInt(new RegExp(`\\b${name}=(\\d+)`).exec(pairs)?.[1] ?? 0);
    const device = { major: Number(major), minor: Number(minor) };
    return [
      { ...device, operation: 'read', value: value('rbytes') },
      { ...device, operation: 'write', value: value('wbytes') },
    ];
  });
}
