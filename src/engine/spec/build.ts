/**
 * From Docker's container configuration to an OCI runtime configuration (moby daemon/oci_linux.go createSpec). Pure:
 * what it needs of the host, of the image's files and of other containers is passed in.
 */
import { posix } from 'node:path';
import { tweakCapabilities } from '../../linux/capabilities.ts';
import type { HostMount } from '../../runtime/compile.ts';
import type { OciCapabilities, OciConfig, OciIdMapping, OciMount, OciProcess } from '../../runtime/oci.ts';
import type { ContainerConfig, HostConfig } from '../docker-types.ts';
import {
  defaultDeviceRules,
  defaultMaskedPaths,
  defaultNetworkSysctls,
  defaultReadonlyPaths,
  defaultShmSize,
  initPath,
  runtimeDeviceRules,
} from './defaults.ts';
import { grantDevices, type GrantedDevices, type HostDevice, parseDeviceRule } from './devices.ts';
import type { HostFacts } from './host.ts';
import { isPrivateNetwork, parseMode } from './modes.ts';
import type { ResolvedMount } from './mounts.ts';
import { namespacesFor, timeOffsetsOf, type JoinedProcesses } from './namespaces.ts';
import { ociMounts, type NetworkFiles } from './oci-mounts.ts';
import { environmentOf, withHome } from './process.ts';
import { type BlockDevice, resourcesOf, rlimitsOf } from './resources.ts';
import { seccompFilter } from './seccomp.ts';
import { parseSecurityOptions } from './security-options.ts';
import { resolveUser, type UserFiles } from './user.ts';

/** Ids of a daemon's `--userns-remap`. */
export interface IdMappings {
  readonly uidMappings: readonly OciIdMapping[];
  readonly gidMappings: readonly OciIdMapping[];
}

/** What the host's /dev has; the only questions that are asked of the host while building. */
export interface DeviceSource {
  readonly lookup: (path: string) => HostDevice;
  /** Every device of the host, for `--privileged`. */
  readonly all: () => GrantedDevices['devices'];
  readonly blockDevice: BlockDevice;
}

export interface SpecInput {
  readonly id: string;
  /** Merged with the image's (`mergeImageConfig`), with a host name. */
  readonly config: ContainerConfig;
  /** With defaults filled in (`adaptHostConfig`). */
  readonly hostConfig: HostConfig;
  readonly argv: readonly string[];
  readonly mounts: readonly ResolvedMount[];
  /** Host path of the root. */
  readonly rootPath: string;
  readonly networkFiles: NetworkFiles | undefined;
  readonly userFiles: UserFiles;
  readonly joined: JoinedProcesses;
  /**
   * Where shared memory lives on the host: of the joined container, or of this one when its ipc namespace is shareable.
   */
  readonly shmPath: string | undefined;
  /** `/caisson`; HostConfig.CgroupParent replaces it. */
  readonly cgroupParent: string;
  readonly initBinary: string;
  readonly remap: IdMappings | null;
  readonly devices: DeviceSource;
  readonly host: HostFacts;
}

export interface BuiltSpec {
  readonly config: OciConfig;
  readonly seccompProgram: Uint8Array | null;
  readonly hostMounts: readonly HostMount[];
}

/** Throws a CaissonError with Docker's text for what cannot be: an unknown user, a device that is not there. */
export function buildOciConfig(input: SpecInput): BuiltSpec {
  const { config, hostConfig, host } = input;
  const privileged = hostConfig.Privileged === true;
  const security = parseSecurityOptions(hostConfig.SecurityOpt ?? []);
  const remap = hostConfig.UsernsMode === 'host' ? null : input.remap;
  const capabilities = capabilitiesFor(hostConfig, host);
  const seccomp = seccompFilter(security.seccomp, privileged, capabilities, host);
  const granted = devicesFor(input);
  const exposed = privileged || security.systemPathsUnconfined;
  const withInit = hostConfig.Init === true && parseMode(hostConfig.PidMode).kind === 'default';
  const shm = shmMounts(input, remap);
  const mounts = ociMounts({
    hostConfig,
    mounts: input.mounts,
    networkFiles: input.networkFiles,
    shmPath: shm.path,
    remapped: remap !== null,
    writableCgroups: security.writableCgroups,
    host,
  });
  const timeOffsets = timeOffsetsOf(hostConfig);
  const propagation = rootPropagation(input.mounts);
  return {
    hostMounts: shm.hostMounts,
    seccompProgram: seccomp.program,
    config: {
      ociVersion: '1.2.0',
      root: { path: input.rootPath, readonly: hostConfig.ReadonlyRootfs === true },
      ...(parseMode(hostConfig.UTSMode).kind === 'host'
        ? {}
        : { hostname: config.Hostname ?? '', domainname: config.Domainname ?? '' }),
      process: processFor(input, capabilities, security.noNewPrivileges, withInit),
      mounts: withInit ? [...mounts, initMount(input.initBinary)] : mounts,
      linux: {
        namespaces: namespacesFor(config, hostConfig, input.joined, remap !== null),
        ...(remap === null ? {} : { uidMappings: remap.uidMappings, gidMappings: remap.gidMappings }),
        ...(timeOffsets === undefined ? {} : { timeOffsets }),
        devices: granted.devices,
        cgroupsPath: cgroupPath(hostConfig, input.cgroupParent, input.id),
        resources: resourcesOf(hostConfig, granted.rules, input.devices.blockDevice),
        sysctl: sysctlsFor(hostConfig, host, remap !== null),
        ...(seccomp.config === undefined ? {} : { seccomp: seccomp.config }),
        ...(propagation === undefined ? {} : { rootfsPropagation: propagation }),
        maskedPaths: exposed ? [] : (hostConfig.MaskedPaths ?? [...defaultMaskedPaths, ...host.extraMaskedPaths]),
        readonlyPaths: exposed ? [] : (hostConfig.ReadonlyPaths ?? defaultReadonlyPaths),
      },
      ...(hostConfig.Annotations ? { annotations: hostConfig.Annotations } : {}),
    },
  };
}

