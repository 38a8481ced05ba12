/** The thread that compresses blocks: `gzip.ts` starts it and sends them. Executed, not imported. */
import { parentPort } from 'node:worker_threads';
import { gzipBlock } from '../linux/ffi/gzip.ts';
import type { Batch } from './batches.ts';

/** The answer to each block, in their order. */
export interface Compressed {
  /** Its member of a gzip file. */
  readonly member: Batch;
  /** Its buffer, which is free again. */
  readonly block: ArrayBuffer;
}

parentPort?.on('message', (block: Batch) => {
  const member = gzipBlock(block);
  const answer: Compressed = { member, block: block.buffer };
  parentPort?.postMessage(answer, [member.buffer, block.buffer]);
});
