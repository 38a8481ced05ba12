/** `GET /images/json` (moby daemon/images/image_list.go has the rules). */
import type { Image } from '../images/service.ts';
import { parseReference } from '../images/reference.ts';
import type { EngineContext } from './context.ts';
import type { Filters, ImageListRequest } from './engine.ts';
import { parseTimestamp } from './go-timestamp.ts';
import { booleanFilter, createdAt, createdSeconds, labelsMatch, labelsOf } from './image-filters.ts';
import { layerChain } from './layer-chain.ts';
import { pathMatch } from '../images/path-match.ts';

/** Newest first. Empty lists of names are null, for the API to show as its version does. */
export function listImages(context: EngineContext, request: ImageListRequest): object[] {
  const images = context.images.list();
  const shared = request.sharedSize ? sharedSizes(context, images) : undefined;
  return images
    .filter(selection(context, request.filters))
    .map((image) => ({ image, tags: matching(image.repoTags, request.filters), digests: matching(image.repoDigests, request.filters) }))
    .filter(({ image, tags, digests }) => isShown(context, request, image, tags.length, digests.length))
    .sort((a, b) => Number((createdAt(b.image) ?? 0n) - (createdAt(a.image) ?? 0n)))
    .map(({ image, tags, digests }) => ({
      Containers: request.containerCount ? containersOf(context, image) : -1,
      Created: createdSeconds(image),
      Id: image.id,
      Labels: labelsOf(image),
      ParentId: image.parent ?? '',
      RepoDigests: digests.length > 0 ? digests : null,
      RepoTags: tags.length > 0 ? tags : null,
      SharedSize: shared?.get(image) ?? -1,
      Size: image.size,
    }));
}

function containersOf({ registry }: EngineContext, { id }: Image): number {
  return registry.all().filter((container) => container.record.imageId === id).length;
}

/** What the filters for times and labels let through. An image that does not say when it was made is at no time. */
function selection(context: EngineContext, filters: Filters): (image: Image) => boolean {
  const madeAt = (name: string) => createdAt(context.images.get(name)) ?? [];
  const before = least([...(filters['before'] ?? []).flatMap(madeAt), ...(filters['until'] ?? []).map(parseTimestamp)]);
  const since = least((filters['since'] ?? []).flatMap(madeAt).map((time) => -time));
  const wantsLabels = (filters['label'] ?? []).length > 0;
  return (image) => {
    const created = createdAt(image);
    if (before !== undefined && (created === undefined || created >= before)) return false;
    if (since !== undefined && (created === undefined || created <= -since)) return false;
    return !wantsLabels || (image.config.config !== undefined && labelsMatch(image, filters));
  };
}

const least = (times: readonly bigint[]) =>
  times.reduce<bigint | undefined>((low, time) => (low === undefined || time < low ? time : low), undefined);

/** The names of an image that a pattern of the filter `reference` is for. */
export const namesMatching = ({ repoTags, repoDigests }: Image, patterns: readonly string[]): readonly string[] => matching([...repoTags, ...repoDigests], { reference: [...patterns] });

/** The names that the filter `reference` lets through: a pattern is for the whole name, or for it without its tag. */
function matching(names: readonly string[], filters: Filters): readonly string[] {
  const patterns = filters['reference'];
  if (patterns === undefined || patterns.length === 0) return names;
  return names.filter((name) => patterns.some((pattern) => pathMatch(pattern, name) || pathMatch(pattern, withoutTag(name))));
}

function withoutTag(name: string): string {
  const { tag, digest } = parseReference(name);
  return name.slice(0, name.length - (tag === undefined ? 0 : tag.length + 1) - (digest === undefined ? 0 : digest.length + 1));
}

/** Nameless images are shown when nothing was made from them, or when all are asked for. */
function isShown(context: EngineContext, { all, filters }: ImageListRequest, image: Image, tags: number, digests: number): boolean {
  const danglingOnly = booleanFilter(filters, 'dangling', false);
  const isParent = context.images.children(image.id).length > 0;
  if (danglingOnly && isParent) return false;
  if (tags > 0 || digests > 0) return !(danglingOnly && tags > 0);
  if (filters['dangling'] !== undefined && !danglingOnly) return false;
  return (filters['reference'] ?? []).length === 0 && (all || !isParent);
}

/** Bytes of each image in layers that another image has, too. */
function sharedSizes({ storage }: EngineContext, images: readonly Image[]): Map<Image, number> {
  const users = new Map<string, number>();
  const layersOf = (image: Image) => layerChain(storage, image.topLayer);
  for (const image of images) for (const { chainId } of layersOf(image)) users.set(chainId, (users.get(chainId) ?? 0) + 1);
  const shared = (image: Image) => layersOf(image).filter(({ chainId }) => (users.get(chainId) ?? 0) > 1);
  return new Map(images.map((image) => [image, shared(image).reduce((sum, { size }) => sum + size, 0)]));
}
