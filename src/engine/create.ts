/** `docker create`: validated, merged with the image, recorded. No process yet. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { invalidParameter, isClass, notFound } from '../errors.ts';
import type { Image } from '../images/service.ts';
import { parseSignal } from '../linux/signals.ts';
import type { RootOptions } from '../storage/driver.ts';
import type { Container, ContainerRecord } from './container.ts';
import { created } from './container-state.ts';
import type { EngineContext } from './context.ts';
import { encodeContainerConfig, encodeHostConfig } from './docker-encoding.ts';
import type { ContainerConfig, CreateRequest, HostConfig } from './docker-types.ts';
import type { CreateOptions } from './engine.ts';
import { imageRootOptions, imageRootsOf, imageSource, rootsOf, topLayersOf } from './image-mounts.ts';
import { resolveLinks } from './links.ts';
import { validateLogOptions } from './log-options.ts';
import { checkName, generateName } from './names.ts';
import { checkEndpoints, requestedNetworks } from './networks/requested.ts';
import { containerPaths } from './paths.ts';
import { adaptHostConfig } from './spec/adapt.ts';
import { parseMode } from './spec/modes.ts';
import { type ResolvedMount, resolveMounts } from './spec/mounts.ts';
import { rootOf } from './spec/build.ts';
import { argvOf, mergeImageConfig } from './spec/process.ts';
import { validateCreate } from './spec/validate.ts';
import { nowText } from './timestamps.ts';

export async function createContainer(context: EngineContext, name: string | undefined, request: CreateRequest, { platform, plainReadOnlyBinds }: CreateOptions) {
  const image = findImage(context, request.Image ?? '', platform);
  const root = image === undefined ? emptyRoot : { imageId: image.id, topLayer: image.topLayer, config: image.config.config };
  return createOn(context, name, request, root, { plainReadOnlyBinds });
}

/** What a container's root is on, and the configuration that it takes over. */
export interface RootOfContainer {
  readonly imageId: ContainerRecord['imageId'];
  readonly topLayer: ContainerRecord['topLayer'];
  readonly config: ContainerConfig | undefined;
}

const emptyRoot: RootOfContainer = { imageId: '', topLayer: null, config: undefined };

/** The same on a root that is no image's, such as that of a step of a build. */
export async function createOn(
  context: EngineContext, name: string | undefined, request: CreateRequest, root: RootOfContainer,
  { plainReadOnlyBinds = false, ...extra }: Pick<ContainerRecord, 'ofBuild'> & Partial<Pick<CreateOptions, 'plainReadOnlyBinds'>>,
): Promise<{ Id: string; Warnings: string[] }> {
  const { HostConfig: requestedHost, NetworkingConfig: _networks, ...requestedConfig } = request;
  const hostConfig = adaptHostConfig(requestedHost ?? {}, context.host);
  const Warnings = validateCreate(requestedConfig, hostConfig, context.host);
  hostConfig.LogConfig = logConfig(hostConfig);
  const config = mergeConfig(context, requestedConfig, hostConfig, root.config);
  const argv = argvOf(config);
  const networks = requestedNetworks(request, config, hostConfig);
  checkEndpoints(context.networks, networks, request);
  const links = resolveLinks(context, hostConfig);
  const isNamed = name !== undefined && name !== '';
  const containerName = isNamed ? checkName(name) : generateName((taken) => context.registry.isNameTaken(taken));
  context.registry.checkNameFree(containerName);
  const id = randomBytes(32).toString('hex');
  const record: ContainerRecord = {
    id, name: containerName, ...(isNamed ? { isNamed } : {}), created: nowText(), hostConfig: encodeHostConfig({ ...hostConfig, Links: null }),
    config: encodeContainerConfig({ ...config, Hostname: hostnameOf(context, config, hostConfig, id) }),
    imageId: root.imageId, topLayer: root.topLayer, argv, mounts: mountsOf(context, id, config, hostConfig, plainReadOnlyBinds),
    networks, endpoints: [], ports: [], ...(links.length === 0 ? {} : { links }),
    restartCount: 0, manuallyStopped: false, state: created, ...extra,
  };
  await register(context, record);
  return { Id: id, Warnings };
}

