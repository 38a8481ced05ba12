/**
 * The overlayfs storage driver: a container's root is an upper directory over its layers, mounted by its plan.
 *
 *     overlay/<id>/{diff,work,merged}   a container's root
 */
import type { Database } from '../store/database.ts';
import type { Digest, LayerInfo, OverlayRoot, RootOptions, StorageDriver } from './driver.ts';
import { LayerStore } from './layer-store.ts';
import { OverlayDirectories } from './overlay-directories.ts';
import type { PackOptions } from './pack.ts';
import { fileSystemName } from './file-systems.ts';

export class Overlay2Driver extends LayerStore implements StorageDriver {
  readonly name = 'overlay2';
  readonly ids = { onDisk: 'host', inView: 'host' } as const;
  readonly #dataRoot: string;
  readonly #directories: OverlayDirectories;

  constructor(dataRoot: string, db: Database) {
    super(dataRoot, db);
    this.#dataRoot = dataRoot;
    this.#directories = new OverlayDirectories(`${dataRoot}/overlay`);
  }

  status() {
    return [
      ['Backing Filesystem', fileSystemName(this.#dataRoot)], ['Supports d_type', 'true'], ['Using metacopy', 'false'],
      ['Native Overlay Diff', 'true'], ['userxattr', 'false'],
    ] as const;
  }

  roots(): string[] {
    return this.#directories.ids();
  }

  commitRoot(id: string, topLayer: Digest | null, owner?: PackOptions['owner']): Promise<LayerInfo | undefined> {
    return this.#directories.commit(this, id, topLayer, owner ? { owner } : {});
  }

  async createRoot(id: string, _topLayer: Digest | null, { owner }: RootOptions): Promise<void> {
    this.#directories.create(id, owner);
  }

  root(id: string, topLayer: Digest | null): OverlayRoot {
    return { kind: 'overlay', lowerDirs: this.lowerDirs(topLayer), ...this.#directories.paths(id), cwd: this.layersRoot };
  }

  removeRoot(id: string): Promise<void> {
    return this.#directories.remove(id);
  }
}
