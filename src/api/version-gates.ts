/**
 * What differs between API versions 1.24 and 1.51, in one place: the engine speaks the newest, these functions
 * translate for older
 * clients. Source: "Engine API version history" and Docker Engine 28's routers.
 */
import type { CreateRequest, HostConfig, MountPoint } from '../engine/docker-types.ts';
import type { DiskUsage, NetworkCreateRequest } from '../engine/engine.ts';
import { invalidParameter } from '../errors.ts';
import { sysctlLabel } from '../network/endpoint-options.ts';

type Json = Record<string, unknown>;

/**
 * Takes out of a create request what its API version did not know, and puts in what that version's clients take for
 * granted.
 * @throws invalid-parameter for options that an old client cannot mean
 */
export function gateCreateRequest(request: CreateRequest, version: number): void {
  const host = (request.HostConfig ??= {});
  if (version < 25) delete host.AutoRemove;
  if (version < 40) {
    delete host.KernelMemoryTCP;
    if (!host.IpcMode) host.IpcMode = 'shareable';
  }
  if (version < 41 && !host.CgroupnsMode) host.CgroupnsMode = 'host';
  if (version < 42) delete host.ConsoleSize;
  else delete host.KernelMemory;
  if (version < 43) delete host.Annotations;
  if (version < 44) gateBefore44(request);
  if (version >= 48) checkSysctls(host);
  for (const mount of host.Mounts ?? []) gateMount(mount, version);
  // Zero and below all mean "no limit".
  if (typeof host.PidsLimit === 'number' && host.PidsLimit <= 0) host.PidsLimit = null;
}

/** Those of an interface are an option of its endpoint, as there may be several. */
function checkSysctls({ Sysctls, NetworkMode = '' }: NonNullable<CreateRequest['HostConfig']>): void {
  if (NetworkMode === 'host' || NetworkMode?.startsWith('container:')) return;
  const ofInterface = Object.keys(Sysctls ?? {}).find((name) => /^net\.[^.]*\.[^.]*\.eth[^.]*\./.test(name));
  if (ofInterface !== undefined) {
    throw invalidParameter(`interface specific sysctl setting ${JSON.stringify(ofInterface)} must be supplied using driver option '${sysctlLabel}'`);
  }
}

function gateBefore44(request: CreateRequest): void {
  if (request.Healthcheck) delete request.Healthcheck.StartInterval;
  const networks = Object.keys(request.NetworkingConfig?.EndpointsConfig ?? {});
  if (networks.length > 1) {
    throw invalidParameter(`Container cannot be created with multiple network endpoints: ${networks.join(', ')}`);
  }
}

function gateMount(mount: MountPoint, version: number): void {
  if (version < 40 && mount.BindOptions) delete mount.BindOptions.NonRecursive;
  if (version < 42) {
    if (mount.BindOptions) delete mount.BindOptions.CreateMountpoint;
    if (mount.Type !== 'volume') delete mount.VolumeOptions;
    if (mount.Type !== 'tmpfs') delete mount.TmpfsOptions;
  } else {
    checkMountOptions(mount);
  }
  if (version < 44 && mount.Type === 'bind' && mount.BindOptions?.ReadOnlyForceRecursive) {
    throw invalidParameter('BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer');
  }
  // Read-only mounts were not recursive before.
  if (version < 44 && mount.Type === 'bind' && mount.ReadOnly) {
    mount.BindOptions = { ...mount.BindOptions, ReadOnlyNonRecursive: true };
  }
  if (version < 45 && mount.VolumeOptions?.Subpath) {
    throw invalidParameter('VolumeOptions.Subpath needs API v1.45 or newer');
  }
}

function checkMountOptions(mount: MountPoint): void {
  const refuse = (options: string): never => {
    throw invalidParameter(`${options} must not be specified on mount type ${JSON.stringify(mount.Type ?? '')}`);
  };
  if (mount.VolumeOptions && mount.Type !== 'volume') refuse('VolumeOptions');
  if (mount.BindOptions && mount.Type !== 'bind') refuse('BindOptions');
  if (mount.TmpfsOptions && mount.Type !== 'tmpfs') refuse('TmpfsOptions');
}

/** `POST /networks/create`: networks without IPv4 came with 1.48. */
export function gateNetworkCreate(request: NetworkCreateRequest, version: number): void {
  if (version < 48) request.EnableIPv4 = null;
}

/** The same for the resources of an update request. */
export function gateUpdate(resources: HostConfig, version: number): void {
  if (version < 40) delete resources.PidsLimit;
  if (version >= 42) delete resources.KernelMemory;
  if (typeof resources.PidsLimit === 'number' && resources.PidsLimit <= 0) resources.PidsLimit = 0;
}

/** `GET /containers/json`, one entry. */
export function gateContainerSummary(summary: object, version: number): object {
  if (version >= 48) return summary;
  const old: Json = { ...summary };
  delete old['ImageManifestDescriptor'];
  if (version < 46) withoutKey(old, 'HostConfig', 'Annotations');
  return old;
}

