/** Removal of subvolumes of btrfs, with those that a container has made inside of its own. */
import { closeSync, constants, openSync, readdirSync } from 'node:fs';
import { destroySubvolume, forgetQuotaGroup, subvolumeId, subvolumeInode } from '../linux/ffi/btrfs.ts';
import { openAt } from '../linux/ffi/files.ts';
import { type PathLike, SystemCallError } from '../linux/ffi/libc.ts';
import { statAt } from '../linux/ffi/stat.ts';
import { Pace } from './pace.ts';
import { unlessGone } from './paths.ts';
import { removeTree } from './remove.ts';

const openOneDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Removes `name` in a directory (absolute). A missing one is right; one that is an ordinary directory goes, too. */
export async function removeSubvolume(directory: string, name: string): Promise<void> {
  const parent = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const fd = unlessGone(() => openAt(parent, name, openOneDirectory));
    if (fd === undefined) return;
    try {
      if (destroyed(parent, name, fd)) return;
      const pace = new Pace();
      const steps = destroyNested(fd, 0);
      while (!steps.next().done) if (pace.due) await pace.breathe();
      if (destroyed(parent, name, fd)) return;
    } finally {
      closeSync(fd);
    }
    // Nested deeper than is looked for, or no subvolume at all: emptied, a subvolume can be removed like a directory (kernel 4.18).
    await removeTree(`${directory}/${name}`);
  } finally {
    closeSync(parent);
  }
}

/** False when it has others in it, or is none. */
function destroyed(parent: number, name: PathLike, fd: number): boolean {
  try {
    const id = subvolumeId(fd);
    destroySubvolume(parent, name);
    forgetQuotaGroup(parent, id);
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && ['ENOTEMPTY', 'EINVAL', 'ENOTTY', 'EPERM'].includes(error.code)) return false;
    throw error;
  }
}

/** A tree made to be deep is left to `removeTree`. */
const maxDepth = 64;

/** Subvolumes below, the innermost first. A read-only one can be destroyed whole, but not emptied. */
function* destroyNested(directory: number, depth: number): Generator<void> {
  if (depth > maxDepth) return;
  for (const name of readdirSync(`/proc/self/fd/${directory}`, 'buffer') as Buffer[]) {
    yield;
    const fd = unlessGone(() => openAt(directory, name, openOneDirectory));
    if (fd === undefined) continue;
    try {
      yield* destroyNested(fd, depth + 1);
      if (statAt(fd, '').inode === subvolumeInode) destroyed(directory, name, fd);
    } finally {
      closeSync(fd);
    }
  }
}
