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

/** Batches that are there before it is decided who unpacks them: what is no more has been unpacked before a thread has begun. */
const batchesOfSmallLayer = 8;

/**
 * Unpacks an uncompressed archive into a new directory. Rejects with invalid-parameter for a bad archive; what is in the
 * directory then is the caller's to remove, and nothing writes into it any more.
 */
export async function unpackLayer(target: LayerTarget, tar: AsyncIterable<Uint8Array>): Promise<Unpacked> {
  const hash = createHash('sha256');
  const batches = hashing(batchesOf(tar, batchBuffers), hash);
  const head: Batch[] = [];
  while (head.length < batchesOfSmallLayer) {
    const next = await batches.next();
    if (next.done === true) break;
    head.push(next.value);
  }
  const all = startingWith(head, batches);
  const thread = head.length === batchesOfSmallLayer ? unpackThreads.take() : undefined;
  try {
    const size = await (thread === undefined ? unpackHere(target, all) : thread.unpack(target, all));
    return { diffId: `sha256:${hash.digest('hex')}`, size };
  } finally {
    // Whoever refuses the head of an archive has not begun with the rest, and cannot end it.
    await batches.return();
  }
}

async function* hashing(batches: AsyncIterable<Batch>, hash: { update(bytes: Uint8Array): unknown }): AsyncGenerator<Batch, void> {
  for await (const batch of batches) {
    hash.update(batch);
    yield batch;
  }
}

async function* startingWith<Item>(head: readonly Item[], rest: AsyncIterable<Item>): AsyncGenerator<Item, void> {
  yield* head;
  yield* rest;
}

/** As `UnpackThread.unpack`. Yields to the event loop. */
async function unpackHere(target: LayerTarget, batches: AsyncIterable<Batch>): Promise<number> {
  let unpacking: LayerUnpacking | undefined;
  try {
    unpacking = new LayerUnpacking(target);
    const pace = new Pace();
    for await (const batch of batches) {
      unpacking.feed(batch);
      while (unpacking.step()) if (pace.due) await pace.breathe();
      unpacking.detach();
      batchBuffers.give(batch.buffer);
    }
    return unpacking.finish();
  } catch (error) {
    throw unpackError(error, unpacking?.current ?? '');
  } finally {
    unpacking?.close();
  }
}
