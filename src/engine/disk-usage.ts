/** `GET /system/df`: what objects take on the disk. */
import { buildUsage } from './build/cache-usage.ts';
import type { EngineContext } from './context.ts';
import type { DiskUsage, UsageKind } from './engine.ts';
import { listImages } from './image-list.ts';
import { layerChain } from './layer-chain.ts';
import { listContainers } from './list.ts';

export async function diskUsage(context: EngineContext, kinds: ReadonlySet<UsageKind>): Promise<DiskUsage> {
  const images = { all: false, filters: {}, sharedSize: true, containerCount: true };
  const containers = { all: true, limit: 0, size: true, filters: {} };
  return {
    LayersSize: kinds.has('image') ? layersSize(context) : 0,
    Images: kinds.has('image') ? listImages(context, images) : null,
    Containers: kinds.has('container') ? await listContainers(context, containers) : null,
    Volumes: kinds.has('volume') ? volumes(context) : null,
    BuildCache: kinds.has('build-cache') ? buildUsage(context.buildCache) : null,
  };
}

/** Nameless images that are only parents do not count: their layers are their children's. */
function layersSize({ images, storage }: EngineContext): number {
  const counted = images.list().filter(({ id, repoTags, repoDigests }) =>
    repoTags.length > 0 || repoDigests.length > 0 || images.children(id).length === 0);
  const sizes = new Map(counted.flatMap(({ topLayer }) => layerChain(storage, topLayer).map(({ chainId, size }) => [chainId, size])));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

function volumes(context: EngineContext): object[] {
  const mounts = context.registry.all().map(({ record }) => new Set(record.mounts.map(({ Name }) => Name)));
  return context.volumes.all().map((volume) => ({
    ...volume,
    UsageData: {
      RefCount: mounts.filter((names) => names.has(volume.Name)).length,
      Size: context.directorySize(volume.Mountpoint),
    },
  }));
}
