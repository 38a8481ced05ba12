/** A layer's archive again, which fails when it is not the one that came in. */
import { createHash } from 'node:crypto';
import { systemError } from '../errors.ts';
import type { Digest } from '../storage/digest.ts';
import type { StorageDriver } from '../storage/driver.ts';

/** `operation` is what it is read for. */
export async function* checkedLayer(storage: StorageDriver, chainId: Digest, diffId: Digest, operation: 'save image' | 'push image'): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of storage.pack(chainId)) {
    hash.update(chunk);
    yield chunk;
  }
  if (`sha256:${hash.digest('hex')}` !== diffId) {
    throw systemError(`the layer ${diffId} was changed on disk and cannot be ${operation === 'save image' ? 'saved' : 'pushed'}`, { operation, object: diffId });
  }
}
