/** Limits as writes to cgroup v2 files (admin-guide/cgroup-v2.rst). */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cpuWeight, ioWeight, orMax, swapMax } from './conversions.ts';
import type { CgroupWrite } from './layout.ts';
import type { CgroupResources, Throttle } from './resources.ts';

/** Writes for the new cgroup at `directory`, for those of `controllers` that its parent hands down. */
export function v2Writes(
  directory: string,
  resources: CgroupResources,
  controllers: ReadonlySet<string>,
  swapLimit: boolean,
): CgroupWrite[] {
  const write = (file: string, data: string | undefined, reason: string): CgroupWrite[] =>
    data === undefined ? [] : [{ path: join(directory, file), data, reason }];
  const { memory = {}, cpu = {}, pids, blockIO = {} } = resources;
  const swap = swapMax(memory.swap, memory.limit);
  return [
    ...(controllers.has('cpuset') ? [
      ...write('cpuset.cpus', cpu.cpus || undefined, 'the processors it may use'),
      ...write('cpuset.mems', cpu.mems || undefined, 'the memory nodes it may use'),
    ] : []),
    ...(controllers.has('memory') ? [
      ...write('memory.swap.max', swapLimit && swap !== undefined ? orMax(swap) : undefined, 'how much swap it may use'),
      ...write('memory.max', given(memory.limit), 'how much memory it may use'),
      ...write('memory.low', given(memory.reservation), 'memory that is left to it while others have more'),
    ] : []),
    ...(controllers.has('cpu') ? [
      ...write('cpu.weight', cpu.shares ? `${cpuWeight(cpu.shares)}` : undefined, 'its part of processor time'),
      ...write('cpu.max', cpuMax(cpu.quota, cpu.period), 'how much processor time it may use of every period'),
    ] : []),
    ...(controllers.has('pids') && pids !== undefined
      ? write('pids.max', orMax(pids.limit || -1), 'how many processes it may have')
      : []),
    ...(controllers.has('io') ? ioWrites(directory, blockIO) : []),
  ];
}

/** 0 is Docker's word for nothing asked. */
const given = (value: number | undefined) => (value === undefined || value === 0 ? undefined : orMax(value));

function cpuMax(quota: number | undefined, period: number | undefined): string | undefined {
  if (!quota && !period) return undefined;
  return `${quota !== undefined && quota > 0 ? quota : 'max'} ${period || 100_000}`;
}

function ioWrites(directory: string, blockIO: NonNullable<CgroupResources['blockIO']>): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  // A cgroup's files are its parent's. The bfq scheduler's weights are those of v1.
  const bfq = existsSync(join(dirname(directory), 'io.bfq.weight'));
  const path = join(directory, bfq ? 'io.bfq.weight' : 'io.weight');
  const weightOf = (weight: number) => `${bfq ? weight : ioWeight(weight)}`;
  if (blockIO.weight) {
    writes.push({ path, data: `${bfq ? '' : 'default '}${weightOf(blockIO.weight)}`, reason: 'its part of disk time' });
  }
  for (const { major, minor, weight } of blockIO.weightDevice ?? []) {
    writes.push({ path, data: `${major}:${minor} ${weightOf(weight)}`, reason: 'its part of a disk\'s time' });
  }
  const throttles: readonly [string, readonly Throttle[] | undefined][] = [
    ['rbps', blockIO.throttleReadBpsDevice],
    ['wbps', blockIO.throttleWriteBpsDevice],
    ['riops', blockIO.throttleReadIOPSDevice],
    ['wiops', blockIO.throttleWriteIOPSDevice],
  ];
  for (const [key, devices] of throttles) {
    for (const { major, minor, rate } of devices ?? []) {
      const data = `${major}:${minor} ${key}=${rate}`;
      writes.push({ path: join(directory, 'io.max'), data, reason: 'how fast it may use a disk' });
    }
  }
  return writes;
}
