/**
 * The request bodies of the Engine API, as far as a wrong type in them would do harm. Types: engine/docker-types.ts.
 */
import type { ContainerConfig, CreateRequest, EndpointSettings, ExecConfig, HostConfig } from '../engine/docker-types.ts';
import type { NetworkCreateRequest, VolumeCloneRequest, VolumeCreateRequest } from '../engine/engine.ts';
import { any, array, bool, int, int64, map, named, set, string, struct, uint, wholeStruct, words } from './schema.ts';
import type { Shape, Struct } from './schema.ts';

const strings = array(string);
const labels = map(string);

const healthConfig = struct('container.HealthConfig', {
  Test: strings, Interval: named64('time.Duration'), Timeout: named64('time.Duration'), Retries: int,
  StartPeriod: named64('time.Duration'), StartInterval: named64('time.Duration'),
});

function named64(goType: string): Shape {
  return { kind: 'int', goType };
}

const config: Readonly<Record<string, Shape>> = {
  Hostname: string, Domainname: string, User: string, AttachStdin: bool, AttachStdout: bool, AttachStderr: bool,
  ExposedPorts: set,
  Tty: bool, OpenStdin: bool, StdinOnce: bool, Env: strings, Cmd: words, Healthcheck: healthConfig, ArgsEscaped: bool,
  Image: string,
  Volumes: set, WorkingDir: string, Entrypoint: words, NetworkDisabled: bool, MacAddress: string, OnBuild: strings,
  Labels: labels,
  StopSignal: string, StopTimeout: int, Shell: words,
};

const weightDevice = wholeStruct('blkiodev.WeightDevice', { Path: string, Weight: { kind: 'uint', goType: 'uint16' } });
const throttleDevice = wholeStruct('blkiodev.ThrottleDevice', { Path: string, Rate: { kind: 'uint', goType: 'uint64' } });

const deviceMapping = wholeStruct('container.DeviceMapping', {
  PathOnHost: string, PathInContainer: string, CgroupPermissions: string,
});
const deviceRequest = wholeStruct('container.DeviceRequest', {
  Driver: string, Count: int, DeviceIDs: strings, Capabilities: array(strings), Options: labels,
});

const resources: Readonly<Record<string, Shape>> = {
  CpuShares: int64, Memory: int64, NanoCpus: int64, CgroupParent: string,
  BlkioWeight: { kind: 'uint', goType: 'uint16' },
  BlkioWeightDevice: array(weightDevice), BlkioDeviceReadBps: array(throttleDevice),
  BlkioDeviceWriteBps: array(throttleDevice),
  BlkioDeviceReadIOps: array(throttleDevice), BlkioDeviceWriteIOps: array(throttleDevice), CpuPeriod: int64,
  CpuQuota: int64,
  CpuRealtimePeriod: int64, CpuRealtimeRuntime: int64, CpusetCpus: string, CpusetMems: string,
  Devices: array(deviceMapping),
  DeviceCgroupRules: strings,
  DeviceRequests: array(deviceRequest),
  KernelMemory: int64, KernelMemoryTCP: int64, MemoryReservation: int64, MemorySwap: int64, MemorySwappiness: int64,
  OomKillDisable: bool,
  PidsLimit: int64, Ulimits: array(wholeStruct('units.Ulimit', { Name: string, Hard: int64, Soft: int64 })), CpuCount: int64,
  CpuPercent: int64,
  IOMaximumIOps: { kind: 'uint', goType: 'uint64' }, IOMaximumBandwidth: { kind: 'uint', goType: 'uint64' },
};

const restartPolicy = struct('container.RestartPolicy', {
  Name: named('container.RestartPolicyMode'), MaximumRetryCount: int,
});

const mount = struct('mount.Mount', {
  Type: named('mount.Type'), Source: string, Target: string, ReadOnly: bool, Consistency: named('mount.Consistency'),
  BindOptions: struct('mount.BindOptions', {
    Propagation: named('mount.Propagation'), NonRecursive: bool, CreateMountpoint: bool, ReadOnlyNonRecursive: bool,
    ReadOnlyForceRecursive: bool,
  }),
  VolumeOptions: struct('mount.VolumeOptions', {
    NoCopy: bool, Labels: labels, Subpath: string,
    DriverConfig: struct('mount.Driver', { Name: string, Options: labels }),
  }),
  ImageOptions: struct('mount.ImageOptions', { Subpath: string }),
  TmpfsOptions: struct('mount.TmpfsOptions', {
    SizeBytes: int64, Mode: { kind: 'uint', goType: 'fs.FileMode' }, Options: array(strings),
  }),
});

