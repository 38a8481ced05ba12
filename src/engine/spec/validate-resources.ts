/**
 * Limits, and whether this kernel can keep them: what Docker's router looks at (moby runconfig), then what its daemon
 * does (moby daemon_unix.go verifyPlatformContainerResources).
 */
import { invalidParameter } from '../../errors.ts';
import type { Resources } from '../docker-types.ts';
import { isSubset, parseCpuList } from './cpu-list.ts';
import type { HostFacts } from './host.ts';

/** Docker's own floor: less than 6 MB is no useful container. */
const minMemory = 6 * 1024 * 1024;

const refuse = (message: string): never => {
  throw invalidParameter(message);
};

/**
 * What a create request is refused for before anything else of it is looked at. Throws invalid-parameter in Docker's
 * words.
 */
export function validateRequestedResources(r: Resources, { cgroup }: HostFacts): void {
  if (r.IOMaximumBandwidth) refuse('invalid option: QoS maximum bandwidth configuration is not supported on linux');
  if (r.IOMaximumIOps) refuse('invalid option: QoS maximum IOPs configuration is not supported on linux');
  const { CpuRealtimePeriod: period = 0, CpuRealtimeRuntime: runtime = 0, CpuShares: shares = 0 } = r;
  if ((period > 0 || runtime > 0) && !cgroup.cpuRealtime) refuse('kernel does not support CPU real-time scheduler');
  if (period !== 0 && runtime !== 0 && runtime > period)
    refuse('cpu real-time runtime cannot be higher than cpu real-time period');
  if (shares < 0) refuse(`invalid CPU shares (${shares}): value must be a positive integer`);
}

/**
 * Checks and returns warnings; what a warning says is discarded is cleared in `resources`. `update` is `docker update`,
 * which may change swap alone. Throws invalid-parameter in Docker's words.
 */
export function validateResources(resources: Resources, host: HostFacts, update: boolean): string[] {
  return [
    ...validateMemory(resources, host, update),
    ...validateOomAndPids(resources, host),
    ...validateCpu(resources, host),
    ...validateCpuset(resources, host),
    ...validateBlkio(resources, host),
  ];
}

function validateMemory(r: Resources, { cgroup }: HostFacts, update: boolean): string[] {
  const warnings: string[] = [];
  const memory = r.Memory ?? 0;
  if (memory !== 0 && memory < minMemory) refuse('Minimum memory limit allowed is 6MB');
  if (memory > 0 && !cgroup.memory) {
    warnings.push(
      'Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.',
    );
    r.Memory = 0;
    r.MemorySwap = -1;
  }
  if ((r.Memory ?? 0) > 0 && r.MemorySwap !== -1 && !cgroup.swap) {
    warnings.push(
      'Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.',
    );
    r.MemorySwap = -1;
  }
  const [limit, swap] = [r.Memory ?? 0, r.MemorySwap ?? 0];
  if (limit > 0 && swap > 0 && swap < limit)
    refuse('Minimum memoryswap limit should be larger than memory limit, see usage');
  if (limit === 0 && swap > 0 && !update)
    refuse('You should always set the Memory limit when using Memoryswap limit, see usage');
  if (r.MemorySwappiness !== null && r.MemorySwappiness !== undefined) {
    if (!cgroup.swappiness) {
      warnings.push(
        'Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.',
      );
      r.MemorySwappiness = null;
    } else if (r.MemorySwappiness < 0 || r.MemorySwappiness > 100) {
      refuse(`Invalid value: ${r.MemorySwappiness}, valid memory swappiness range is 0-100`);
    }
  }
  if ((r.MemoryReservation ?? 0) > 0 && !cgroup.memoryReservation) {
    warnings.push(
      'Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.',
    );
    r.MemoryReservation = 0;
  }
  const reservation = r.MemoryReservation ?? 0;
  if (reservation > 0 && reservation < minMemory) refuse('Minimum memory reservation allowed is 6MB');
  if (limit > 0 && reservation > 0 && limit < reservation) {
    refuse('Minimum memory limit can not be less than memory reservation limit, see usage');
  }
  return [...warnings, ...validateKernelMemory(r, cgroup.kernelMemory)];
}

/** Clients of API 1.41 and older may ask for it. Kernels since 5.16 take no such limit, and none is written. */
function validateKernelMemory(r: Resources, supported: boolean): string[] {
  const limit = r.KernelMemory ?? 0;
  if (limit <= 0) return [];
  if (supported && limit < minMemory) refuse('Minimum kernel memory limit allowed is 6MB');
  if (supported) return [];
  r.KernelMemory = 0;
  return [
    'Your kernel does not support kernel memory limit capabilities or the cgroup is not mounted. Limitation discarded.',
  ];
}

