/** Parents that a docker-archive names for its images: `Parent` in manifest.json. */
import { isDeepStrictEqual } from 'node:util';
import { invalidParameter } from '../errors.ts';
import type { Digest } from '../storage/digest.ts';
import type { ImageTable } from './image-table.ts';
import type { ImageConfigJson } from './service.ts';

/** Sets the parents that are in the same archive. Throws invalid-parameter when one cannot be the parent. */
export function linkParents(
  images: ImageTable,
  loaded: readonly { readonly id: Digest; readonly parent: string | undefined }[],
): void {
  for (const { id, parent: parentId } of loaded) {
    const parent = loaded.find((other) => other.id === parentId && other.id !== id);
    if (!parent) continue;
    if (!isStepBefore(images.get(parent.id)!.config, images.get(id)!.config)) {
      throw invalidParameter(`image ${parent.id} is not a valid parent for ${id}`, { object: id });
    }
    images.setParent(id, parent.id);
  }
}

/** An image has its parent's history and one entry more. */
function isStepBefore(parent: ImageConfigJson, child: ImageConfigJson): boolean {
  const [before, after] = [parent.history ?? [], child.history ?? []];
  if (before.length === 0 && after.length === 0) return true;
  return after.length === before.length + 1 && before.every((entry, index) => isDeepStrictEqual(entry, after[index]));
}
