/** `GET /images/{name}/json` and `/history`, in the field order and with the defaults of Docker 28. */
import type { Image } from '../images/service.ts';
import type { EngineContext } from './context.ts';
import { layerChain } from './layer-chain.ts';

type Json = Readonly<Record<string, unknown>>;

/** With `Container` and `ContainerConfig`, which the API shows to old clients only. */
export function inspectImage(context: EngineContext, image: Image): object {
  const { config } = image;
  return {
    Id: image.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: image.parent ?? '',
    Comment: config.comment || config.history?.at(-1)?.comment || '',
    ...(config.created === undefined ? {} : { Created: config.created }),
    ...(config.container ? { Container: config.container } : {}),
    ContainerConfig: wholeConfig(config.container_config ?? {}),
    DockerVersion: config.docker_version ?? '',
    Author: config.author ?? '',
    Architecture: config.architecture,
    ...(config.variant ? { Variant: config.variant } : {}),
    Os: config.os,
    ...('os.version' in config ? { OsVersion: config['os.version'] } : {}),
    Size: image.size,
    GraphDriver: { Data: graphDriverData(context, image), Name: context.storage.name },
    RootFS: { Type: 'layers', ...(image.topLayer === null ? {} : { Layers: config.rootfs.diff_ids }) },
    Metadata: { LastTagTime: image.lastTagTime },
    Config: imageConfig(config.config ?? {}),
  };
}

function graphDriverData({ storage }: EngineContext, { topLayer }: Image): object | null {
  const [top, ...lower] = layerChain(storage, topLayer);
  if (!top || storage.name === 'btrfs' || storage.name === 'vfs') return null;
  const beside = (name: string) => top.path.replace(/[^/]*$/, name);
  return {
    ...(lower.length > 0 ? { LowerDir: lower.map(({ path }) => path).join(':') } : {}),
    MergedDir: beside('merged'),
    UpperDir: top.path,
    WorkDir: beside('work'),
  };
}

/** What a container gets from the image. What is empty is null, or not there. */
function imageConfig(config: Json): object {
  const optional = ['ArgsEscaped', 'ExposedPorts', 'Healthcheck', 'Shell', 'StopSignal'];
  const shown: Record<string, unknown> = { User: config['User'] ?? '', WorkingDir: config['WorkingDir'] ?? '' };
  for (const name of ['Cmd', 'Entrypoint', 'Env', 'Labels', 'OnBuild', 'Volumes']) shown[name] = orNull(config[name]);
  for (const name of optional) if (orNull(config[name]) !== null) shown[name] = config[name];
  return Object.fromEntries(Object.entries(shown).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Null for whatever Go leaves out of JSON as empty. */
function orNull(value: unknown): unknown {
  if (value === undefined || value === null || value === '' || value === false) return null;
  return typeof value === 'object' && Object.keys(value).length === 0 ? null : value;
}

/** A container's configuration with all fields that Docker writes, the empty ones too. */
export function wholeConfig(config: object): Record<string, unknown> {
  return {
    Hostname: '', Domainname: '', User: '', AttachStdin: false, AttachStdout: false, AttachStderr: false, Tty: false,
    OpenStdin: false, StdinOnce: false, Env: null, Cmd: null, Image: '', Volumes: null, WorkingDir: '', Entrypoint: null,
    OnBuild: null, Labels: null,
    ...Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined)),
  };
}

/** Newest first; each entry that made a layer has that layer's size, each that made an image of ours its id and names. */
export function imageHistory(context: EngineContext, image: Image): object[] {
  const layers = layerChain(context.storage, image.topLayer);
  const ancestors = ancestry(context, image);
  return (image.config.history ?? []).toReversed().map((entry, index) => {
    const tags = ancestors[index]?.repoTags ?? [];
    return {
      Comment: entry.comment ?? '',
      Created: Math.floor((Date.parse(entry.created ?? '') || 0) / 1000),
      CreatedBy: entry.created_by ?? '',
      Id: ancestors[index]?.id ?? '<missing>',
      Size: entry.empty_layer === true ? 0 : (layers.shift()?.size ?? 0),
      Tags: tags.length > 0 ? tags : null,
    };
  });
}

/** The image, its parent, and so on, as far as they are here. */
function ancestry(context: EngineContext, image: Image): Image[] {
  const byId = new Map(context.images.list().map((other) => [other.id, other]));
  const line: Image[] = [];
  for (let next: Image | undefined = image; next; next = next.parent === null ? undefined : byId.get(next.parent)) line.push(next);
  return line;
}
