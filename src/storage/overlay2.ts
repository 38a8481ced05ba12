/**
 * The overlayfs storage driver: a container's root is an upper directory over its layers, mounted by its plan.
 *
 *     overlay/<id>/{diff,work,merged}   a container's root
 */
import type { Digest, DriverParts, LayerInfo, OverlayRoot, RootOptions, StorageDriver } from './driver.ts';
import { LayerStore } from './layer-store.ts';
import { OverlayDirectories } from './overlay-directories.ts';
import type { PackOptions } from './pack.ts';
import { fileSystemName } from './file-systems.ts';
import { overlaySize } from './root-size.ts';

export class Overlay2Driver extends LayerStore implements StorageDriver {
  readonly name = 'overlay2';
  readonly ids = { onDisk: 'host', inView: 'host' } as const;
  readonly #parts: DriverParts;
  readonly #directories: OverlayDirectories;

  constructor(parts: DriverParts) {
    super(parts.dataRoot, parts.database);
    this.#parts = parts;
    this.#directories = new OverlayDirectories(`${parts.dataRoot}/overlay`, parts.quotas);
  }

  status() {
    return [
      ['Backing Filesystem', fileSystemName(this.#parts.dataRoot)], ['Supports d_type', 'true'], ['Using metacopy', 'false'],
      ['Native Overlay Diff', 'true'], ['userxattr', 'false'],
    ] as const;
  }

  roots(): string[] {
    return this.#directories.ids();
  }

  commitRoot(id: string, topLayer: Digest | null, owner?: PackOptions['owner']): Promise<LayerInfo | undefined> {
    return this.#directories.commit(this, id, topLayer, owner ? { owner } : {});
  }

  async createRoot(id: string, _topLayer: Digest | null, { owner, storageOptions }: RootOptions): Promise<void> {
    const { quotas, bounds } = this.#parts;
    this.#directories.create(id, owner, overlaySize(storageOptions, quotas !== undefined, bounds));
  }

  root(id: string, topLayer: Digest | null): OverlayRoot {
    return { kind: 'overlay', lowerDirs: this.lowerDirs(topLayer), ...this.#directories.paths(id), cwd: this.layersRoot };
  }

  removeRoot(id: string): Promise<void> {
    return this.#directories.remove(id);
  }
}
