/** Which layers must stay: those of images, those of containers' roots, and those that work in progress holds. */
import type { Digest } from '../storage/digest.ts';
import type { StorageDriver } from '../storage/driver.ts';

export class LayerKeeper {
  readonly #driver: StorageDriver;
  readonly #inUse: () => Iterable<Digest>;
  readonly #held = new Map<Digest, number>();
  /** Layers from before this start, until they were looked through once for such that a crash left without an image. */
  #inherited: Digest[];

  /** `inUse` answers the top layers of images and roots. */
  constructor(driver: StorageDriver, inUse: () => Iterable<Digest>) {
    this.#driver = driver;
    this.#inUse = inUse;
    this.#inherited = driver.layers().map((layer) => layer.chainId);
  }

  /** Keeps a layer and its ancestors until the returned function is called. */
  hold(layer: Digest): () => void {
    this.#held.set(layer, (this.#held.get(layer) ?? 0) + 1);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      const left = this.#held.get(layer)! - 1;
      if (left === 0) this.#held.delete(layer);
      else this.#held.set(layer, left);
    };
  }

  /**
   * Removes a layer, and then its ancestors, as far down as nothing needs them. Answers what was removed, topmost
   * first.
   */
  async free(top: Digest | null): Promise<Digest[]> {
    const inherited = this.#inherited.splice(0);
    for (const chainId of inherited) await this.#freeChain(chainId);
    return this.#freeChain(top);
  }

  async #freeChain(top: Digest | null): Promise<Digest[]> {
    const needed = this.#needed();
    const layers = this.#driver.layers();
    const removed: Digest[] = [];
    for (let next = top; next !== null && !needed.has(next);) {
      const layer = this.#driver.layer(next);
      const hasOtherChild = layers.some(({ parent, chainId }) => parent === next && !removed.includes(chainId));
      if (!layer || hasOtherChild) break;
      removed.push(next);
      next = layer.parent;
    }
    // The rows of all go at once, before the first file does: nothing may start to use a lower one meanwhile.
    await Promise.all(removed.map((chainId) => this.#driver.removeLayer(chainId)));
    return removed;
  }

  #needed(): Set<Digest> {
    const needed = new Set<Digest>();
    for (const top of [...this.#inUse(), ...this.#held.keys()]) {
      for (
        let next: Digest | null = top;
        next !== null && !needed.has(next);
        next = this.#driver.layer(next)?.parent ?? null
      )
        needed.add(next);
    }
    return needed;
  }
}
