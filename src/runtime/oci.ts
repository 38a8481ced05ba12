/**
 * The OCI runtime configuration, as far as Linux containers use it (runtime-spec 1.2, `config.json`). Field names are the
 * specification's. `runtime/compile.ts` turns it into a plan.
 */
import type { CgroupResources, DeviceRule, Throttle } from '../linux/cgroup/resources.ts';
import type { Seccomp } from '../linux/seccomp/types.ts';

// What the kernel's side takes as it is.
export type OciResources = CgroupResources;
export type OciDeviceRule = DeviceRule;
export type OciThrottle = Throttle;
/** `engine/` resolves Docker's profile format (includes, excludes, archMap) to this. */
export type OciSeccomp = Seccomp;

export interface OciConfig {
  readonly ociVersion: string;
  readonly root: { readonly path: string; readonly readonly?: boolean };
  readonly hostname?: string;
  readonly domainname?: string;
  readonly process: OciProcess;
  readonly mounts: readonly OciMount[];
  readonly linux: OciLinux;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface OciProcess {
  readonly terminal?: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly user: { readonly uid: number; readonly gid: number; readonly umask?: number; readonly additionalGids?: readonly number[] };
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities?: OciCapabilities;
  readonly rlimits?: readonly OciRlimit[];
  readonly noNewPrivileges?: boolean;
  readonly oomScoreAdj?: number;
}

/** Capability names with their prefix: `CAP_CHOWN`. */
export interface OciCapabilities {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable: readonly string[];
  readonly ambient: readonly string[];
}

export interface OciRlimit {
  /** `RLIMIT_NOFILE` … */
  readonly type: string;
  /** -1 is RLIM_INFINITY. */
  readonly soft: number;
  readonly hard: number;
}

export interface OciMount {
  readonly destination: string;
  readonly type?: string;
  readonly source?: string;
  /** For a bind: `source` is inside this directory, and nothing in there leads it out (an extension, for parts of volumes). */
  readonly beneath?: string;
  /** As in mount(8): `ro`, `rro`, `rbind`, `nosuid`, `rslave`, `size=64m`, `mode=755` … plus `copyup`, for volumes. */
  readonly options?: readonly string[];
}

export type OciNamespaceType = 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'user' | 'cgroup' | 'time';

export interface OciIdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface OciLinux {
  /** A type that is missing is the host's. `path` joins an existing namespace. */
  readonly namespaces: readonly { readonly type: OciNamespaceType; readonly path?: string }[];
  readonly uidMappings?: readonly OciIdMapping[];
  readonly gidMappings?: readonly OciIdMapping[];
  /** Offsets of a new time namespace. */
  readonly timeOffsets?: Readonly<Record<'monotonic' | 'boottime', { readonly secs: number; readonly nanosecs: number }>>;
  readonly devices?: readonly OciDevice[];
  /** Path below each hierarchy's root, as `/caisson/ID`. */
  readonly cgroupsPath?: string;
  readonly resources?: OciResources;
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly seccomp?: OciSeccomp;
  readonly rootfsPropagation?: string;
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
}

export interface OciDevice {
  readonly path: string;
  readonly type: 'c' | 'b' | 'p' | 'u';
  readonly major: number;
  readonly minor: number;
  /** Permission bits, without the type. */
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
}
