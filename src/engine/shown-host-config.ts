/** A HostConfig as inspect shows it: every field that Docker's type has, in its order, whether or not it was asked for. */
import type { HostConfig } from './docker-types.ts';

/**
 * Go's zero values of Docker's HostConfig. Undefined stands for a field that Docker leaves out while it is empty
 * (`omitempty`).
 */
const emptyHostConfig: { readonly [Field in keyof Required<HostConfig>]: HostConfig[Field] } = {
  Binds: null, ContainerIDFile: '', LogConfig: { Type: '', Config: null }, NetworkMode: '', PortBindings: null,
  RestartPolicy: { Name: '', MaximumRetryCount: 0 }, AutoRemove: false, VolumeDriver: '', VolumesFrom: null,
  ConsoleSize: [0, 0], Annotations: undefined, CapAdd: null, CapDrop: null, CgroupnsMode: '', Dns: null,
  DnsOptions: null, DnsSearch: null, ExtraHosts: null, GroupAdd: null, IpcMode: '', Cgroup: '', Links: null,
  OomScoreAdj: 0, PidMode: '', Privileged: false, PublishAllPorts: false, ReadonlyRootfs: false, SecurityOpt: null,
  StorageOpt: undefined, Tmpfs: undefined, UTSMode: '', UsernsMode: '', ShmSize: 0, Sysctls: undefined, Runtime: '',
  Isolation: '', CpuShares: 0, Memory: 0, NanoCpus: 0, CgroupParent: '', BlkioWeight: 0, BlkioWeightDevice: null,
  BlkioDeviceReadBps: null, BlkioDeviceWriteBps: null, BlkioDeviceReadIOps: null, BlkioDeviceWriteIOps: null,
  CpuPeriod: 0, CpuQuota: 0, CpuRealtimePeriod: 0, CpuRealtimeRuntime: 0, CpusetCpus: '', CpusetMems: '', Devices: null,
  DeviceCgroupRules: null, DeviceRequests: null, KernelMemory: undefined, KernelMemoryTCP: undefined,
  MemoryReservation: 0, MemorySwap: 0, MemorySwappiness: null, OomKillDisable: null, PidsLimit: null, Ulimits: null,
  CpuCount: 0, CpuPercent: 0, IOMaximumIOps: 0, IOMaximumBandwidth: 0, Mounts: undefined, MaskedPaths: null,
  ReadonlyPaths: null, Init: undefined, TimeOffsets: undefined,
};

/** A new object; what a container was created with comes in place of the zero values. */
export function shownHostConfig(hostConfig: HostConfig): object {
  const fields = Object.entries(emptyHostConfig).map(([name, empty]) => {
    const value: unknown = hostConfig[name as keyof HostConfig] ?? empty;
    return [name, empty === undefined && isEmpty(value) ? undefined : value];
  });
  return Object.fromEntries(fields) as object;
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === 0 || value === null;
}
