/** The layers of an image. */
import type { Digest, LayerInfo, StorageDriver } from '../storage/driver.ts';

/** Topmost first. */
export function layerChain(storage: StorageDriver, top: Digest | null): LayerInfo[] {
  const chain: LayerInfo[] = [];
  for (let next = top; next !== null;) {
    const layer = storage.layer(next);
    if (!layer) break;
    chain.push(layer);
    next = layer.parent;
  }
  return chain;
}
