/** The directories of roots that are an upper directory over layers. */
import { chownSync, mkdirSync, readdirSync } from 'node:fs';
import type { DirectoryQuotas } from '../linux/directory-quotas.ts';
import type { Digest, LayerInfo, OverlayRoot, RootOptions } from './driver.ts';
import type { LayerStore } from './layer-store.ts';
import { packDirectory, type PackOptions } from './pack.ts';
import { discardTree } from './remove.ts';
import { makeSpread } from './spread.ts';

export class OverlayDirectories {
  readonly #roots: string;
  readonly #quotas: DirectoryQuotas | undefined;

  /** `quotas`: where roots may be limited. */
  constructor(roots: string, quotas?: DirectoryQuotas) {
    this.#roots = roots;
    this.#quotas = quotas;
    makeSpread(roots, 0o710);
  }

  ids(): string[] {
    return readdirSync(this.#roots);
  }

  paths(id: string): Pick<OverlayRoot, 'upperDir' | 'workDir' | 'mergedDir'> {
    const own = `${this.#roots}/${id}`;
    return { upperDir: `${own}/diff`, workDir: `${own}/work`, mergedDir: `${own}/merged` };
  }

  /** `size`: bytes that may be written; 0 is without limit. */
  create(id: string, owner: RootOptions['owner'], size = 0): void {
    const { upperDir, workDir, mergedDir } = this.paths(id);
    // overlayfs moves files from one to the other, which only directories of the same project allow.
    if (size > 0 && this.#quotas) this.#quotas.make(`${this.#roots}/${id}`, size);
    else mkdirSync(`${this.#roots}/${id}`, { mode: 0o710 });
    mkdirSync(upperDir, { mode: 0o755 });
    mkdirSync(workDir, { mode: 0o700 });
    mkdirSync(mergedDir, { mode: 0o700 });
    if (owner.uid !== 0 || owner.gid !== 0) chownSync(upperDir, owner.uid, owner.gid);
  }

  /** What has been written into the upper directory, as a layer; undefined when that is nothing. */
  async commit(layers: LayerStore, id: string, topLayer: Digest | null, options: Omit<PackOptions, 'whiteouts'>): Promise<LayerInfo | undefined> {
    const { upperDir } = this.paths(id);
    if (readdirSync(upperDir).length === 0) return undefined;
    return layers.unpack(topLayer, packDirectory(upperDir, { whiteouts: 'overlay', ...options }));
  }

  remove(id: string): Promise<void> {
    this.#quotas?.release(`${this.#roots}/${id}`);
    return discardTree(`${this.#roots}/${id}`);
  }
}