function validateOomAndPids(r: Resources, { cgroup }: HostFacts): string[] {
  const warnings: string[] = [];
  if (r.OomKillDisable !== null && r.OomKillDisable !== undefined && !cgroup.oomKillDisable) {
    if (r.OomKillDisable) warnings.push('Your kernel does not support OomKillDisable. OomKillDisable discarded.');
    r.OomKillDisable = null;
  }
  if (r.OomKillDisable === true && !r.Memory) {
    warnings.push(
      'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
    );
  }
  if (r.PidsLimit !== null && r.PidsLimit !== undefined && !cgroup.pids) {
    if (r.PidsLimit > 0)
      warnings.push(
        'Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.',
      );
    r.PidsLimit = null;
  }
  return warnings;
}

function validateCpu(r: Resources, { cgroup, cpus }: HostFacts): string[] {
  const warnings: string[] = [];
  const nano = r.NanoCpus ?? 0;
  if (nano > 0 && (r.CpuPeriod ?? 0) > 0) refuse('Conflicting options: Nano CPUs and CPU Period cannot both be set');
  if (nano > 0 && (r.CpuQuota ?? 0) > 0) refuse('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
  if (nano > 0 && !cgroup.cpuCfs) {
    refuse('NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted');
  }
  if (nano < 0 || nano > cpus * 1e9)
    refuse(`range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`);
  if ((r.CpuShares ?? 0) > 0 && !cgroup.cpuShares) {
    warnings.push('Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.');
    r.CpuShares = 0;
  }
  if ((r.CpuPeriod || r.CpuQuota) && !cgroup.cpuCfs) {
    warnings.push('Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.');
    r.CpuPeriod = 0;
    r.CpuQuota = 0;
  }
  const [period, quota] = [r.CpuPeriod ?? 0, r.CpuQuota ?? 0];
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    refuse('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  }
  if (quota > 0 && quota < 1000) refuse('CPU cfs quota can not be less than 1ms (i.e. 1000)');
  if ((r.CpuPercent ?? 0) > 0) {
    warnings.push('linux does not support CPU percent. Percent discarded.');
    r.CpuPercent = 0;
  }
  return warnings;
}

function validateCpuset(r: Resources, { cgroup, cpusetCpus, cpusetMems }: HostFacts): string[] {
  if (!r.CpusetCpus && !r.CpusetMems) return [];
  if (!cgroup.cpuset) {
    r.CpusetCpus = '';
    r.CpusetMems = '';
    return ['Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.'];
  }
  checkList(r.CpusetCpus ?? '', cpusetCpus, 'cpus', 'CPUs');
  checkList(r.CpusetMems ?? '', cpusetMems, 'mems', 'memory nodes');
  return [];
}

function checkList(requested: string, available: string, what: string, name: string): void {
  if (requested === '') return;
  const list = parseCpuList(requested);
  if (typeof list === 'string') throw invalidParameter(`Invalid value ${requested} for cpuset ${what}: ${list}`);
  const known = parseCpuList(available);
  if (available === '' || typeof known === 'string' || isSubset(list, known)) return;
  refuse(`Requested ${name} are not available - requested ${requested}, available: ${available}`);
}

function validateBlkio(r: Resources, { cgroup }: HostFacts): string[] {
  const warnings: string[] = [];
  if ((r.BlkioWeight ?? 0) > 0 && !cgroup.blkioWeight) {
    warnings.push('Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.');
    r.BlkioWeight = 0;
  }
  const weight = r.BlkioWeight ?? 0;
  if (weight !== 0 && (weight < 10 || weight > 1000)) refuse('Range of blkio weight is from 10 to 1000');
  if (r.IOMaximumBandwidth || r.IOMaximumIOps) {
    refuse('Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps');
  }
  if (r.BlkioWeightDevice?.length && !cgroup.blkioWeightDevice) {
    warnings.push(
      'Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.',
    );
    r.BlkioWeightDevice = [];
  }
  const throttles = [
    ['BlkioDeviceReadBps', 'BPS Block I/O read limit', 'Block I/O BPS read limit'],
    ['BlkioDeviceWriteBps', 'BPS Block I/O write limit', 'Block I/O BPS write limit'],
    ['BlkioDeviceReadIOps', 'IOPS Block read limit', 'Block I/O IOPS read limit'],
    ['BlkioDeviceWriteIOps', 'IOPS Block write limit', 'Block I/O IOPS write limit'],
  ] as const;
  for (const [field, lacking, discarded] of throttles) {
    if (!r[field]?.length || cgroup.blkioThrottle) continue;
    warnings.push(`Your kernel does not support ${lacking} or the cgroup is not mounted. ${discarded} discarded.`);
    r[field] = [];
  }
  return warnings;
}
