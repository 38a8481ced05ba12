/**
 * A HostConfig with the defaults that Docker's daemon fills in (moby adaptContainerSettings, router
 * postContainersCreate).
 */
import type { HostConfig } from '../docker-types.ts';
import { defaultMaskedPaths, defaultReadonlyPaths, defaultShmSize } from './defaults.ts';
import type { HostFacts } from './host.ts';

/** Labels of SELinux make no sense where the host's processes or their memory are seen. */
function withoutLabels({ Privileged, PidMode, IpcMode, SecurityOpt }: HostConfig): HostConfig['SecurityOpt'] {
  if (Privileged !== true && PidMode !== 'host' && IpcMode !== 'host') return SecurityOpt;
  return [...(SecurityOpt ?? []).filter((option) => option !== 'label=disable'), 'label=disable'];
}

/** A new object; the request is left as it is. */
export function adaptHostConfig(requested: HostConfig, host: HostFacts): HostConfig {
  const { Memory = 0, MemorySwap = 0, PidsLimit, MemorySwappiness, Privileged = false } = requested;
  return {
    ...requested,
    NetworkMode:
      requested.NetworkMode === undefined || requested.NetworkMode === '' || requested.NetworkMode === 'default'
        ? 'bridge'
        : requested.NetworkMode,
    Runtime: requested.Runtime || 'caisson',
    RestartPolicy: {
      Name: requested.RestartPolicy?.Name || 'no',
      MaximumRetryCount: requested.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    // By default as much swap as memory.
    MemorySwap: Memory > 0 && MemorySwap === 0 ? Memory * 2 : MemorySwap,
    MemorySwappiness: MemorySwappiness === -1 ? null : MemorySwappiness,
    PidsLimit: PidsLimit !== null && PidsLimit !== undefined && PidsLimit > 0 ? PidsLimit : null,
    OomKillDisable: requested.OomKillDisable ?? (host.cgroup.oomKillDisable ? false : null),
    ShmSize: requested.ShmSize || defaultShmSize,
    IpcMode: requested.IpcMode || 'private',
    // Docker gives one on cgroup v2 only; a container has no business seeing the host's groups on v1 either.
    CgroupnsMode: requested.CgroupnsMode || (Privileged && host.cgroup.version === 1 ? 'host' : 'private'),
    SecurityOpt: withoutLabels(requested),
    MaskedPaths: requested.MaskedPaths ?? (Privileged ? null : [...defaultMaskedPaths, ...host.extraMaskedPaths]),
    ReadonlyPaths: requested.ReadonlyPaths ?? (Privileged ? null : [...defaultReadonlyPaths]),
    ConsoleSize: requested.ConsoleSize ?? [0, 0],
  };
}
