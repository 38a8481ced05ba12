/** `GET /version`, `GET /info`, `GET /events`. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RegistrySettings } from '../images/registry/endpoints.ts';
import { hostFacts } from '../linux/host.ts';
import type { EngineContext } from './context.ts';
import { checkSystem } from './check/check.ts';
import { isAlive } from './container-state.ts';
import { diskUsage } from './disk-usage.ts';
import type { SystemService } from './engine.ts';
import { limitSupport } from './limit-support.ts';
import { nowText } from './timestamps.ts';

export const apiVersion = '1.51';
export const minApiVersion = '1.24';

export function createSystemService(context: EngineContext): SystemService {
  return {
    version: () => version(context),
    info: async () => info(context),
    diskUsage: async (kinds) => diskUsage(context, kinds),
    events: async (options) => context.events.subscribe(options),
    check: (request) => checkSystem(context, request),
  };
}

function version(context: EngineContext): object {
  const { version: engine } = context.settings;
  const { architecture, kernelRelease } = hostFacts();
  const details = {
    ApiVersion: apiVersion, Arch: architecture, Experimental: 'false', KernelVersion: kernelRelease, MinAPIVersion: minApiVersion, Os: 'linux',
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
    KernelVersion: kernelRelease,
    BuildTime: '',
  };
}

function info(context: EngineContext): object {
  const containers = context.registry.all();
  const count = (status: string) => containers.filter((container) => container.state.status === status).length;
  const { settings, cgroups } = context;
  const host = hostFacts();
  const security = ['name=seccomp,profile=builtin', ...(cgroups.version === 2 ? ['name=cgroupns'] : []), ...(settings.usernsRemap ? ['name=userns'] : [])];
  return {
    ID: engineId(),
    Containers: containers.length,
    ContainersRunning: count('running'),
    ContainersPaused: count('paused'),
    ContainersStopped: containers.filter((container) => !isAlive(container.state)).length,
    Images: context.images.list().length,
    Driver: context.storage.name,
    DriverStatus: context.storage.status(),
    Plugins: { Volume: ['local'], Network: ['bridge', 'host', 'macvlan', 'null'], Authorization: null, Log: ['json-file', 'none'] },
    ...limitSupport(context.host.cgroup),
    Debug: settings.debug,
    NFd: 0,
    NGoroutines: 0,
    SystemTime: nowText(),
    LoggingDriver: 'json-file',
    CgroupDriver: 'cgroupfs',
    CgroupVersion: String(cgroups.version),
    NEventsListener: 0,
    KernelVersion: host.kernelRelease,
    OperatingSystem: host.operatingSystem,
    OSVersion: host.osVersion,
    OSType: 'linux',
    Architecture: host.machine,
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: registryConfig(settings.registries),
    NCPU: host.processors,
    MemTotal: host.memory,
    GenericResources: null,
    DockerRootDir: settings.dataRoot,
    HttpProxy: masked(settings.registries.proxies.http),
    HttpsProxy: masked(settings.registries.proxies.https),
    NoProxy: settings.registries.proxies.none,
    Name: host.hostname,
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: settings.version,
    Runtimes: { caisson: { path: 'caisson' }, runc: { path: 'caisson' } },
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
  };

  /** Stable for a host and a data root; Docker keeps a random one in a file. */
  function engineId(): string {
    const hash = createHash('sha256').update(`${machineId()}:${settings.dataRoot}`).digest('hex');
    return hash.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
  }
}

function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** Docker's registry.ServiceConfig. */
function registryConfig({ insecure, mirrors }: RegistrySettings): object {
  const isBlock = (text: string) => text.includes('/');
  const index = (name: string, official: boolean) => ({ Mirrors: official ? mirrors : [], Name: name, Official: official, Secure: official });
  const named = insecure.filter((text) => !isBlock(text)).map((name) => [name, index(name, false)] as const);
  return {
    AllowNondistributableArtifactsCIDRs: null,
    AllowNondistributableArtifactsHostnames: null,
    InsecureRegistryCIDRs: [...insecure.filter(isBlock), '::1/128', '127.0.0.0/8'],
    IndexConfigs: { 'docker.io': index('docker.io', true), ...Object.fromEntries(named) },
    Mirrors: mirrors.length === 0 ? null : mirrors,
  };
}

/** A proxy's address without the password. */
const masked = (url: string) => url.replace(/\/\/[^@/]*@/, '//xxxxx:xxxxx@');
