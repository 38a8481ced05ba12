/** What solving a vertex gives. */
import type { Digest, StorageDriver } from '../../storage/driver.ts';

export type Result =
  /** A stack of layers; null: the empty tree. */
  | { readonly kind: 'layers'; readonly topLayer: Digest | null }
  /** A directory that lives as long as the build. */
  | { readonly kind: 'directory'; readonly path: string };

/** The directories that a result shows, topmost first, for `lookUp`. */
export function directoriesOf(storage: StorageDriver, result: Result): string[] {
  if (result.kind === 'directory') return [result.path];
  const directories: string[] = [];
  for (let next = result.topLayer; next !== null;) {
    const layer = storage.layer(next);
    if (layer === undefined) throw new Error(`layer ${next} went away`);
    directories.push(layer.path);
    next = layer.parent;
  }
  return directories;
}
