/** How much a compressed layer may become: a few kilobytes can hold terabytes of zeros. */
import { invalidParameter } from '../errors.ts';

/** gzip cannot do better (zlib's technical details); zstd can, without bound. */
const maxRatio = 1032;
/** Whatever the ratio. Bytes. */
const freeExpansion = 1024 * 1024 * 1024;

/** Passes decompressed content on; throws invalid-parameter when it grows beyond what its compressed size can honestly hold. */
export async function* limitExpansion(content: AsyncIterable<Uint8Array>, compressed: number, free = freeExpansion): AsyncGenerator<Uint8Array> {
  const limit = Math.max(free, compressed * maxRatio);
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > limit) throw invalidParameter(`the layer expands to more than ${limit} bytes from ${compressed}`);
    yield chunk;
  }
}
