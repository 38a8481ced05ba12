/** The classic exporter: an image for each step, on the image of the step before. */
import type { ImageConfigJson, ImageService } from '../../images/service.ts';
import type { Digest, StorageDriver } from '../../storage/driver.ts';
import type { BuildCacheStore } from '../../store/build-cache.ts';
import { version } from '../../version.ts';
import { contentMark, type Step } from '../frontend/step.ts';
import { keyOf } from '../solver/cache-key.ts';
import type { Platform } from '../../images/platform.ts';

/** An image while a stage goes on; the id is empty for none. */
export interface StepImage {
  readonly id: Digest | '';
  readonly config: ImageConfigJson | undefined;
  readonly topLayer: Digest | null;
}

export const noImage: StepImage = { id: '', config: undefined, topLayer: null };

export interface StepImagesParts {
  readonly images: Pick<ImageService, 'add'>;
  readonly storage: StorageDriver;
  readonly cache: BuildCacheStore;
  readonly platform: Platform;
}

export class StepImages {
  readonly #parts: StepImagesParts;

  constructor(parts: StepImagesParts) {
    this.#parts = parts;
  }

  /**
   * When a step that only changes the configuration was taken on the same image before; undefined when it was not, or nothing known
   * is to count. What is not known is known from now on.
   */
  timeOf(parent: StepImage, step: Step, noCache: boolean): { readonly createdAt: number; readonly cached: boolean } {
    const { cache } = this.#parts;
    const parts = { kind: 'step', parent: parent.id, createdBy: step.createdBy, config: JSON.stringify(step.config), author: step.author };
    const key = keyOf(parts);
    const known = noCache ? undefined : cache.get(key);
    const now = Date.now();
    if (known) {
      cache.used(key, now);
      return { createdAt: known.createdAt, cached: true };
    }
    cache.put({
      key, topLayer: null, hasTree: false, description: step.text, parts: JSON.stringify(parts), content: '', size: 0, createdAt: now, usedAt: now, uses: 0,
    });
    return { createdAt: now, cached: false };
  }

  /** The image after a step. The same step on the same image at the same time is the same image. */
  add(parent: StepImage, step: Step, tree: { readonly topLayer: Digest | null; readonly createdAt: number; readonly content: string }): StepImage {
    const { images, platform } = this.#parts;
    const created = new Date(tree.createdAt).toISOString();
    const createdBy = step.createdBy.replace(contentMark, () => tree.content);
    const added = this.#diffIds(parent.topLayer, tree.topLayer);
    const author = step.author === '' ? {} : { author: step.author };
    const config: ImageConfigJson = {
      architecture: parent.config?.architecture || platform.architecture,
      ...(parent.config?.variant ? { variant: parent.config.variant } : {}),
      ...author,
      config: step.config,
      created,
      docker_version: version,
      history: [...(parent.config?.history ?? []), { created, created_by: createdBy, ...author, ...(added.length === 0 ? { empty_layer: true } : {}) }],
      os: parent.config?.os || 'linux',
      rootfs: { type: 'layers', diff_ids: [...(parent.config?.rootfs.diff_ids ?? []), ...added] },
    };
    const id = images.add({ config, topLayer: tree.topLayer, parent: parent.id === '' ? null : parent.id });
    return { id, config, topLayer: tree.topLayer };
  }

  /** The layers from one that is below on to another. */
  #diffIds(below: Digest | null, top: Digest | null): Digest[] {
    const added: Digest[] = [];
    for (let next = top; next !== null && next !== below;) {
      const layer = this.#parts.storage.layer(next)!;
      added.unshift(layer.diffId);
      next = layer.parent;
    }
    return added;
  }
}
