/**
 * SOURCE_DATE_EPOCH (reproducible-builds.org/specs/source-date-epoch): an image that does not tell when it was built, so that the same
 * sources give the same bytes. The image's own times are set; files keep theirs unless `rewrite-timestamp` is asked for.
 */
import { invalidParameter } from '../../errors.ts';
import type { ImageService } from '../../images/service.ts';
import type { Digest, StorageDriver } from '../../storage/driver.ts';
import { clampTimes } from '../../storage/tar/clamp-times.ts';
import type { StageImage } from './image-config.ts';

/** Seconds since 1970, or undefined when nothing was said. Throws invalid-parameter for what is no number. */
export function parseEpoch(text: string | null | undefined): number | undefined {
  if (text == null || text === '') return undefined;
  if (!/^-?\d{1,12}$/.test(text)) throw invalidParameter(`invalid SOURCE_DATE_EPOCH: ${text}`, { object: text });
  return Number(text);
}

/** No time of the image's own is later than `epoch`. */
export function dated(image: StageImage, epoch: number): StageImage {
  const limit = new Date(epoch * 1000).toISOString();
  const { history = [], ...config } = image.config;
  const times = history.map((entry) => (entry.created === undefined || Date.parse(entry.created) > epoch * 1000 ? { ...entry, created: limit } : entry));
  return { ...image, config: { ...config, created: limit, history: times } };
}

/** Layers that must stay until the build ends. */
export interface Clamping {
  readonly storage: StorageDriver;
  readonly images: ImageService;
  readonly atEnd: (action: () => void | Promise<void>) => void;
}

/** No file in the layers that were built is later than `epoch`; those of the base image stay as they are. */
export async function withClampedLayers({ storage, images, atEnd }: Clamping, image: StageImage, epoch: number): Promise<StageImage> {
  const own: Digest[] = [];
  for (let layer = image.topLayer; layer !== null && layer !== image.baseLayer; layer = storage.layer(layer)!.parent) own.unshift(layer);
  let topLayer = image.baseLayer;
  const diffIds = image.config.rootfs.diff_ids.slice(0, image.config.rootfs.diff_ids.length - own.length);
  for (const layer of own) {
    const { chainId, diffId } = await storage.unpack(topLayer, clampTimes(storage.pack(layer), { seconds: epoch, nanoseconds: 0 }));
    const release = images.hold(chainId);
    atEnd(async () => {
      release();
      await images.free(chainId);
    });
    topLayer = chainId;
    diffIds.push(diffId);
  }
  return { ...image, topLayer, config: { ...image.config, rootfs: { ...image.config.rootfs, diff_ids: diffIds } } };
}
