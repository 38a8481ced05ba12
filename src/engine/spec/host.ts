/** What validation and specification building know of the host: plain data, gathered once by `host-probe.ts`. */
import type { CapabilityName } from '../../linux/capabilities.ts';

/** Limits the kernel and its mounted cgroup controllers can enforce (moby pkg/sysinfo). */
export interface CgroupSupport {
  readonly version: 1 | 2;
  readonly memory: boolean;
  readonly swap: boolean;
  readonly memoryReservation: boolean;
  readonly swappiness: boolean;
  readonly oomKillDisable: boolean;
  readonly kernelMemory: boolean;
  readonly kernelMemoryTcp: boolean;
  readonly cpuShares: boolean;
  /** `--cpus`, `--cpu-period`, `--cpu-quota`. */
  readonly cpuCfs: boolean;
  readonly cpuRealtime: boolean;
  readonly cpuset: boolean;
  readonly pids: boolean;
  readonly blkioWeight: boolean;
  readonly blkioWeightDevice: boolean;
  readonly blkioThrottle: boolean;
}

export interface HostFacts {
  /** As Node names it: `x64`, `arm64`. */
  readonly architecture: string;
  /** `uname -r`. */
  readonly kernelRelease: string;
  readonly hostname: string;
  /** CPUs that the daemon may use. */
  readonly cpus: number;
  /** Lists such as `0-3,8`, for `--cpuset-cpus` and `--cpuset-mems`; empty when not known. */
  readonly cpusetCpus: string;
  readonly cpusetMems: string;
  readonly cgroup: CgroupSupport;
  readonly cgroupNamespaces: boolean;
  readonly timeNamespaces: boolean;
  /** mount_setattr(2) with AT_RECURSIVE (Linux 5.12). */
  readonly recursiveReadOnly: boolean;
  /** MOUNT_ATTR_IDMAP (Linux 5.12) on the file system of the data root. */
  readonly idmappedMounts: boolean;
  /** The daemon gives containers user namespaces (`--userns-remap`). */
  readonly remapped: boolean;
  /** What can be handed on to a container. */
  readonly capabilities: readonly CapabilityName[];
  /** The kernel has IPv6 (CONFIG_IPV6, and not `ipv6.disable=1`). */
  readonly ipv6: boolean;
  /** The kernel has /proc/kcore. */
  readonly kcore: boolean;
  /** Which of Docker's default sysctls this kernel has. */
  readonly sysctls: ReadonlySet<string>;
  /** Per-CPU paths that tell about other tenants, masked beside the fixed ones. */
  readonly extraMaskedPaths: readonly string[];
}
