/** What unit tests of this folder start from: a host that can do everything, and one that can do nothing. */
import { capabilityNames } from '../../linux/capabilities.ts';
import type { CgroupSupport, HostFacts } from './host.ts';

const support = (able: boolean): Omit<CgroupSupport, 'version'> => ({
  memory: able,
  swap: able,
  memoryReservation: able,
  swappiness: able,
  oomKillDisable: able,
  kernelMemory: able,
  kernelMemoryTcp: able,
  cpuShares: able,
  cpuCfs: able,
  cpuRealtime: able,
  cpuset: able,
  pids: able,
  blkioWeight: able,
  blkioWeightDevice: able,
  blkioThrottle: able,
});

export const ableHost: HostFacts = {
  architecture: 'x64',
  kernelRelease: '6.18.0',
  hostname: 'host',
  cpus: 4,
  cpusetCpus: '0-3',
  cpusetMems: '0',
  cgroup: { version: 2, ...support(true) },
  cgroupNamespaces: true,
  timeNamespaces: true,
  recursiveReadOnly: true,
  idmappedMounts: true,
  remapped: false,
  capabilities: capabilityNames,
  ipv6: true,
  kcore: false,
  sysctls: new Set(['net.ipv4.ping_group_range', 'net.ipv4.ip_unprivileged_port_start']),
  extraMaskedPaths: [],
};

export const unableHost: HostFacts = {
  ...ableHost,
  cgroup: { version: 1, ...support(false) },
  cgroupNamespaces: false,
  timeNamespaces: false,
  recursiveReadOnly: false,
  idmappedMounts: false,
  ipv6: true,
  kcore: true,
  sysctls: new Set(),
};
