/** `GET /containers/{id}/json`, in the field order and with the defaults of Docker 28. */
import type { Container } from './container.ts';
import { dockerState, isAlive } from './container-state.ts';
import type { EngineContext } from './context.ts';
import { containerPaths } from './paths.ts';
import { shownHostConfig } from './shown-host-config.ts';

export function inspectContainer(context: EngineContext, container: Container, withSize: boolean): object {
  const { record } = container;
  const paths = containerPaths(context.settings.dataRoot, record.id);
  const root = context.storage.root(record.id, record.topLayer);
  const [path = '', ...args] = record.argv;
  const logType = record.hostConfig.LogConfig?.Type;
  const execs = [...container.execs.values()].filter((exec) => exec.state.status === 'running').map((exec) => exec.id);
  return {
    Id: record.id,
    Created: record.created,
    Path: path,
    Args: args,
    State: dockerState(record.state, container.removing),
    Image: record.imageId,
    ResolvConfPath: paths.resolvConf,
    HostnamePath: paths.hostname,
    HostsPath: paths.hosts,
    LogPath: logType === 'none' ? '' : paths.log,
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: context.storage.name,
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: execs.length > 0 ? execs : null,
    HostConfig: shownHostConfig(record.hostConfig),
    GraphDriver: {
      Data: {
        ID: record.id,
        LowerDir: root.lowerDirs.join(':'),
        MergedDir: root.mergedDir,
        UpperDir: root.upperDir,
        WorkDir: root.workDir,
      },
      Name: context.storage.name,
    },
    ...(withSize ? sizes(context, container) : {}),
    Mounts: shownMounts(container),
    Config: record.config,
    NetworkSettings: networkSettings(container),
  };
}

/** Mounts without what only a plan needs; tmpfs of `--tmpfs` is in HostConfig alone, as with Docker. */
export function shownMounts(container: Container): object[] {
  return container.record.mounts.map(({ details: _details, ...mount }) => mount);
}

/** Bytes written by the container, and in all (with its image). */
export function sizes(context: EngineContext, container: Container): { SizeRw: number; SizeRootFs: number } {
  const root = context.storage.root(container.id, container.record.topLayer);
  const written = context.directorySize(root.upperDir);
  const image = container.record.imageId === '' ? 0 : imageSize(context, container.record.imageId);
  return { SizeRw: written, SizeRootFs: written + image };
}

function imageSize(context: EngineContext, id: string): number {
  return context.images.list().find((image) => image.id === id)?.size ?? 0;
}

/** Endpoints come with the network drivers; `none`, `host` and `container:` modes have the shape Docker gives them. */
function networkSettings(container: Container): object {
  const mode = container.record.hostConfig.NetworkMode ?? 'default';
  const name = mode === 'default' ? 'bridge' : mode;
  const joined = name.startsWith('container:');
  return {
    Bridge: '',
    SandboxID: '',
    SandboxKey: isAlive(container.state) && !joined ? `/proc/${container.state.pid}/ns/net` : '',
    Ports: {},
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: '',
    Gateway: '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    IPAddress: '',
    IPPrefixLen: 0,
    IPv6Gateway: '',
    MacAddress: '',
    Networks: joined ? {} : { [name]: emptyEndpoint() },
  };
}

/** An endpoint without an interface. */
export function emptyEndpoint(): object {
  return {
    IPAMConfig: null, Links: null, Aliases: null, MacAddress: '', DriverOpts: null, GwPriority: 0, NetworkID: '', EndpointID: '',
    Gateway: '', IPAddress: '', IPPrefixLen: 0, IPv6Gateway: '', GlobalIPv6Address: '', GlobalIPv6PrefixLen: 0, DNSNames: null,
  };
}
