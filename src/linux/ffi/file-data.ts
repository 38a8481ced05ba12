/** The data of files: shared between two of them, and where holes are. */
import { bindLibc, checked, lastErrno, SystemCallError } from './libc.ts';
import { errno as errnos } from '../errno.ts';

const { ioctl } = bindLibc({ ioctl: { args: ['i32', 'u64', 'i64'], returns: 'i32' } });
const { lseek } = bindLibc({ lseek: { args: ['i32', 'i64', 'i32'], returns: 'i64' } });

/** linux/fs.h: _IOW(0x94, 9, int). */
const FICLONE = 0x40049409n;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** File systems that cannot share data, or not between these two files (ioctl_ficlone(2)). */
const cannotShare = new Set<number>([errnos.EOPNOTSUPP, errnos.ENOTTY, errnos.EXDEV, errnos.EINVAL, errnos.EPERM, errnos.ENOSYS, errnos.ETXTBSY]);

/** Makes an empty file share all data of another until one of them is written to (FICLONE); false where that cannot be. */
export function shareData(to: number, from: number): boolean {
  if (ioctl(to, FICLONE, BigInt(from)) === 0) return true;
  const errno = lastErrno();
  if (cannotShare.has(errno)) return false;
  throw new SystemCallError('ioctl FICLONE', errno);
}

/** Where the next data begin at or after an offset; undefined when there is only a hole up to the end of the file. */
export function nextData(fd: number, offset: number): number | undefined {
  const found = Number(lseek(fd, BigInt(offset), SEEK_DATA));
  if (found >= 0) return found;
  const errno = lastErrno();
  if (errno === errnos.ENXIO) return undefined;
  throw new SystemCallError('lseek SEEK_DATA', errno);
}

/** Where the next hole begins at or after an offset; the end of the file counts as one. */
export function nextHole(fd: number, offset: number): number {
  return checked(Number(lseek(fd, BigInt(offset), SEEK_HOLE)), 'lseek SEEK_HOLE');
}
