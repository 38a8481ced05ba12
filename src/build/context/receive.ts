/** A build context: a tar, compressed or not, in a directory of its own. Whatever is in it stays in there. */
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { untarInto } from '../../storage/untar.ts';
import { ContextSink } from './sink.ts';
import type { ContextTree } from './tree.ts';

/**
 * Owners do not count, and devices have no place in a context. What the tree has already is not written again; what the archive does
 * not have is removed. Rejects with invalid-parameter for a bad archive.
 */
export async function receiveContext(tree: ContextTree, archive: AsyncIterable<Uint8Array>): Promise<void> {
  mkdirSync(tree.path, { recursive: true, mode: 0o700 });
  const fd = openSync(tree.path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await untarInto(new ContextSink(fd, tree), archive);
  } finally {
    closeSync(fd);
  }
}
