/** Counters of cgroup v1 (admin-guide/cgroup-v1). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  readCounters, readNumber, readPids, readText, type CgroupMetrics, type CpuMetrics, type IoEntry, type IoMetrics, type MemoryMetrics,
} from './metrics.ts';

/** Nanoseconds in one of the clock ticks that `cpuacct.stat` counts: USER_HZ is 100 everywhere. */
const tick = 10_000_000n;

/** `paths` are the cgroup's directories by controller. Throws Node's error when it goes away meanwhile. */
export function readV1Metrics({ memory, cpu, cpuacct, pids, blkio }: Readonly<Record<string, string>>): CgroupMetrics {
  return {
    ...(cpuacct === undefined ? {} : { cpu: cpuMetrics(cpuacct, cpu) }),
    ...(memory === undefined ? {} : { memory: memoryMetrics(memory) }),
    ...(pids === undefined ? {} : { pids: readPids(pids) }),
    ...(blkio === undefined ? {} : { io: ioMetrics(blkio) }),
  };
}

function cpuMetrics(directory: string, cpu: string | undefined): CpuMetrics {
  const ticks = readCounters(join(directory, 'cpuacct.stat'));
  const throttling = cpu === undefined ? new Map<string, bigint>() : readCounters(join(cpu, 'cpu.stat'));
  return {
    total: readNumber(join(directory, 'cpuacct.usage')),
    kernel: (ticks.get('system') ?? 0n) * tick,
    user: (ticks.get('user') ?? 0n) * tick,
    perCpu: readText(join(directory, 'cpuacct.usage_percpu')).trim().split(' ').map(BigInt),
    periods: throttling.get('nr_periods') ?? 0n,
    throttledPeriods: throttling.get('nr_throttled') ?? 0n,
    throttledTime: throttling.get('throttled_time') ?? 0n,
  };
}

const memoryMetrics = (directory: string): MemoryMetrics => ({
  usage: readNumber(join(directory, 'memory.usage_in_bytes')),
  peak: readNumber(join(directory, 'memory.max_usage_in_bytes')),
  limit: readNumber(join(directory, 'memory.limit_in_bytes')),
  failures: readNumber(join(directory, 'memory.failcnt')),
  counters: readCounters(join(directory, 'memory.stat')),
});

/** The bfq scheduler's counters where it has counted something, else those of the throttling layer, which sees all disks. */
function ioMetrics(directory: string): IoMetrics {
  const read = (prefix: string, suffix: string): IoMetrics => ({
    bytes: readEntries(join(directory, `${prefix}.io_service_bytes${suffix}`)),
    operations: readEntries(join(directory, `${prefix}.io_serviced${suffix}`)),
  });
  const bfq = read('blkio.bfq', '_recursive');
  return bfq.bytes.length > 0 ? bfq : read('blkio.throttle', '');
}

/** Lines as `8:0 Read 4096`; the last one sums up all devices. */
function readEntries(path: string): IoEntry[] {
  if (!existsSync(path)) return [];
  return readText(path).split('\n').flatMap((line) => {
    const match = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line);
    if (match === null) return [];
    const [, major, minor, operation = '', value = '0'] = match;
    return [{ major: Number(major), minor: Number(minor), operation, value: BigInt(value) }];
  });
}
