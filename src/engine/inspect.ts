/** `GET /containers/{id}/json`, in the field order and with the defaults of Docker 28. */
import type { Container } from './container.ts';
import { dockerState } from './container-state.ts';
import type { EngineContext } from './context.ts';
import { writtenSize } from '../storage/tree-size.ts';
import { shownHealth } from './health/health.ts';
import { networkSettings } from './networks/shown.ts';
import { shownLinks } from './links.ts';
import { containerPaths } from './paths.ts';

export async function inspectContainer(context: EngineContext, container: Container, withSize: boolean): Promise<object> {
  const { record } = container;
  const root = context.storage.root(record.id, record.topLayer);
  const [path = '', ...args] = record.argv;
  const execs = [...container.execs.values()].filter((exec) => exec.state.status !== 'exited').map((exec) => exec.id);
  return {
    Id: record.id,
    Created: record.created,
    Path: path,
    Args: args,
    State: { ...dockerState(record.state, container.removing), ...(record.health ? { Health: shownHealth(record.health) } : {}) },
    Image: record.imageId,
    ...files(context, container),
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: context.storage.name,
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: execs.length > 0 ? execs : null,
    HostConfig: { ...record.hostConfig, Links: shownLinks(context, container) },
    GraphDriver: {
      Data: {
        ID: record.id,
        ...(root.kind === 'overlay' ? { LowerDir: root.lowerDirs.join(':'), MergedDir: root.mergedDir, UpperDir: root.upperDir, WorkDir: root.workDir } : {}),
      },
      Name: context.storage.name,
    },
    ...(withSize ? await sizes(context, container) : {}),
    Mounts: shownMounts(container),
    Config: record.config,
    NetworkSettings: networkSettings(context, container),
  };
}

/** Docker names the files that a start makes, once it has made them. */
function files(context: EngineContext, { record }: Container): object {
  const untried = record.state.status === 'created' && record.state.error === '';
  const { resolvConf, hostname, hosts, log } = containerPaths(context.settings.dataRoot, record.id);
  const LogPath = untried || record.hostConfig.LogConfig?.Type !== 'json-file' ? '' : log;
  if (untried || record.config.NetworkDisabled === true) return { ResolvConfPath: '', HostnamePath: '', HostsPath: '', LogPath };
  return { ResolvConfPath: resolvConf, HostnamePath: hostname, HostsPath: hosts, LogPath };
}

/** Mounts without what only a plan needs; tmpfs of `--tmpfs` is in HostConfig alone, as with Docker. */
export function shownMounts(container: Container): object[] {
  return container.record.mounts.map(({ details: _details, ...mount }) => mount);
}

/** Bytes written by the container, and in all (with its image). */
export async function sizes(context: EngineContext, container: Container): Promise<{ SizeRw: number; SizeRootFs: number }> {
  const root = context.storage.root(container.id, container.record.topLayer);
  const written = await writtenSize(root);
  const image = container.record.imageId === '' ? 0 : imageSize(context, container.record.imageId);
  return { SizeRw: written, SizeRootFs: written + image };
}

function imageSize(context: EngineContext, id: string): number {
  return context.images.list().find((image) => image.id === id)?.size ?? 0;
}
