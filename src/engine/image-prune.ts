/** `docker image prune`. */
import { conflict, invalidParameter, isClass } from '../errors.ts';
import type { Image, RemovedImage } from '../images/service.ts';
import type { EngineContext } from './context.ts';
import type { Filters } from './engine.ts';
import { parseTimestamp } from './go-timestamp.ts';
import { booleanFilter, createdAt, labelsMatch } from './image-filters.ts';
import { usersOf } from './image-users.ts';

export interface ImagePruneReport {
  readonly ImagesDeleted: RemovedImage[] | null;
  /** Bytes. */
  readonly SpaceReclaimed: number;
}

/** One at a time: a second one would fight over the same images. */
export function createImagePruner(context: EngineContext): (filters: Filters) => Promise<ImagePruneReport> {
  let running = false;
  return async (filters) => {
    if (running) throw conflict('a prune operation is already running');
    running = true;
    try {
      return await pruneImages(context, filters);
    } finally {
      running = false;
    }
  };
}

async function pruneImages(context: EngineContext, filters: Filters): Promise<ImagePruneReport> {
  const danglingOnly = booleanFilter(filters, 'dangling', true);
  const until = untilBound(filters['until']);
  const { images, storage } = context;
  const sizes = new Map<string, number>(storage.layers().map(({ chainId, size }) => [chainId, size]));
  const deleted: RemovedImage[] = [];
  for (const image of images.list()) {
    const created = createdAt(image);
    if (until !== undefined && (created === undefined || created > until)) continue;
    if (!labelsMatch(image, filters)) continue;
    for (const name of namesToRemove(context, image, danglingOnly)) deleted.push(...await removed(context, name));
  }
  const reclaimed = deleted.reduce((sum, { Deleted: id }) => sum + (id === undefined ? 0 : (sizes.get(id) ?? 0)), 0);
  context.events.publish('image', 'prune', '', { reclaimed: String(reclaimed) });
  return { ImagesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed };
}

/** By what an image is to be removed: each of its names, or its id. Nothing for one that stays. */
function namesToRemove({ images }: EngineContext, image: Image, danglingOnly: boolean): readonly string[] {
  const isParent = images.children(image.id).length > 0;
  if (danglingOnly && (isParent || image.repoTags.length > 0)) return [];
  const names = [...image.repoTags, ...image.repoDigests];
  return names.length > 0 ? names : isParent ? [] : [image.id];
}

/** What is used, or has gone meanwhile, is passed over. */
async function removed(context: EngineContext, name: string): Promise<RemovedImage[]> {
  try {
    return await context.images.remove(name, { force: false, prune: true }, usersOf(context));
  } catch (error) {
    if (!isClass(error, 'conflict') && !isClass(error, 'not-found')) context.logger.warn('cannot prune an image', { object: name, error });
    return [];
  }
}

function untilBound(values: readonly string[] | undefined): bigint | undefined {
  if (values === undefined || values.length === 0) return undefined;
  if (values.length > 1) throw invalidParameter('more than one until filter specified');
  return parseTimestamp(values[0]!);
}
