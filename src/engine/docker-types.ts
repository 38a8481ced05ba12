/**
 * The JSON shapes of Docker's Engine API 1.51 that clients send (`docker-engine-api-v1.51.yaml`: ContainerConfig, HostConfig,
 * Mount …). Everything is optional and may be null, as Go clients send `null` for empty slices and maps.
 * Fields Caisson adds are marked; a client that does not know them never sees a difference.
 */
type Maybe<T> = T | null | undefined;

export interface HealthConfig {
  Test?: Maybe<string[]>;
  Interval?: number;
  Timeout?: number;
  Retries?: number;
  StartPeriod?: number;
  StartInterval?: number;
}

export interface ContainerConfig {
  Hostname?: string;
  Domainname?: string;
  User?: string;
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  ExposedPorts?: Maybe<Record<string, object>>;
  Tty?: boolean;
  OpenStdin?: boolean;
  StdinOnce?: boolean;
  Env?: Maybe<string[]>;
  Cmd?: Maybe<string[]>;
  Healthcheck?: Maybe<HealthConfig>;
  ArgsEscaped?: boolean;
  Image?: string;
  Volumes?: Maybe<Record<string, object>>;
  WorkingDir?: string;
  Entrypoint?: Maybe<string[]>;
  NetworkDisabled?: boolean;
  MacAddress?: string;
  OnBuild?: Maybe<string[]>;
  Labels?: Maybe<Record<string, string>>;
  StopSignal?: string;
  StopTimeout?: Maybe<number>;
  Shell?: Maybe<string[]>;
}

export interface MountPoint {
  Type?: 'bind' | 'volume' | 'tmpfs' | 'npipe' | 'cluster' | 'image';
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: Maybe<{ Propagation?: string; NonRecursive?: boolean; CreateMountpoint?: boolean; ReadOnlyNonRecursive?: boolean; ReadOnlyForceRecursive?: boolean }>;
  VolumeOptions?: Maybe<{ NoCopy?: boolean; Labels?: Maybe<Record<string, string>>; DriverConfig?: Maybe<{ Name?: string; Options?: Maybe<Record<string, string>> }>; Subpath?: string }>;
  ImageOptions?: Maybe<{ Subpath?: string }>;
  TmpfsOptions?: Maybe<{ SizeBytes?: number; Mode?: number; Options?: Maybe<string[][]> }>;
}

export interface DeviceMapping {
  PathOnHost?: string;
  PathInContainer?: string;
  CgroupPermissions?: string;
}

export interface Ulimit {
  Name: string;
  Soft: number;
  Hard: number;
}

export interface RestartPolicy {
  Name?: '' | 'no' | 'always' | 'on-failure' | 'unless-stopped';
  MaximumRetryCount?: number;
}

export interface ThrottleDevice {
  Path: string;
  Rate: number;
}

export interface Resources {
  CpuShares?: number;
  Memory?: number;
  NanoCpus?: number;
  CgroupParent?: string;
  BlkioWeight?: number;
  BlkioWeightDevice?: Maybe<{ Path: string; Weight: number }[]>;
  BlkioDeviceReadBps?: Maybe<ThrottleDevice[]>;
  BlkioDeviceWriteBps?: Maybe<ThrottleDevice[]>;
  BlkioDeviceReadIOps?: Maybe<ThrottleDevice[]>;
  BlkioDeviceWriteIOps?: Maybe<ThrottleDevice[]>;
  CpuPeriod?: number;
  CpuQuota?: number;
  CpuRealtimePeriod?: number;
  CpuRealtimeRuntime?: number;
  CpusetCpus?: string;
  CpusetMems?: string;
  Devices?: Maybe<DeviceMapping[]>;
  DeviceCgroupRules?: Maybe<string[]>;
  DeviceRequests?: Maybe<object[]>;
  KernelMemory?: number;
  KernelMemoryTCP?: number;
  MemoryReservation?: number;
  MemorySwap?: number;
  MemorySwappiness?: Maybe<number>;
  OomKillDisable?: Maybe<boolean>;
  PidsLimit?: Maybe<number>;
  Ulimits?: Maybe<Ulimit[]>;
  CpuCount?: number;
  CpuPercent?: number;
  IOMaximumIOps?: number;
  IOMaximumBandwidth?: number;
}

