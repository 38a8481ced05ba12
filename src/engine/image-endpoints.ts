/** What the API shows of images, in Docker's shapes. */
import { invalidParameter } from '../errors.ts';
import type { Image } from '../images/service.ts';
import type { EngineContext } from './context.ts';
import type { Filters, ImageEndpoints } from './engine.ts';
import { isAlive } from './container-state.ts';
import { matchesLabel } from './events.ts';

type Labels = Readonly<Record<string, string>>;

export function createImageEndpoints(context: EngineContext): ImageEndpoints {
  const { images, events } = context;
  return {
    service: images,

    async list({ filters }) {
      return listImages(context, filters);
    },

    async inspect(name) {
      return inspectImage(context, images.get(name));
    },

    async history(name) {
      return history(context, images.get(name));
    },

    async remove(name, options) {
      const removed = await images.remove(name, options, (id) => context.registry.all()
        .filter((container) => container.record.imageId === id)
        .map((container) => ({ id: container.id, running: isAlive(container.state) })));
      for (const record of removed) {
        if (record.Untagged !== undefined) events.publish('image', 'untag', record.Untagged, { name: record.Untagged });
        if (record.Deleted !== undefined) events.publish('image', 'delete', record.Deleted, { name: record.Deleted });
      }
      return removed;
    },

    async tag(name, repo, tag) {
      const image = images.get(name);
      images.tag(name, repo, tag);
      events.publish('image', 'tag', image.id, { name: `${repo}:${tag || 'latest'}` });
    },
  };
}

const labelsOf = (image: Image): Labels => (image.config.config?.['Labels'] as Labels | null | undefined) ?? {};
const createdSeconds = (image: Image) => Math.floor((Date.parse(image.config.created ?? '') || 0) / 1000);

function listImages(context: EngineContext, filters: Filters): object[] {
  const images = [...context.images.list()].sort((a, b) => createdSeconds(b) - createdSeconds(a));
  const containers = context.registry.all();
  return images.filter((image) => matches(context, image, filters)).map((image) => ({
    Containers: containers.filter((container) => container.record.imageId === image.id).length,
    Created: createdSeconds(image),
    Id: image.id,
    Labels: labelsOf(image),
    ParentId: '',
    RepoDigests: image.repoDigests,
    RepoTags: image.repoTags,
    SharedSize: -1,
    Size: image.size,
  }));
}

function matches(context: EngineContext, image: Image, filters: Filters): boolean {
  const dangling = filters['dangling'];
  if (dangling && dangling.length > 0) {
    const [value = ''] = dangling;
    if (!['true', 'false', '1', '0'].includes(value)) throw invalidParameter(`invalid filter 'dangling=[${dangling.join(' ')}]'`);
    if ((image.repoTags.length === 0) !== (value === 'true' || value === '1')) return false;
  }
  if (!(filters['label'] ?? []).every((label) => matchesLabel(labelsOf(image), label))) return false;
  const references = filters['reference'];
  if (references && references.length > 0 && !references.some((pattern) => image.repoTags.some((tag) => matchesReference(pattern, tag)))) return false;
  const before = filters['before']?.[0];
  if (before !== undefined && createdSeconds(image) >= createdSeconds(context.images.get(before))) return false;
  const since = filters['since']?.[0];
  return since === undefined || createdSeconds(image) > createdSeconds(context.images.get(since));
}

/** `busy*`, `busybox`, `busybox:*`: shell patterns against `name` or `name:tag`, where `*` does not cross a slash. */
function matchesReference(pattern: string, tag: string): boolean {
  const expression = new RegExp(`^${pattern.replace(/[.+^${}()|\\]/g, '\\$&').replace(/\*/g, '[^/]*').replace(/\?/g, '[^/]')}$`);
  return expression.test(tag) || expression.test(tag.slice(0, tag.lastIndexOf(':')));
}

function inspectImage(context: EngineContext, image: Image): object {
  const { config } = image;
  const top = image.topLayer === null ? undefined : context.storage.layer(image.topLayer);
  const lower: string[] = [];
  for (let layer = top?.parent == null ? undefined : context.storage.layer(top.parent); layer;
    layer = layer.parent === null ? undefined : context.storage.layer(layer.parent)) lower.push(layer.path);
  return {
    Id: image.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: '',
    Comment: config.comment ?? '',
    Created: config.created ?? '0001-01-01T00:00:00Z',
    DockerVersion: config.docker_version ?? '',
    Author: config.author ?? '',
    Config: config.config ?? null,
    Architecture: config.architecture,
    ...(config.variant ? { Variant: config.variant } : {}),
    Os: config.os,
    Size: image.size,
    GraphDriver: {
      Data: top ? { ...(lower.length > 0 ? { LowerDir: lower.join(':') } : {}), UpperDir: top.path } : null,
      Name: context.storage.name,
    },
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: image.lastTagTime },
  };
}

/** Newest first; each entry that made a layer has that layer's size. */
function history(context: EngineContext, image: Image): object[] {
  const entries = image.config.history ?? [];
  let layer = image.topLayer === null ? undefined : context.storage.layer(image.topLayer);
  const sizeOf = (empty: boolean | undefined) => {
    if (empty || !layer) return 0;
    const { size, parent } = layer;
    layer = parent === null ? undefined : context.storage.layer(parent);
    return size;
  };
  return [...entries].reverse().map((entry, index) => ({
    Comment: entry.comment ?? '',
    Created: Math.floor((Date.parse(entry.created ?? '') || 0) / 1000),
    CreatedBy: entry.created_by ?? '',
    Id: index === 0 ? image.id : '<missing>',
    Size: sizeOf(entry.empty_layer),
    Tags: index === 0 && image.repoTags.length > 0 ? image.repoTags : null,
  }));
}
