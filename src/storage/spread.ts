/** Directories whose entries are independent trees. */
import { mkdirSync } from 'node:fs';
import { addInodeFlags, inodeFlag } from '../linux/ffi/inode-flags.ts';
import { SystemCallError } from '../linux/ffi/libc.ts';

/** File systems without such a flag, or that refuse it (overlayfs, the user's own). */
const without = new Set(['ENOTTY', 'EOPNOTSUPP', 'EINVAL', 'EPERM', 'ENOSYS']);

/**
 * Makes the directory, and says to ext4 that what is in it is not related (`chattr +T`): each tree gets a block group of its own.
 * Otherwise new trees are put where old ones were removed, and there ext4 passes over every inode that was freed in the last
 * seconds, one by one, for each file that is made (`recently_deleted` in fs/ext4/ialloc.c): ten times slower.
 */
export function makeSpread(directory: string, mode: number): void {
  mkdirSync(directory, { recursive: true, mode });
  try {
    addInodeFlags(directory, inodeFlag.FS_TOPDIR_FL);
  } catch (error) {
    if (!(error instanceof SystemCallError && without.has(error.code))) throw error;
  }
}
