/** Limits as writes to cgroup v1 files (admin-guide/cgroup-v1). */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { checkCpuShares, orMax } from './conversions.ts';
import type { CgroupWrite } from './layout.ts';
import type { CgroupResources, Throttle } from './resources.ts';

/**
 * Writes for a cgroup; `paths` are its directories by controller. A controller that the host lacks is left out.
 * Devices and cpusets are written elsewhere. `memoryLimit` is the one that the cgroup has, when it is not new. Throws invalid-parameter for shares out of bounds.
 */
export function v1Writes(
  { memory, cpu, blkio, pids }: Readonly<Record<string, string>>,
  resources: CgroupResources,
  swapLimit: boolean,
  memoryLimit = Infinity,
): CgroupWrite[] {
  const processes = resources.pids === undefined ? undefined : orMax(resources.pids.limit || -1);
  return [
    ...(memory === undefined ? [] : memoryWrites(memory, resources.memory ?? {}, swapLimit, memoryLimit)),
    ...(cpu === undefined ? [] : cpuWrites(cpu, resources.cpu ?? {})),
    ...(blkio === undefined ? [] : blkioWrites(blkio, resources.blockIO ?? {})),
    ...(pids === undefined ? [] : writesOf(pids, [['pids.max', processes, 'how many processes it may have']])),
  ];
}

/** One write for each value that was asked for. */
function writesOf(directory: string, values: readonly LimitValue[]): CgroupWrite[] {
  const asked = values.filter(([, value]) => value !== undefined);
  return asked.map(([file, value, reason]) => ({ path: join(directory, file), data: `${value}`, reason }));
}

type LimitValue = readonly [file: string, value: number | string | undefined, reason: string];

/** 0 is Docker's word for nothing asked. */
const unlessZero = (value: number | undefined) => (value === 0 ? undefined : value);

type Limits<Kind extends 'memory' | 'cpu' | 'blockIO'> = NonNullable<CgroupResources[Kind]>;

function memoryWrites(directory: string, memory: Limits<'memory'>, swapLimit: boolean, current: number): CgroupWrite[] {
  const swap = swapLimit ? unlessZero(memory.swap) : undefined;
  const pair: readonly LimitValue[] = [
    ['memory.limit_in_bytes', unlessZero(memory.limit), 'how much memory it may use'],
    ['memory.memsw.limit_in_bytes', swap, 'how much memory and swap together'],
  ];
  // The sum may not be below the limit at any moment: it comes first when it is above the limit that is there.
  const sumFirst = swap === -1 || (swap !== undefined && swap > current);
  return writesOf(directory, [
    ...(sumFirst ? pair.toReversed() : pair),
    ['memory.soft_limit_in_bytes', unlessZero(memory.reservation), 'what it is pushed back to when memory is short'],
    ['memory.swappiness', memory.swappiness, 'how readily it is swapped'],
    ['memory.oom_control', memory.disableOOMKiller === true ? 1 : undefined, 'waits when out of memory, rather than being killed'],
  ]);
}

function cpuWrites(directory: string, cpu: Limits<'cpu'>): CgroupWrite[] {
  checkCpuShares(cpu.shares);
  return writesOf(directory, [
    ['cpu.shares', unlessZero(cpu.shares), 'its part of processor time'],
    ['cpu.cfs_period_us', unlessZero(cpu.period), 'the period that the quota is of'],
    ['cpu.cfs_quota_us', unlessZero(cpu.quota), 'how much processor time it may use'],
    ['cpu.rt_period_us', unlessZero(cpu.realtimePeriod), 'the period that the real-time part is of'],
    ['cpu.rt_runtime_us', unlessZero(cpu.realtimeRuntime), 'how much real-time processor time it may use'],
  ]);
}

function blkioWrites(directory: string, blockIO: Limits<'blockIO'>): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  // Which scheduler has weights differs between kernels; a cgroup's files are its parent's.
  const has = (file: string) => existsSync(join(dirname(directory), file));
  const weightFile = ['blkio.bfq.weight', 'blkio.weight'].find(has);
  if (unlessZero(blockIO.weight) !== undefined && weightFile !== undefined) {
    writes.push({ path: join(directory, weightFile), data: `${blockIO.weight}`, reason: 'its part of disk time' });
  }
  const deviceFile = ['blkio.bfq.weight_device', 'blkio.weight_device'].find(has);
  for (const { major, minor, weight } of deviceFile === undefined ? [] : blockIO.weightDevice ?? []) {
    const path = join(directory, deviceFile as string);
    writes.push({ path, data: `${major}:${minor} ${weight}`, reason: 'its part of a disk\'s time' });
  }
  const throttles: readonly [string, readonly Throttle[] | undefined][] = [
    ['blkio.throttle.read_bps_device', blockIO.throttleReadBpsDevice],
    ['blkio.throttle.write_bps_device', blockIO.throttleWriteBpsDevice],
    ['blkio.throttle.read_iops_device', blockIO.throttleReadIOPSDevice],
    ['blkio.throttle.write_iops_device', blockIO.throttleWriteIOPSDevice],
  ];
  for (const [file, devices] of throttles) {
    for (const { major, minor, rate } of devices ?? []) {
      writes.push({ path: join(directory, file), data: `${major}:${minor} ${rate}`, reason: 'how fast it may use a disk' });
    }
  }
  return writes;
}
