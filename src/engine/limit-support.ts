/** What can be limited here, as `docker info` tells it (moby daemon/info_unix.go). */
import { readFileSync } from 'node:fs';
import type { CgroupSupport } from './spec/host.ts';

/** The flags, in Docker's order; and in `Warnings` what an administrator should know is missing, null when nothing is. */
export function limitSupport(cgroup: CgroupSupport): object {
  const forwarding = forwardsIpv4();
  const warnings = [...limitWarnings(cgroup), ...(forwarding ? [] : ['WARNING: IPv4 forwarding is disabled'])];
  return {
    MemoryLimit: cgroup.memory, SwapLimit: cgroup.swap,
    // For clients of API 1.41 and older.
    KernelMemory: cgroup.kernelMemory,
    // Version 2 has no such limit; Docker leaves out what is false.
    ...(cgroup.version === 1 && cgroup.kernelMemoryTcp ? { KernelMemoryTCP: true } : {}),
    CpuCfsPeriod: cgroup.cpuCfs, CpuCfsQuota: cgroup.cpuCfs, CPUShares: cgroup.cpuShares, CPUSet: cgroup.cpuset,
    PidsLimit: cgroup.pids, IPv4Forwarding: forwarding, OomKillDisable: cgroup.oomKillDisable,
    Warnings: warnings.length === 0 ? null : warnings,
  };
}

function limitWarnings(cgroup: CgroupSupport): string[] {
  const v1 = cgroup.version === 1;
  const throttles = v1
    ? ['read_bps', 'write_bps', 'read_iops', 'write_iops'].map((name) => `blkio throttle.${name}_device`)
    : ['rbps', 'wbps', 'riops', 'wiops'].map((name) => `io.max (${name})`);
  const missing: readonly (readonly [boolean, string])[] = [
    [cgroup.memory, 'memory limit'],
    [cgroup.swap, 'swap limit'],
    [!v1 || cgroup.kernelMemoryTcp, 'kernel memory TCP limit'],
    [!v1 || cgroup.oomKillDisable, 'oom kill disable'],
    [cgroup.cpuCfs, 'cpu cfs quota'],
    [cgroup.cpuCfs, 'cpu cfs period'],
    [cgroup.cpuShares, 'cpu shares'],
    [cgroup.cpuset, 'cpuset'],
    // Nobody can do anything about it on version 1, whose kernels have lost it with 5.0.
    [v1 || cgroup.blkioWeight, 'io.weight'],
    [v1 || cgroup.blkioWeightDevice, 'io.weight (per device)'],
    ...throttles.map((name) => [cgroup.blkioThrottle, name] as const),
  ];
  return missing.filter(([there]) => !there).map(([, what]) => `WARNING: No ${what} support`);
}

function forwardsIpv4(): boolean {
  try {
    return readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim() === '1';
  } catch {
    return false; // a kernel without IPv4
  }
}
