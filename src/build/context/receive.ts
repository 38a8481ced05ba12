/** A build context: a tar, compressed or not, in a directory of its own. Whatever is in it stays in there. */
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { untar } from '../../storage/untar.ts';

/** Owners do not count, and devices have no place in a context. Rejects with invalid-parameter for a bad archive. */
export async function receiveContext(directory: string, archive: AsyncIterable<Uint8Array>): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await untar(fd, archive, {
      keepRoot: true,
      owner: () => ({ uid: 0, gid: 0 }),
      leaveOut: ({ type }) => type === 'character-device' || type === 'block-device',
    });
  } finally {
    closeSync(fd);
  }
}
