/** `GET /version`, `GET /info`, `GET /events`. */
import { createHash } from 'node:crypto';
import { readFileSync, statfsSync } from 'node:fs';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import type { EngineContext } from './context.ts';
import { isAlive } from './container-state.ts';
import type { SystemService } from './engine.ts';
import { nowText } from './timestamps.ts';

export const apiVersion = '1.51';
export const minApiVersion = '1.24';

/** Docker's (Go's) name of this processor. */
export const architecture = { x64: 'amd64', arm64: 'arm64' }[arch() as 'x64' | 'arm64'] ?? arch();
/** uname's name of it. */
const machine = { x64: 'x86_64', arm64: 'aarch64' }[arch() as 'x64' | 'arm64'] ?? arch();

export function createSystemService(context: EngineContext): SystemService {
  return {
    version: () => version(context),
    info: async () => info(context),
    events: async (options) => context.events.subscribe(options),
  };
}

function version(context: EngineContext): object {
  const { version: engine } = context.settings;
  const details = {
    ApiVersion: apiVersion, Arch: architecture, Experimental: 'false', KernelVersion: release(), MinAPIVersion: minApiVersion, Os: 'linux',
  };
  return {
    Platform: { Name: 'Caisson' },
    Components: [{ Name: 'Engine', Version: engine, Details: details }],
    Version: engine,
    ApiVersion: apiVersion,
    MinAPIVersion: minApiVersion,
    GitCommit: '',
    GoVersion: '',
    Os: 'linux',
    Arch: architecture,
    KernelVersion: release(),
    BuildTime: '',
  };
}

function info(context: EngineContext): object {
  const containers = context.registry.all();
  const count = (status: string) => containers.filter((container) => container.state.status === status).length;
  const { settings, cgroups } = context;
  const security = ['name=seccomp,profile=builtin', ...(cgroups.version === 2 ? ['name=cgroupns'] : []), ...(settings.usernsRemap ? ['name=userns'] : [])];
  return {
    ID: engineId(),
    Containers: containers.length,
    ContainersRunning: count('running'),
    ContainersPaused: count('paused'),
    ContainersStopped: containers.filter((container) => !isAlive(container.state)).length,
    Images: context.images.list().length,
    Driver: context.storage.name,
    DriverStatus: [['Backing Filesystem', fileSystemName(settings.dataRoot)], ['Supports d_type', 'true'], ['Native Overlay Diff', 'true'], ['userxattr', 'false']],
    Plugins: { Volume: ['local'], Network: ['host', 'null'], Authorization: null, Log: ['json-file', 'none'] },
    MemoryLimit: true,
    SwapLimit: cgroups.swapLimit,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    IPv4Forwarding: readNumber('/proc/sys/net/ipv4/ip_forward') === 1,
    Debug: settings.debug,
    NFd: 0,
    OomKillDisable: cgroups.version === 1,
    NGoroutines: 0,
    SystemTime: nowText(),
    LoggingDriver: 'json-file',
    CgroupDriver: 'cgroupfs',
    CgroupVersion: String(cgroups.version),
    NEventsListener: 0,
    KernelVersion: release(),
    OperatingSystem: osRelease('PRETTY_NAME') || 'Linux',
    OSVersion: osRelease('VERSION_ID'),
    OSType: 'linux',
    Architecture: machine,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: {
      AllowNondistributableArtifactsCIDRs: null, AllowNondistributableArtifactsHostnames: null, InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8'],
      IndexConfigs: {}, Mirrors: null,
    },
    NCPU: cpus().length,
    MemTotal: totalmem(),
    GenericResources: null,
    DockerRootDir: settings.dataRoot,
    HttpProxy: '',
    HttpsProxy: '',
    NoProxy: '',
    Name: hostname(),
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: settings.version,
    Runtimes: { caisson: { path: 'caisson' } },
    DefaultRuntime: 'caisson',
    Swarm: { NodeID: '', NodeAddr: '', LocalNodeState: 'inactive', ControlAvailable: false, Error: '', RemoteManagers: null },
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: 'docker-init',
    ContainerdCommit: { ID: '' },
    RuncCommit: { ID: '' },
    InitCommit: { ID: '' },
    SecurityOptions: security,
    ProductLicense: '',
    CDISpecDirs: null,
    Warnings: null,
  };

  /** Stable for a host and a data root; Docker keeps a random one in a file. */
  function engineId(): string {
    const machineId = readText('/etc/machine-id').trim();
    return createHash('sha256').update(`${machineId}:${settings.dataRoot}`).digest('hex').slice(0, 32);
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const readNumber = (path: string) => Number(readText(path));

function osRelease(key: string): string {
  return new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(readText('/etc/os-release'))?.[1] ?? '';
}

/** statfs(2) magic numbers of the file systems people keep containers on (linux/magic.h). */
const fileSystems: Readonly<Record<number, string>> = {
  0xef53: 'extfs', 0x58465342: 'xfs', 0x9123683e: 'btrfs', 0x01021994: 'tmpfs', 0x794c7630: 'overlayfs', 0x2fc12fc1: 'zfs',
};

function fileSystemName(path: string): string {
  return fileSystems[statfsSync(path).type] ?? '<unknown>';
}
