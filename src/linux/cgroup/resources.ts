/** Limits as the OCI runtime specification describes them (`linux.resources`), as far as cgroups are concerned. */
export interface CgroupResources {
  readonly devices?: readonly DeviceRule[];
  readonly memory?: {
    /** Bytes, -1 unlimited. */
    readonly limit?: number;
    readonly reservation?: number;
    /** Memory and swap together, -1 unlimited. */
    readonly swap?: number;
    readonly swappiness?: number;
    readonly disableOOMKiller?: boolean;
  };
  readonly cpu?: {
    readonly shares?: number;
    /** Microseconds of every period, -1 unlimited. */
    readonly quota?: number;
    readonly period?: number;
    readonly realtimeRuntime?: number;
    readonly realtimePeriod?: number;
    /** Lists as `0-3,7`. */
    readonly cpus?: string;
    readonly mems?: string;
  };
  /** -1 or 0 unlimited. */
  readonly pids?: { readonly limit: number };
  readonly blockIO?: {
    /** 10 to 1000 */
    readonly weight?: number;
    readonly weightDevice?: readonly { readonly major: number; readonly minor: number; readonly weight: number }[];
    readonly throttleReadBpsDevice?: readonly Throttle[];
    readonly throttleWriteBpsDevice?: readonly Throttle[];
    readonly throttleReadIOPSDevice?: readonly Throttle[];
    readonly throttleWriteIOPSDevice?: readonly Throttle[];
  };
}

/** A rule about device nodes. A later one wins over an earlier. */
export interface DeviceRule {
  readonly allow: boolean;
  /** Missing is all. */
  readonly type?: 'a' | 'c' | 'b';
  /** Missing is any. */
  readonly major?: number;
  readonly minor?: number;
  /** Of `r`, `w`, `m` (mknod); missing is all three. */
  readonly access?: string;
}

export interface Throttle {
  readonly major: number;
  readonly minor: number;
  /** Bytes or operations a second. */
  readonly rate: number;
}