/** Directories first: a full disk shows here, and then nothing stays behind. The name is the container's meanwhile. */
async function register(context: EngineContext, record: ContainerRecord): Promise<void> {
  const { directory } = containerPaths(context.settings.dataRoot, record.id);
  context.registry.reserve(record.name, record.id);
  const releases = topLayersOf(record).map((layer) => context.images.hold(layer));
  try {
    mkdirSync(directory, { mode: 0o710 });
    await context.storage.createRoot(record.id, record.topLayer, containerRootOptions(context, record));
    for (const { root, topLayer } of imageRootsOf(record)) await context.storage.createRoot(root, topLayer, imageRootOptions);
    const container = context.registry.add(record);
    context.events.publish('container', 'create', record.id, container.eventAttributes());
  } catch (error) {
    context.registry.releaseName(record.name, record.id);
    rmSync(directory, { recursive: true, force: true });
    for (const root of rootsOf(record)) void context.storage.removeRoot(root).catch(() => undefined); // the error that matters is the first one
    throw error;
  } finally {
    for (const release of releases) release();
  }
}

export const containerRootOptions = (context: EngineContext, { hostConfig }: ContainerRecord): RootOptions => ({
  owner: rootOwner(context, hostConfig), storageOptions: hostConfig.StorageOpt ?? {},
});

/** Host ids of the container's root. */
function rootOwner(context: EngineContext, hostConfig: HostConfig): { uid: number; gid: number } {
  const { usernsRemap } = context.settings;
  if (usernsRemap === null || hostConfig.UsernsMode === 'host') return { uid: 0, gid: 0 };
  return { uid: rootOf(usernsRemap.uidMappings), gid: rootOf(usernsRemap.gidMappings) };
}

/** Without an image name the container has an empty root, as with Docker. */
function findImage(context: EngineContext, name: string, platform: string): Image | undefined {
  if (name === '') return undefined;
  const image = context.images.get(name);
  const [os = '', architecture] = platform === '' ? [] : platform.split('/');
  if (platform !== '' && (os !== image.config.os || (architecture !== undefined && architecture !== image.config.architecture))) {
    throw notFound(`image with reference ${name} was found but its platform (${image.config.os}/${image.config.architecture}) does not match the specified platform (${platform})`, { object: name });
  }
  return image;
}

function mergeConfig(context: EngineContext, request: ContainerConfig, hostConfig: HostConfig, image: ContainerConfig | undefined): ContainerConfig {
  const config = mergeImageConfig(request, image);
  if (config.StopSignal) parseSignal(config.StopSignal);
  for (const mode of [hostConfig.PidMode, hostConfig.IpcMode]) {
    const parsed = parseMode(mode);
    if (parsed.kind === 'container') requireContainer(context, parsed.container);
  }
  return config;
}

function requireContainer(context: EngineContext, ref: string): Container {
  try {
    return context.registry.get(ref);
  } catch (error) {
    if (isClass(error, 'not-found')) throw invalidParameter(`No such container: ${ref}`, { cause: error });
    throw error;
  }
}

/** Whoever shares the host's or another container's network has its name too. */
function hostnameOf(context: EngineContext, config: ContainerConfig, hostConfig: HostConfig, id: string): string {
  const network = parseMode(hostConfig.NetworkMode);
  if (network.kind === 'container') return context.registry.find(network.container)?.record.config.Hostname ?? '';
  if (config.Hostname) return config.Hostname;
  if (network.kind === 'host') return context.host.hostname;
  return id.slice(0, 12);
}

function mountsOf(context: EngineContext, id: string, config: ContainerConfig, hostConfig: HostConfig, plainReadOnlyBinds: boolean): ResolvedMount[] {
  return resolveMounts(config, hostConfig, {
    exists: existsSync,
    dataRoot: context.settings.dataRoot,
    plainReadOnlyBinds,
    images: imageSource(context, id),
    mountsOf: (ref) => requireContainer(context, ref).record.mounts,
    volumes: {
      ensure(name, options) {
        const volume = context.volumes.ensure({ name: name ?? '', ...options });
        return { name: volume.Name, path: volume.Mountpoint };
      },
    },
  });
}

/** With the default driver filled in. Throws for a driver or an option that is not there. */
function logConfig({ LogConfig }: HostConfig): { Type: string; Config: Record<string, string> } {
  const Type = LogConfig?.Type || 'json-file';
  const Config = LogConfig?.Config ?? {};
  validateLogOptions(Type, Config);
  return { Type, Config };
}
