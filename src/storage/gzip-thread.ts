/** The thread that compresses blocks: `gzip.ts` starts it and sends them. Executed, not imported. */
import { parentPort } from 'node:worker_threads';
import { gzipBlock } from '../linux/ffi/gzip.ts';
import type { Batch } from './batches.ts';

/** Every block is answered, in their order, by its member of a gzip file. Buffers go with the messages. */
parentPort?.on('message', (block: Batch) => {
  const member = gzipBlock(block);
  parentPort?.postMessage(member, [member.buffer]);
});