/** Below each hierarchy's root, where a parent given with `..` stays too. */
export const cgroupPath = ({ CgroupParent }: HostConfig, defaultParent: string, id: string): string =>
  posix.join('/', CgroupParent || defaultParent, id);

function capabilitiesFor({ CapAdd, CapDrop, Privileged }: HostConfig, host: HostFacts): string[] {
  return tweakCapabilities(
    { add: CapAdd ?? [], drop: CapDrop ?? [], privileged: Privileged === true },
    host.capabilities,
  );
}

/** Docker gives no inheritable and no ambient ones (CVE-2022-24769). */
export const capabilitySets = (names: readonly string[]): OciCapabilities => ({
  bounding: names,
  effective: names,
  permitted: names,
  inheritable: [],
  ambient: [],
});

function processFor(
  input: SpecInput,
  capabilities: readonly string[],
  noNewPrivileges: boolean,
  withInit: boolean,
): OciProcess {
  const { config, hostConfig } = input;
  const user = resolveUser(config.User ?? '', hostConfig.GroupAdd ?? [], input.userFiles);
  const [height, width] = hostConfig.ConsoleSize ?? [0, 0];
  return {
    terminal: config.Tty === true,
    ...(config.Tty === true && height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: withInit ? [initPath, '--', ...input.argv] : input.argv,
    env: withHome(
      environmentOf({ hostname: config.Hostname ?? '', tty: config.Tty === true, env: config.Env ?? [] }),
      user.home,
    ),
    cwd: config.WorkingDir || '/',
    capabilities: capabilitySets(capabilities),
    rlimits: rlimitsOf(hostConfig.Ulimits ?? []),
    noNewPrivileges,
    oomScoreAdj: hostConfig.OomScoreAdj ?? 0,
  };
}

const initMount = (source: string): OciMount => ({
  destination: initPath,
  type: 'bind',
  source,
  options: ['bind', 'ro'],
});

function devicesFor({ hostConfig, devices }: SpecInput): GrantedDevices {
  const mappings = hostConfig.Devices ?? [];
  if (hostConfig.Privileged === true) {
    // Its own devices are there already, under the same names.
    const renamed = grantDevices(
      mappings.filter((each) => each.PathInContainer && each.PathInContainer !== each.PathOnHost),
      devices.lookup,
    );
    return { devices: [...devices.all(), ...renamed.devices], rules: [{ allow: true, access: 'rwm' }] };
  }
  const granted = grantDevices(mappings, devices.lookup);
  return {
    devices: granted.devices,
    rules: [
      ...defaultDeviceRules,
      ...granted.rules,
      ...(hostConfig.DeviceCgroupRules ?? []).map(parseDeviceRule),
      ...runtimeDeviceRules,
    ],
  };
}

/** Docker's defaults for a network namespace of its own, under what was asked for. */
function sysctlsFor(hostConfig: HostConfig, host: HostFacts, remapped: boolean): Record<string, string> {
  const defaults = isPrivateNetwork(hostConfig.NetworkMode) ? Object.entries(defaultNetworkSysctls) : [];
  return {
    // The range of groups cannot be written from a user namespace that does not map all of it.
    ...Object.fromEntries(
      defaults.filter(([name]) => host.sysctls.has(name) && !(remapped && name === 'net.ipv4.ping_group_range')),
    ),
    ...hostConfig.Sysctls,
  };
}

/**
 * A shareable ipc namespace keeps its shared memory in a mount on the host, where other containers can bind it from.
 */
function shmMounts(
  { hostConfig, shmPath }: SpecInput,
  remap: IdMappings | null,
): { path: string | undefined; hostMounts: HostMount[] } {
  switch (parseMode(hostConfig.IpcMode).kind) {
    case 'host':
      return { path: '/dev/shm', hostMounts: [] };
    case 'container':
      return { path: shmPath, hostMounts: [] };
    case 'shareable': {
      if (shmPath === undefined) return { path: undefined, hostMounts: [] };
      const owner = remap === null ? '' : `,uid=${rootOf(remap.uidMappings)},gid=${rootOf(remap.gidMappings)}`;
      const data = `mode=1777,size=${hostConfig.ShmSize || defaultShmSize}${owner}`;
      return { path: shmPath, hostMounts: [{ target: shmPath, type: 'tmpfs', source: 'shm', data }] };
    }
    default:
      return { path: undefined, hostMounts: [] };
  }
}

/** The host's id of a container's root. */
export const rootOf = (mappings: readonly OciIdMapping[]): number =>
  mappings
    .map(({ containerID, hostID, size }) => (containerID === 0 && size > 0 ? hostID : undefined))
    .find((id) => id !== undefined) ?? 0;

/** A shared bind needs a root that lets mounts through; a slave one needs to receive them. */
function rootPropagation(mounts: readonly ResolvedMount[]): string | undefined {
  const asked = new Set(mounts.map(({ Propagation }) => Propagation.replace(/^r/, '')));
  if (asked.has('shared')) return 'shared';
  return asked.has('slave') ? 'rslave' : undefined;
}