export interface HostConfig extends Resources {
  Binds?: Maybe<string[]>;
  ContainerIDFile?: string;
  LogConfig?: Maybe<{ Type?: string; Config?: Maybe<Record<string, string>> }>;
  NetworkMode?: string;
  PortBindings?: Maybe<Record<string, Maybe<{ HostIp?: string; HostPort?: string }[]>>>;
  RestartPolicy?: Maybe<RestartPolicy>;
  AutoRemove?: boolean;
  VolumeDriver?: string;
  VolumesFrom?: Maybe<string[]>;
  ConsoleSize?: Maybe<[number, number]>;
  Annotations?: Maybe<Record<string, string>>;
  CapAdd?: Maybe<string[]>;
  CapDrop?: Maybe<string[]>;
  CgroupnsMode?: string;
  Dns?: Maybe<string[]>;
  DnsOptions?: Maybe<string[]>;
  DnsSearch?: Maybe<string[]>;
  ExtraHosts?: Maybe<string[]>;
  GroupAdd?: Maybe<string[]>;
  IpcMode?: string;
  Cgroup?: string;
  Links?: Maybe<string[]>;
  OomScoreAdj?: number;
  PidMode?: string;
  Privileged?: boolean;
  PublishAllPorts?: boolean;
  ReadonlyRootfs?: boolean;
  SecurityOpt?: Maybe<string[]>;
  StorageOpt?: Maybe<Record<string, string>>;
  Tmpfs?: Maybe<Record<string, string>>;
  UTSMode?: string;
  UsernsMode?: string;
  ShmSize?: number;
  Sysctls?: Maybe<Record<string, string>>;
  Runtime?: string;
  Isolation?: string;
  Mounts?: Maybe<MountPoint[]>;
  MaskedPaths?: Maybe<string[]>;
  ReadonlyPaths?: Maybe<string[]>;
  Init?: Maybe<boolean>;
  /** Caisson's own: offsets of a new time namespace, Go durations: `{"monotonic": "+24h", "boottime": "+24h"}`. */
  TimeOffsets?: Maybe<Record<string, string>>;
  /** Caisson's own: bytes per second that each of its interfaces passes each way; 0 is no limit. */
  NetworkRate?: number;
}

/** The body of `POST /containers/create`. */
export interface CreateRequest extends ContainerConfig {
  HostConfig?: Maybe<HostConfig>;
  NetworkingConfig?: Maybe<{ EndpointsConfig?: Maybe<Record<string, EndpointSettings | null>> }>;
}

/** What is asked of a container's endpoint on a network. */
export interface EndpointSettings {
  IPAMConfig?: Maybe<{ IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: Maybe<string[]> }>;
  Links?: Maybe<string[]>;
  Aliases?: Maybe<string[]>;
  MacAddress?: string;
  DriverOpts?: Maybe<Record<string, string>>;
  GwPriority?: number;
  /** Of the network that the container was on last, and its names there. */
  NetworkID?: string;
  DNSNames?: readonly string[];
}

/** The body of `POST /containers/{id}/exec`. */
export interface ExecConfig {
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  DetachKeys?: string;
  Tty?: boolean;
  ConsoleSize?: Maybe<[number, number]>;
  Env?: Maybe<string[]>;
  Cmd?: Maybe<string[]>;
  Privileged?: boolean;
  User?: string;
  WorkingDir?: string;
}

/** Docker's image configuration (OCI image-spec config.md plus Docker's fields), as stored by content. */
export interface ImageConfig {
  architecture: string;
  os: string;
  'os.version'?: string;
  variant?: string;
  created?: string;
  author?: string;
  comment?: string;
  config?: ContainerConfig;
  container_config?: ContainerConfig;
  docker_version?: string;
  history?: { created?: string; created_by?: string; author?: string; comment?: string; empty_layer?: boolean }[];
  rootfs: { type: 'layers'; diff_ids: string[] };
}
