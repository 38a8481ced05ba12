/** Gathers `HostFacts`: a few small files, read once when the daemon starts. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, hostname, release } from 'node:os';
import { join } from 'node:path';
import { availableCapabilities } from '../../linux/capabilities.ts';
import { type CgroupHost, detectCgroups } from '../../linux/cgroup/detect.ts';
import type { CgroupDriver } from '../../linux/cgroup/driver.ts';
import { defaultNetworkSysctls } from './defaults.ts';
import type { CgroupSupport, HostFacts } from './host.ts';

/** `remapped`: the daemon runs with `--userns-remap`. */
export function probeHost(cgroups: CgroupDriver, remapped: boolean): HostFacts {
  const kernelRelease = release();
  return {
    architecture: process.arch,
    kernelRelease,
    hostname: hostname(),
    cpus: availableParallelism(),
    cpusetCpus: readText('/sys/devices/system/cpu/online'),
    cpusetMems: readText('/sys/devices/system/node/online'),
    cgroup: cgroups.version === 1 ? v1Support(cgroups, detectCgroups()) : v2Support(cgroups),
    cgroupNamespaces: existsSync('/proc/self/ns/cgroup'),
    timeNamespaces: existsSync('/proc/self/ns/time_for_children'),
    recursiveReadOnly: isAtLeast(kernelRelease, 5, 12),
    // The system call is of 5.12; overlay takes such mounts as layers since 5.19.
    idmappedMounts: isAtLeast(kernelRelease, 5, 19),
    remapped,
    capabilities: availableCapabilities(),
    ipv6: existsSync('/proc/sys/net/ipv6'),
    kcore: existsSync('/proc/kcore'),
    sysctls: new Set(
      Object.keys(defaultNetworkSysctls).filter((name) => existsSync(`/proc/sys/${name.replaceAll('.', '/')}`)),
    ),
    extraMaskedPaths: thermalThrottlePaths(),
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return ''; // a kernel without the file does not restrict the choice
  }
}

/** True when a release such as `6.1.0-13-amd64` is no older than major.minor. */
export function isAtLeast(kernelRelease: string, major: number, minor: number): boolean {
  const [, first = '0', second = '0'] = /^(\d+)\.(\d+)/.exec(kernelRelease) ?? [];
  return Number(first) > major || (Number(first) === major && Number(second) >= minor);
}

function v1Support(cgroups: CgroupDriver, host: CgroupHost): CgroupSupport {
  const has = (controller: string, file: string): boolean =>
    host.kind === 'v1' &&
    host.hierarchies.some(
      ({ controllers, mountPoint }) => controllers.includes(controller) && existsSync(join(mountPoint, file)),
    );
  return {
    version: 1,
    memory: cgroups.controllers.includes('memory'),
    swap: cgroups.swapLimit,
    memoryReservation: has('memory', 'memory.soft_limit_in_bytes'),
    swappiness: has('memory', 'memory.swappiness'),
    oomKillDisable: has('memory', 'memory.oom_control'),
    kernelMemory: has('memory', 'memory.kmem.limit_in_bytes'),
    kernelMemoryTcp: has('memory', 'memory.kmem.tcp.limit_in_bytes'),
    cpuShares: has('cpu', 'cpu.shares'),
    cpuCfs: has('cpu', 'cpu.cfs_quota_us'),
    cpuRealtime: has('cpu', 'cpu.rt_runtime_us'),
    cpuset: cgroups.controllers.includes('cpuset'),
    pids: cgroups.controllers.includes('pids'),
    blkioWeight: has('blkio', 'blkio.weight') || has('blkio', 'blkio.bfq.weight'),
    blkioWeightDevice: has('blkio', 'blkio.weight_device') || has('blkio', 'blkio.bfq.weight_device'),
    blkioThrottle: has('blkio', 'blkio.throttle.read_bps_device'),
  };
}

/** v2 has no swappiness, and no way to disable the out-of-memory killer. */
function v2Support(cgroups: CgroupDriver): CgroupSupport {
  const has = (controller: string): boolean => cgroups.controllers.includes(controller);
  return {
    version: 2,
    memory: has('memory'),
    swap: cgroups.swapLimit,
    memoryReservation: has('memory'),
    swappiness: false,
    oomKillDisable: false,
    kernelMemory: false,
    kernelMemoryTcp: false,
    cpuShares: has('cpu'),
    cpuCfs: has('cpu'),
    cpuRealtime: false,
    cpuset: has('cpuset'),
    pids: has('pids'),
    blkioWeight: has('io'),
    blkioWeightDevice: has('io'),
    blkioThrottle: has('io'),
  };
}

/** Counters by which one tenant can watch another (masked by Docker 28 too). */
function thermalThrottlePaths(): string[] {
  const root = '/sys/devices/system/cpu';
  try {
    return readdirSync(root)
      .filter((name) => /^cpu\d+$/.test(name))
      .map((name) => `${root}/${name}/thermal_throttle`)
      .filter((path) => existsSync(path));
  } catch {
    return []; // no /sys: nothing to mask
  }
}
