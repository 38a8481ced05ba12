/**
 * The driver for file systems that can do nothing: each root is a copy of what its layers show (sharing data where the file system
 * can). Slow and large, and works everywhere.
 *
 *     vfs/<id>/{tree,shifted}   a container's root
 */
import { closeSync, constants, mkdirSync, openSync, readdirSync } from 'node:fs';
import { copyTree } from './copy-tree.ts';
import type { Digest, DriverParts, LayerInfo, RootOptions, StorageDriver, TreeRoot } from './driver.ts';
import { LayerStore } from './layer-store.ts';
import { packChanges } from './pack-changes.ts';
import type { PackOptions } from './pack.ts';
import { discardTree, removeTree } from './remove.ts';
import { vfsSize } from './root-size.ts';
import { makeSpread } from './spread.ts';

export class VfsDriver extends LayerStore implements StorageDriver {
  readonly name = 'vfs';
  readonly ids = { onDisk: 'container', inView: 'container' } as const;
  readonly #parts: DriverParts;
  readonly #roots: string;

  constructor(parts: DriverParts) {
    super(parts.dataRoot, parts.database);
    this.#parts = parts;
    this.#roots = `${parts.dataRoot}/vfs`;
    makeSpread(this.#roots, 0o710);
  }

  status(): null {
    return null;
  }

  roots(): string[] {
    return readdirSync(this.#roots);
  }

  async commitRoot(id: string, topLayer: Digest | null, owner?: PackOptions['owner']): Promise<LayerInfo | undefined> {
    const changes = packChanges(this.root(id, topLayer), owner ? { owner } : {});
    return changes && this.unpack(topLayer, changes);
  }

  async createRoot(id: string, topLayer: Digest | null, { storageOptions, plain = false }: RootOptions): Promise<void> {
    const { quotas, bounds } = this.#parts;
    const size = vfsSize(storageOptions, quotas !== undefined, bounds);
    const { path, lowerDirs } = this.root(id, topLayer);
    if (size > 0 && quotas) quotas.make(`${this.#roots}/${id}`, size);
    else mkdirSync(`${this.#roots}/${id}`, { mode: 0o710 });
    try {
      mkdirSync(path, { mode: 0o755 });
      await layLayers(plain ? lowerDirs.slice(0, -1) : lowerDirs, path);
    } catch (error) {
      await removeTree(`${this.#roots}/${id}`);
      throw error;
    }
  }

  root(id: string, topLayer: Digest | null): TreeRoot {
    const own = `${this.#roots}/${id}`;
    return { kind: 'tree', path: `${own}/tree`, shiftedDir: `${own}/shifted`, lowerDirs: this.lowerDirs(topLayer) };
  }

  removeRoot(id: string): Promise<void> {
    this.#parts.quotas?.release(`${this.#roots}/${id}`);
    return discardTree(`${this.#roots}/${id}`);
  }
}

/** Lays layers, topmost first, over what is in a directory. */
export async function layLayers(layers: readonly string[], path: string): Promise<void> {
  const target = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const layer of layers.toReversed()) {
      const source = openSync(layer, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        await copyTree(source, target, { whiteouts: 'apply' });
      } finally {
        closeSync(source);
      }
    }
  } finally {
    closeSync(target);
  }
}
