/** From a root of the storage driver to what a plan mounts. */
import type { RootSource } from '../runtime/compile.ts';
import type { RootDescription } from '../storage/driver.ts';

/** Whatever the kernel's defaults are: a writable layer must be a plain difference, readable without its mount. */
const overlayOptions = ['index=off', 'redirect_dir=off', 'metacopy=off'];

interface RootUse {
  /** By a container with a user namespace of its own. */
  readonly remapped: boolean;
  /** Nothing is to be written, which is cheaper for an overlay. */
  readonly readOnly?: boolean;
}

export function rootSource(root: RootDescription, { remapped, readOnly = false }: RootUse): RootSource {
  if (root.kind === 'tree') return remapped ? { kind: 'directory', path: root.shiftedDir, idmapped: root.path } : { kind: 'directory', path: root.path };
  return root.mountedBy === 'driver' ? { kind: 'directory', path: root.mergedDir, mounted: true } : { ...root, options: overlayOptions, readOnly };
}
