/**
 * One layer's archive into a directory, and its digest. A large one is unpacked in a thread of its own, so that reading and
 * hashing go on meanwhile and requests are answered; a small one is there before a thread would be.
 */
import { createHash } from 'node:crypto';
import { type Batch, batchesOf } from './batches.ts';
import type { Digest } from './driver.ts';
import { type LayerTarget, LayerUnpacking, unpackError } from './layer-unpacking.ts';
import { Pace } from './pace.ts';
import { batchBuffers, unpackThreads } from './unpack-threads.ts';

export interface Unpacked {
  readonly diffId: Digest;
  /** Bytes of its regular files. */
  readonly size: number;
}

/**
 * Unpacks an uncompressed archive into a new directory. Rejects with invalid-parameter for a bad archive; what is in the
 * directory then is the caller's to remove, and nothing writes into it any more.
 */
export async function unpackLayer(target: LayerTarget, tar: AsyncIterable<Uint8Array>): Promise<Unpacked> {
  const hash = createHash('sha256');
  const batches = hashing(batchesOf(tar, batchBuffers), hash);
  const first = await batches.next();
  const all = first.done === true ? batches : startingWith(first.value, batches);
  const isLarge = first.done !== true && first.value.length === batchBuffers.size;
  const thread = isLarge ? unpackThreads.take() : undefined;
  const size = await (thread === undefined ? unpackHere(target, all) : thread.unpack(target, all));
  return { diffId: `sha256:${hash.digest('hex')}`, size };
}

async function* hashing(batches: AsyncIterable<Batch>, hash: { update(bytes: Uint8Array): unknown }): AsyncGenerator<Batch, void> {
  for await (const batch of batches) {
    hash.update(batch);
    yield batch;
  }
}

async function* startingWith<Item>(first: Item, rest: AsyncIterable<Item>): AsyncGenerator<Item, void> {
  yield first;
  yield* rest;
}

/** As `UnpackThread.unpack`. Yields to the event loop. */
async function unpackHere(target: LayerTarget, batches: AsyncIterable<Batch>): Promise<number> {
  const unpacking = new LayerUnpacking(target);
  try {
    const pace = new Pace();
    for await (const batch of batches) {
      unpacking.feed(batch);
      while (unpacking.step()) if (pace.due) await pace.breathe();
      unpacking.detach();
      batchBuffers.give(batch.buffer);
    }
    return unpacking.finish();
  } catch (error) {
    throw unpackError(error, unpacking.current);
  } finally {
    unpacking.close();
  }
}