/** `GET /containers/{id}/json`. */
export function gateContainerInspect(inspect: object, version: number): object {
  if (version >= 48) return inspect;
  const old: Json = { ...inspect };
  delete old['ImageManifestDescriptor'];
  if (version < 45) addShortIdAliases(old);
  return old;
}

/** Up to 1.44 a container's short id is listed among its aliases in user-defined networks. */
function addShortIdAliases(inspect: Json): void {
  const mode = asJson(inspect['HostConfig'])['NetworkMode'];
  if (typeof mode !== 'string' || /^(default|bridge|host|none|container:.*)?$/.test(mode)) return;
  const settings = { ...asJson(inspect['NetworkSettings']) };
  const networks = { ...asJson(settings['Networks']) };
  const shortId = String(inspect['Id']).slice(0, 12);
  for (const name of Object.keys(networks)) {
    const endpoint = asJson(networks[name]);
    const aliases = Array.isArray(endpoint['Aliases']) ? endpoint['Aliases'] : [];
    networks[name] = { ...endpoint, Aliases: [...new Set([...aliases, shortId])] };
  }
  inspect['NetworkSettings'] = { ...settings, Networks: networks };
}

/** `GET /images/json`, one entry. */
export function gateImageSummary(summary: object, version: number): object {
  const shown: Json = { ...summary };
  const { RepoTags: tags, RepoDigests: digests } = shown;
  if (version >= 43) Object.assign(shown, { RepoTags: tags ?? [], RepoDigests: digests ?? [] });
  // Images without any name had a placeholder.
  else if (isEmptyList(tags) && isEmptyList(digests)) {
    Object.assign(shown, { RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'] });
  }
  if (version < 44) shown['VirtualSize'] = shown['Size'];
  return shown;
}

/** `GET /system/df`. */
export function gateDiskUsage(usage: DiskUsage, version: number): object {
  if (version >= 44) return usage;
  const images = usage.Images?.map((image) => ({ ...image, VirtualSize: asJson(image)['Size'] })) ?? null;
  return { ...usage, Images: images, ...(version < 42 ? { BuilderSize: 0 } : {}) };
}

/** `GET /images/{name}/json`. */
export function gateImageInspect(inspect: object, version: number): object {
  const shown: Json = { ...inspect };
  if (version >= 45) {
    delete shown['Container'];
    delete shown['ContainerConfig'];
  }
  if (version < 50) shown['Config'] = { ...oldImageConfig, ...asJson(shown['Config']) };
  if (version < 44) {
    shown['VirtualSize'] = shown['Size'];
    shown['Created'] ??= '0001-01-01T00:00:00Z';
  }
  return shown;
}

/** Fields that an image's Config always had up to 1.49, though they say nothing about an image. */
const oldImageConfig = {
  Hostname: '', Domainname: '', AttachStdin: false, AttachStdout: false, AttachStderr: false, Tty: false,
  OpenStdin: false, StdinOnce: false,
  Image: '',
} as const;

/** `GET /info`. */
export function gateInfo(info: object, version: number): object {
  const { KernelMemory, ...current } = info as Json;
  if (version >= 50) return current;
  const old: Json = { BridgeNfIptables: false, BridgeNfIp6tables: false, ...current };
  if (version < 42) old['KernelMemory'] = KernelMemory ?? false;
  delete old['DiscoveredDevices'];
  if (version < 49) {
    delete old['FirewallBackend'];
    old['RegistryConfig'] = {
      AllowNondistributableArtifactsCIDRs: null, AllowNondistributableArtifactsHostnames: null,
      ...asJson(old['RegistryConfig']),
    };
    for (const name of ['ContainerdCommit', 'RuncCommit', 'InitCommit']) {
      const commit = asJson(old[name]);
      if (old[name] !== undefined) old[name] = { ...commit, Expected: commit['ID'] };
    }
  }
  if (version < 39) {
    old['KernelVersion'] ||= '<unknown>';
    old['OperatingSystem'] ||= '<unknown>';
  }
  if (version < 25) {
    old['ExecutionDriver'] = '<not supported>';
    old['SecurityOptions'] = securityNames(old['SecurityOptions']);
  }
  return old;
}

/** `name=seccomp,profile=builtin` was `seccomp` before 1.25. */
function securityNames(options: unknown): unknown {
  if (!Array.isArray(options)) return options;
  return options.map((option) => /(?:^|,)name=([^,]*)/.exec(String(option))?.[1] ?? option);
}

function asJson(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function isEmptyList(value: unknown): boolean {
  return value === null || value === undefined || (Array.isArray(value) && value.length === 0);
}

function withoutKey(object: Json, parent: string, key: string): void {
  const copy = { ...asJson(object[parent]) };
  delete copy[key];
  if (object[parent] !== undefined) object[parent] = copy;
}
