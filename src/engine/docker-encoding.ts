/**
 * Containers' configurations as Docker writes them: every field of its Go struct in that struct's order, unset ones with their
 * zero, maps sorted by key, and nothing that is not a field (moby api/types/container Config and HostConfig, encoding/json).
 */
import type { ContainerConfig, HostConfig } from './docker-types.ts';

/** Left out when it has its zero value: Go's `omitempty`. */
const omitEmpty = Symbol('omitempty');
/** Left out only when it is not there: `omitempty` of a pointer, whose zero is a value. */
const omitNil = Symbol('omitempty pointer');

/** Written as null when it is empty: what Docker's daemon builds anew, entry by entry. */
const nullWhenEmpty = Symbol('null when empty');

type Zero = null | boolean | number | string | readonly number[] | typeof omitEmpty | typeof omitNil | typeof nullWhenEmpty;
type Zeros<Type> = { readonly [Name in keyof Required<Type>]: Zero };

const healthConfig = {
  Test: omitEmpty, Interval: omitEmpty, Timeout: omitEmpty, StartPeriod: omitEmpty, StartInterval: omitEmpty, Retries: omitEmpty,
} as const satisfies Zeros<NonNullable<ContainerConfig['Healthcheck']>>;

const ulimit = { Name: '', Hard: 0, Soft: 0 } as const;
const portBinding = { HostIp: '', HostPort: '' } as const;

const containerConfig: Zeros<ContainerConfig> = {
  Hostname: '', Domainname: '', User: '', AttachStdin: false, AttachStdout: false, AttachStderr: false, ExposedPorts: omitEmpty,
  Tty: false, OpenStdin: false, StdinOnce: false, Env: null, Cmd: null, Healthcheck: omitNil, ArgsEscaped: omitEmpty, Image: '',
  Volumes: nullWhenEmpty, WorkingDir: '', Entrypoint: null, NetworkDisabled: omitEmpty, MacAddress: omitEmpty, OnBuild: null, Labels: null,
  StopSignal: omitEmpty, StopTimeout: omitNil, Shell: omitEmpty,
};

const hostConfig: Zeros<HostConfig> = {
  Binds: null, ContainerIDFile: '', LogConfig: null, NetworkMode: '', PortBindings: null, RestartPolicy: null, AutoRemove: false,
  VolumeDriver: '', VolumesFrom: null, ConsoleSize: [0, 0], Annotations: omitEmpty, CapAdd: null, CapDrop: null, CgroupnsMode: '',
  Dns: null, DnsOptions: null, DnsSearch: null, ExtraHosts: null, GroupAdd: null, IpcMode: '', Cgroup: '', Links: nullWhenEmpty,
  OomScoreAdj: 0, PidMode: '', Privileged: false, PublishAllPorts: false, ReadonlyRootfs: false, SecurityOpt: null,
  StorageOpt: omitEmpty, Tmpfs: omitEmpty, UTSMode: '', UsernsMode: '', ShmSize: 0, Sysctls: omitEmpty, Runtime: omitEmpty,
  Isolation: '', CpuShares: 0, Memory: 0, NanoCpus: 0, CgroupParent: '', BlkioWeight: 0, BlkioWeightDevice: null,
  BlkioDeviceReadBps: null, BlkioDeviceWriteBps: null, BlkioDeviceReadIOps: null, BlkioDeviceWriteIOps: null, CpuPeriod: 0,
  CpuQuota: 0, CpuRealtimePeriod: 0, CpuRealtimeRuntime: 0, CpusetCpus: '', CpusetMems: '', Devices: null, DeviceCgroupRules: null,
  DeviceRequests: null, KernelMemory: omitEmpty, KernelMemoryTCP: omitEmpty, MemoryReservation: 0, MemorySwap: 0,
  MemorySwappiness: null, OomKillDisable: null, PidsLimit: null, Ulimits: null, CpuCount: 0, CpuPercent: 0, IOMaximumIOps: 0,
  IOMaximumBandwidth: 0, Mounts: omitEmpty, MaskedPaths: null, ReadonlyPaths: null, Init: omitNil, TimeOffsets: omitEmpty, NetworkRate: omitEmpty,
};

/** `Config` of inspect. A new object. */
export function encodeContainerConfig(config: ContainerConfig): ContainerConfig {
  const encoded = encode(config, containerConfig);
  const { Healthcheck } = config;
  return Healthcheck ? { ...encoded, Healthcheck: encode(Healthcheck, healthConfig) } : encoded;
}

/** `HostConfig` of inspect. A new object. */
export function encodeHostConfig(config: HostConfig): HostConfig {
  const encoded = encode(config, hostConfig);
  const { PortBindings, Ulimits } = config;
  if (PortBindings) encoded.PortBindings = encodePorts(PortBindings);
  if (Ulimits) encoded.Ulimits = Ulimits.map((limit) => encode(limit, ulimit));
  return encoded;
}

function encodePorts(bindings: NonNullable<HostConfig['PortBindings']>): HostConfig['PortBindings'] {
  const all = Object.entries(bindings).map(([port, targets]) => [port, targets?.map((target) => encode(target, portBinding)) ?? null]);
  return sorted(Object.fromEntries(all)) as HostConfig['PortBindings'];
}

function encode<Type extends object>(value: Type, zeros: Zeros<Type>): Type {
  const encoded: Record<string, unknown> = {};
  const given = value as Readonly<Record<string, unknown>>;
  for (const [name, zero] of Object.entries<Zero>(zeros)) {
    const field = given[name];
    if (zero === omitNil || zero === omitEmpty) {
      if (field !== null && field !== undefined && (zero === omitNil || !isEmpty(field))) encoded[name] = sorted(field);
    } else if (zero === nullWhenEmpty) {
      encoded[name] = isEmpty(field ?? '') ? null : sorted(field);
    } else {
      encoded[name] = sorted(field ?? zero);
    }
  }
  return encoded as Type;
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === '' || value === 0 || value === false;
}

/** Go writes maps in the order of their keys. Lists, and structs in them, keep theirs. */
export function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
