/** What the operations on images share, and how they tell what they have done. */
import type { Digest } from '../storage/digest.ts';
import type { StorageDriver } from '../storage/driver.ts';
import type { BlobDownloads } from './blob-downloads.ts';
import type { ImageTable } from './image-table.ts';
import type { LayerBlobTable } from './layer-blob-table.ts';
import type { LayerKeeper } from './layer-keeper.ts';
import { familiar, familiarName, type Reference } from './reference.ts';
import type { Registries } from './registry/registries.ts';
import type { ImageAction, ImageConfigJson, ImageListener } from './service.ts';

export interface ImageContext {
  readonly storage: StorageDriver;
  readonly images: ImageTable;
  readonly keeper: LayerKeeper;
  readonly listener: ImageListener;
  /** Where archives are put aside. */
  readonly temporaryRoot: string;
  readonly registries: Registries;
  readonly downloads: BlobDownloads;
  readonly layerBlobs: LayerBlobTable;
  /** Layers that are being unpacked right now, by chain id: whoever wants the same one waits. */
  readonly unpacking: Map<Digest, Promise<unknown>>;
}

/** Now, in RFC 3339 with microseconds: images made one after the other are in order. */
export function timestamp(): string {
  const microseconds = Math.round((performance.timeOrigin + performance.now()) * 1000);
  return new Date(microseconds / 1000).toISOString().replace('Z', `${String(microseconds % 1000).padStart(3, '0')}Z`);
}

/** Tells of an image that is there; one that has just been deleted has no labels any more. */
export function tell(context: ImageContext, action: ImageAction, id: Digest, name: string = id): void {
  const labels = context.images.get(id)?.config.config?.['Labels'] as Record<string, string> | null | undefined;
  context.listener(action, id, { ...labels, name });
}

/** An image that was made here, with its name, in one transaction. */
export function addImage(
  context: ImageContext,
  image: { id: Digest; config: ImageConfigJson; topLayer: Digest | null; parent: Digest | null; lastTagTime: string },
  bytes: Uint8Array,
  reference: Reference | undefined,
): void {
  const { images } = context;
  images.transaction(() => {
    if (!images.get(image.id)) images.add(image, bytes);
    if (reference) nameImage(context, reference, image.id);
  });
}

/** Gives an image a name, as `docker tag` does. */
export function nameImage({ images }: ImageContext, reference: Reference, id: Digest): void {
  images.tag(reference, id);
  images.setLastTagTime(id, timestamp());
}

export function tellTag(context: ImageContext, reference: Reference, id: Digest): void {
  tell(context, 'tag', id, familiar(reference));
}

/** Tells of a pull or push: its subject is a reference. */
export function tellTransfer(context: ImageContext, action: 'pull' | 'push', reference: Reference): void {
  const image = context.images.byReference(reference.digest === undefined ? reference : { ...reference, tag: undefined });
  const labels = image && (context.images.get(image)?.config.config?.['Labels'] as Record<string, string> | null | undefined);
  context.listener(action, familiar(reference), { ...labels, name: familiarName(reference.name) });
}
