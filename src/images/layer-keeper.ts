/** Which layers must stay: those of images, those of containers' roots, and those that work in progress holds. */
import type { Digest } from '../storage/digest.ts';
import type { StorageDriver } from '../storage/driver.ts';

export class LayerKeeper {
  readonly #driver: StorageDriver;
  readonly #inUse: () => Iterable<Digest>;
  readonly #held = new Map<Digest, number>();

  /** `inUse` answers the top layers of images and roots. */
  constructor(driver: StorageDriver, inUse: () => Iterable<Digest>) {
    this.#driver = driver;
    this.#inUse = inUse;
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
    const { removed, discard } = this.forget(top);
    await discard();
    return removed;
  }

  /**
   * The same in two steps, for a transaction that takes away what needed the layers: their rows go now, their files when
   * `discard` is called after it. `gone` are those that the same transaction has forgotten before.
   */
  forget(top: Digest | null, gone: ReadonlySet<Digest> = new Set()): { removed: Digest[]; discard: () => Promise<void> } {
    const needed = this.#needed();
    const layers = this.#driver.layers();
    const removed: Digest[] = [];
    for (let next = top; next !== null && !needed.has(next);) {
      const layer = this.#driver.layer(next);
      const hasOtherChild = layers.some(
        ({ parent, chainId }) => parent === next && !removed.includes(chainId) && !gone.has(chainId),
      );
      if (!layer || hasOtherChild) break;
      removed.push(next);
      next = layer.parent;
    }
    return { removed, discard: this.#driver.forgetLayers(removed) };
  }

  /** Layers that nothing needs. */
  unneeded(): Digest[] {
    const needed = this.#needed();
    return this.#driver.layers().map(({ chainId }) => chainId).filter((layer) => !needed.has(layer));
  }

  /** Removes the layers that a crash has left without an image. */
  async sweep(): Promise<void> {
    for (const { chainId } of this.#driver.layers()) await this.free(chainId);
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
