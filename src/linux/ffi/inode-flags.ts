/** Flags of inodes, as chattr(1) sets them: ioctl_iflags(2). */
import { closeSync, constants, openSync } from 'node:fs';
import { ptr } from 'bun:ffi';
import { bindLibc, checked } from './libc.ts';

const libc = bindLibc({ ioctl: { args: ['i32', 'u64', 'ptr'], returns: 'i32' } });
const flags = new Uint32Array(new ArrayBuffer(8));
const flagsPointer = ptr(flags);

/** linux/fs.h: _IOR('f', 1, long) and _IOW('f', 2, long), though the kernel takes an int. */
const FS_IOC_GETFLAGS = 0x80086601n;
const FS_IOC_SETFLAGS = 0x40086602n;

export const inodeFlag = { FS_TOPDIR_FL: 0x00020000 } as const;

/** Sets flags of a directory beside those it has. Throws SystemCallError; ENOTTY where the file system has none. */
export function addInodeFlags(directory: string, added: number): void {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    checked(libc.ioctl(fd, FS_IOC_GETFLAGS, flagsPointer), 'ioctl FS_IOC_GETFLAGS', directory);
    const present = flags[0] ?? 0;
    if ((present & added) === added) return;
    flags[0] = present | added;
    checked(libc.ioctl(fd, FS_IOC_SETFLAGS, flagsPointer), 'ioctl FS_IOC_SETFLAGS', directory);
  } finally {
    closeSync(fd);
  }
}