const hostConfig = struct('container.HostConfig', {
  ...resources,
  Binds: strings, ContainerIDFile: string, LogConfig: struct('container.LogConfig', { Type: string, Config: labels }),
  NetworkMode: named('container.NetworkMode'),
  PortBindings: map(array(struct('nat.PortBinding', { HostIp: string, HostPort: string }))),
  RestartPolicy: restartPolicy, AutoRemove: bool,
  VolumeDriver: string, VolumesFrom: strings, ConsoleSize: array(uint), Annotations: labels, CapAdd: words,
  CapDrop: words,
  CgroupnsMode: named('container.CgroupnsMode'), Dns: strings, DnsOptions: strings, DnsSearch: strings,
  ExtraHosts: strings,
  GroupAdd: strings, IpcMode: named('container.IpcMode'), Cgroup: named('container.CgroupSpec'), Links: strings,
  OomScoreAdj: int,
  PidMode: named('container.PidMode'), Privileged: bool, PublishAllPorts: bool, ReadonlyRootfs: bool,
  SecurityOpt: strings,
  StorageOpt: labels, Tmpfs: labels, UTSMode: named('container.UTSMode'), UsernsMode: named('container.UsernsMode'),
  ShmSize: int64,
  Sysctls: labels, Runtime: string, Isolation: named('container.Isolation'), Mounts: array(mount), MaskedPaths: strings,
  ReadonlyPaths: strings, Init: bool, TimeOffsets: labels, NetworkRate: int64,
});

/** Names of the fields of ContainerConfig: a create request that has none of them configures nothing. */
export const configFields: ReadonlySet<string> = new Set(Object.keys(config));

const endpoint = struct('network.EndpointSettings', {
  IPAMConfig: struct('network.EndpointIPAMConfig', { IPv4Address: string, IPv6Address: string, LinkLocalIPs: strings }),
  Links: strings, Aliases: strings, MacAddress: string, DriverOpts: labels, GwPriority: int, NetworkID: string,
});

/** The body of `POST /networks/{id}/connect`. */
export interface NetworkConnectRequest {
  readonly Container?: string;
  readonly EndpointConfig?: EndpointSettings | null;
}

export const networkConnectRequest: Struct<NetworkConnectRequest> = struct('network.ConnectOptions', { Container: string, EndpointConfig: endpoint });

/** The body of `POST /networks/{id}/disconnect`. */
export interface NetworkDisconnectRequest {
  readonly Container?: string;
  readonly Force?: boolean;
}

export const networkDisconnectRequest: Struct<NetworkDisconnectRequest> = struct('network.DisconnectOptions', { Container: string, Force: bool });

export const createRequest: Struct<CreateRequest> = struct('container.CreateRequest', {
  ...config,
  HostConfig: hostConfig,
  NetworkingConfig: struct('network.NetworkingConfig', { EndpointsConfig: map(endpoint) }),
});

/** The body of `POST /commit`. */
export const containerConfig: Struct<ContainerConfig> = struct('container.Config', config);

export const updateConfig: Struct<HostConfig> = struct('container.UpdateConfig', {
  ...resources, RestartPolicy: restartPolicy,
});

export const execOptions: Struct<ExecConfig> = struct('container.ExecOptions', {
  AttachStdin: bool, AttachStdout: bool, AttachStderr: bool, DetachKeys: string, Tty: bool, ConsoleSize: array(uint),
  Env: strings,
  Cmd: strings, Privileged: bool, User: string, WorkingDir: string,
});

/** The body of `POST /exec/{id}/start`. */
export interface ExecStartOptions {
  readonly Detach?: boolean | null;
  readonly Tty?: boolean | null;
  readonly ConsoleSize?: [number, number] | null;
}

export const execStartOptions: Struct<ExecStartOptions> = struct('container.ExecStartOptions', {
  Detach: bool, Tty: bool, ConsoleSize: array(uint),
});

export const volumeCreateRequest: Struct<VolumeCreateRequest> = struct('volume.CreateOptions', {
  Name: string, Driver: string, DriverOpts: labels, Labels: labels, ClusterVolumeSpec: any,
});

export const volumeCloneRequest: Struct<VolumeCloneRequest> = struct('volume.CloneOptions', { Name: string, Labels: labels });

const ipamConfig = struct('network.IPAMConfig', { Subnet: string, IPRange: string, Gateway: string, AuxiliaryAddresses: labels });

export const networkCreateRequest: Struct<NetworkCreateRequest> = struct('network.CreateRequest', {
  Name: string, Driver: string, Scope: string, EnableIPv4: bool, EnableIPv6: bool,
  IPAM: struct('network.IPAM', { Driver: string, Options: labels, Config: array(ipamConfig) }),
  Internal: bool, Attachable: bool, Ingress: bool, ConfigOnly: bool, ConfigFrom: struct('network.ConfigReference', { Network: string }),
  Options: labels, Labels: labels, CheckDuplicate: any,
});
