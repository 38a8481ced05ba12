/** Calls on files that `node:fs` lacks: extended attributes, special files, exact times, directory descriptors. */
import { ptr } from 'bun:ffi';
import { constants } from 'node:fs';
import { errno as errnos } from '../errno.ts';
import {
  bindLibc, checked, fail, firstString, largeBytes, largePointer, lastErrno, pathText, secondString, syscallNumber, SystemCallError,
  type PathLike,
} from './libc.ts';

const libc = bindLibc({
  lgetxattr: { args: ['ptr', 'ptr', 'ptr', 'u64'], returns: 'i32' },
  lsetxattr: { args: ['ptr', 'ptr', 'ptr', 'u64', 'i32'], returns: 'i32' },
  fsetxattr: { args: ['i32', 'ptr', 'ptr', 'u64', 'i32'], returns: 'i32' },
  lremovexattr: { args: ['ptr', 'ptr'], returns: 'i32' },
  llistxattr: { args: ['ptr', 'ptr', 'u64'], returns: 'i32' },
  flistxattr: { args: ['i32', 'ptr', 'u64'], returns: 'i32' },
  fgetxattr: { args: ['i32', 'ptr', 'ptr', 'u64'], returns: 'i32' },
  utimensat: { args: ['i32', 'ptr', 'ptr', 'i32'], returns: 'i32' },
  openat: { args: ['i32', 'ptr', 'i32', 'u32'], returns: 'i32' },
  mkdirat: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
  unlinkat: { args: ['i32', 'ptr', 'i32'], returns: 'i32' },
  symlinkat: { args: ['ptr', 'i32', 'ptr'], returns: 'i32' },
  linkat: { args: ['i32', 'ptr', 'i32', 'ptr', 'i32'], returns: 'i32' },
  renameat: { args: ['i32', 'ptr', 'i32', 'ptr'], returns: 'i32' },
  fchownat: { args: ['i32', 'ptr', 'u32', 'u32', 'i32'], returns: 'i32' },
  fchmodat: { args: ['i32', 'ptr', 'u32', 'i32'], returns: 'i32' },
  readlinkat: { args: ['i32', 'ptr', 'ptr', 'u64'], returns: 'i32' },
  statfs: { args: ['ptr', 'ptr'], returns: 'i32' },
});
// mknodat has been a symbol of glibc since 2.33 only, openat2 of none of them.
const { syscall: syscallMknodat } = bindLibc({ syscall: { args: ['i64', 'i32', 'ptr', 'u32', 'u64'], returns: 'i32' } });
const { syscall: syscallOpenat2 } = bindLibc({ syscall: { args: ['i64', 'i32', 'ptr', 'ptr', 'u64'], returns: 'i32' } });
const numberOfMknodat = syscallNumber(259, 33);
const numberOfOpenat2 = syscallNumber(437);

/** AT_FDCWD: a relative path begins at the working directory; an absolute one needs no descriptor. */
export const currentDirectory = -100;
const atSymlinkNofollow = 0x100;
const atRemovedir = 0x200;
const atSymlinkFollow = 0x400;
const atEmptyPath = 0x1000;

/** Flags of open(2) that `node:fs` does not name; the others are `constants` there. */
export const openFlag = {
  O_PATH: 0o10000000,
  O_CLOEXEC: 0o2000000,
  O_TMPFILE: 0o20000000 | constants.O_DIRECTORY,
} as const;

/** How openat2(2) may walk a path (linux/openat2.h). */
export const resolveFlag = {
  RESOLVE_NO_XDEV: 0x01,
  RESOLVE_NO_MAGICLINKS: 0x02,
  RESOLVE_NO_SYMLINKS: 0x04,
  RESOLVE_BENEATH: 0x08,
  RESOLVE_IN_ROOT: 0x10,
} as const;

const empty = new Uint8Array(new ArrayBuffer(8));
const emptyPointer = ptr(empty);

/**
 * Reads an extended attribute of a path, not following a symlink at its end. Undefined when the file has none of that
 * name or the file system has no attributes at all. Throws SystemCallError otherwise.
 */
export function lgetxattr(path: PathLike, name: string): Uint8Array | undefined {
  const at = firstString.put(path, 'lgetxattr');
  const length = libc.lgetxattr(at, secondString.put(name, 'lgetxattr'), largePointer, largeBytes.length);
  return attributeRead(length, 'lgetxattr', path);
}

/** The same of an open file (not O_PATH). */
export function fgetxattr(fd: number, name: string): Uint8Array | undefined {
  const length = libc.fgetxattr(fd, secondString.put(name, 'fgetxattr'), largePointer, largeBytes.length);
  return attributeRead(length, 'fgetxattr', `fd ${fd}`);
}

function attributeRead(length: number, call: string, path: PathLike): Uint8Array | undefined {
  if (length >= 0) return largeBytes.slice(0, length);
  const errno = lastErrno();
  if (errno === errnos.ENODATA || errno === errnos.EOPNOTSUPP) return undefined;
  throw new SystemCallError(call, errno, pathText(path));
}

/** Sets an extended attribute of a path, not following a symlink at its end. */
export function lsetxattr(path: PathLike, name: string, value: Uint8Array): void {
  const at = firstString.put(path, 'lsetxattr');
  const data = value.length === 0 ? emptyPointer : ptr(value);
  const result = libc.lsetxattr(at, secondString.put(name, 'lsetxattr'), data, value.length, 0);
  checked(result, 'lsetxattr', path);
}

/** Sets an extended attribute of an open file (not O_PATH). */
export function fsetxattr(fd: number, name: string, value: Uint8Array): void {
  const data = value.length === 0 ? emptyPointer : ptr(value);
  checked(libc.fsetxattr(fd, firstString.put(name, 'fsetxattr'), data, value.length, 0), 'fsetxattr', `fd ${fd} ${name}`);
}

/** Removes an extended attribute; a missing one is right. */
export function lremovexattr(path: PathLike, name: string): void {
  const at = firstString.put(path, 'lremovexattr');
  if (libc.lremovexattr(at, secondString.put(name, 'lremovexattr')) < 0) {
    const errno = lastErrno();
    if (errno !== errnos.ENODATA) throw new SystemCallError('lremovexattr', errno, pathText(path));
  }
}

/**
 * Names of the extended attributes of a path, a symlink at its end not followed; none where the file system has none.
 */
export function llistxattr(path: PathLike): string[] {
  return attributeNames(libc.llistxattr(firstString.put(path, 'llistxattr'), largePointer, largeBytes.length), 'llistxattr', path);
}

/** The same of an open file (not O_PATH). */
export function flistxattr(fd: number): string[] {
  return attributeNames(libc.flistxattr(fd, largePointer, largeBytes.length), 'flistxattr', `fd ${fd}`);
}

function attributeNames(length: number, call: string, path: PathLike): string[] {
  if (length < 0) {
    const errno = lastErrno();
    if (errno === errnos.EOPNOTSUPP) return [];
    throw new SystemCallError(call, errno, pathText(path));
  }
  if (length === 0) return [];
  return Buffer.from(largePointerView(length - 1)).toString().split('\0');
}

function largePointerView(length: number): Uint8Array {
  return largeBytes.subarray(0, length);
}

/** A device number as the kernel packs it in mknod(2) and stat(2) (new_encode_dev of linux/kdev_t.h, 64-bit form). */
export function makedev(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn);
}

/**
 * Makes a special file. `mode` holds the type (S_IFCHR 0o020000, S_IFBLK 0o060000, S_IFIFO 0o010000) and permissions
 * less umask.
 */
export function mknod(path: PathLike, mode: number, major = 0, minor = 0): void {
  mknodAt(currentDirectory, path, mode, major, minor);
}

/** mknod below a directory descriptor. */
export function mknodAt(directory: number, path: PathLike, mode: number, major = 0, minor = 0): void {
  const at = firstString.put(path, 'mknod');
  checked(syscallMknodat(numberOfMknodat, directory, at, mode, makedev(major, minor)), 'mknod', path);
}

const times = new BigInt64Array(new ArrayBuffer(4096));
const timesPointer = ptr(times);
const billion = 1_000_000_000n;

/** Sets times in nanoseconds since the epoch (negative is before it), a symlink at the end not followed. */
export function utimensat(directory: number, path: PathLike, accessed: bigint, modified: bigint): void {
  putTime(0, accessed);
  putTime(2, modified);
  checked(libc.utimensat(directory, firstString.put(path, 'utimensat'), timesPointer, atSymlinkNofollow), 'utimensat', path);
}

/** `utimensat` of a path from the working directory. */
export function lutimes(path: PathLike, accessed: bigint, modified: bigint): void {
  utimensat(currentDirectory, path, accessed, modified);
}

function putTime(index: number, nanoseconds: bigint): void {
  let seconds = nanoseconds / billion;
  let rest = nanoseconds % billion;
  if (rest < 0n) {
    seconds -= 1n;
    rest += billion;
  }
  times[index] = seconds;
  times[index + 1] = rest;
}

/** openat(2), close-on-exec always. Returns a descriptor. */
export function openAt(directory: number, path: PathLike, flags: number, mode = 0): number {
  return checked(libc.openat(directory, firstString.put(path, 'openat'), flags | openFlag.O_CLOEXEC, mode), 'openat', path);
}

const openHow = new BigUint64Array(new ArrayBuffer(4096));
const openHowPointer = ptr(openHow);

/**
 * openat2(2) (kernel 5.6), close-on-exec always: opens a path under `resolve` limits (`resolveFlag`). Returns a
 * descriptor.
 */
export function openat2(directory: number, path: PathLike, flags: number, mode: number, resolve: number): number {
  openHow[0] = BigInt(flags | openFlag.O_CLOEXEC);
  openHow[1] = BigInt(mode);
  openHow[2] = BigInt(resolve);
  const at = firstString.put(path, 'openat2');
  // EAGAIN: a rename elsewhere raced with a `..`; the kernel asks for another try.
  for (let tries = 0; ; tries++) {
    const fd = syscallOpenat2(numberOfOpenat2, directory, at, openHowPointer, 24);
    if (fd >= 0) return fd;
    if (lastErrno() !== errnos.EAGAIN || tries === 128) fail('openat2', path);
  }
}

export function mkdirAt(directory: number, path: PathLike, mode: number): void {
  checked(libc.mkdirat(directory, firstString.put(path, 'mkdirat'), mode), 'mkdirat', path);
}

export function unlinkAt(directory: number, path: PathLike): void {
  checked(libc.unlinkat(directory, firstString.put(path, 'unlinkat'), 0), 'unlinkat', path);
}

export function rmdirAt(directory: number, path: PathLike): void {
  checked(libc.unlinkat(directory, firstString.put(path, 'rmdir'), atRemovedir), 'rmdir', path);
}

export function symlinkAt(target: PathLike, directory: number, path: PathLike): void {
  const to = secondString.put(target, 'symlinkat');
  checked(libc.symlinkat(to, directory, firstString.put(path, 'symlinkat')), 'symlinkat', path);
}

/** A hard link; a symlink at the end of `from` is linked itself. */
export function linkAt(fromDirectory: number, from: PathLike, directory: number, path: PathLike): void {
  const source = secondString.put(from, 'linkat');
  checked(libc.linkat(fromDirectory, source, directory, firstString.put(path, 'linkat'), 0), 'linkat', path);
}

/** Gives an open file (O_TMPFILE) a name; needs no privilege, unlike AT_EMPTY_PATH. */
export function linkFd(fd: number, directory: number, path: PathLike): void {
  const source = secondString.put(`/proc/self/fd/${fd}`, 'linkat');
  checked(libc.linkat(currentDirectory, source, directory, firstString.put(path, 'linkat'), atSymlinkFollow), 'linkat', path);
}

export function renameAt(fromDirectory: number, from: PathLike, directory: number, path: PathLike): void {
  const source = secondString.put(from, 'renameat');
  checked(libc.renameat(fromDirectory, source, directory, firstString.put(path, 'renameat')), 'renameat', path);
}

/**
 * Changes owner and group, a symlink at the end not followed; an empty path means the descriptor itself, O_PATH too.
 */
export function lchownAt(directory: number, path: PathLike, uid: number, gid: number): void {
  const flags = path.length === 0 ? atEmptyPath : atSymlinkNofollow;
  checked(libc.fchownat(directory, firstString.put(path, 'fchownat'), uid, gid, flags), 'fchownat', path);
}

/** Changes permissions. A symlink at the end IS followed: the kernel has no other way before 6.6. */
export function chmodAt(directory: number, path: PathLike, mode: number): void {
  checked(libc.fchmodat(directory, firstString.put(path, 'fchmodat'), mode, 0), 'fchmodat', path);
}

/** What a symlink holds, as text. */
export function readlinkAt(directory: number, path: PathLike): string {
  const length = libc.readlinkat(directory, firstString.put(path, 'readlinkat'), largePointer, 4096);
  checked(length, 'readlinkat', path);
  return Buffer.from(largePointerView(length)).toString();
}

/** File systems by their statfs(2) type (linux/magic.h), those that somebody asks about. */
export const fileSystemMagic = {
  cgroup: 0x27e0eb,
  cgroup2: 0x63677270,
  overlay: 0x794c7630,
  tmpfs: 0x01021994,
  ext4: 0xef53,
  xfs: 0x58465342,
  btrfs: 0x9123683e,
  zfs: 0x2fc12fc1,
  nfs: 0x6969,
  fuse: 0x65735546,
  proc: 0x9fa0,
  sysfs: 0x62656572,
  nsfs: 0x6e736673,
} as const;

const statfsBuffer = new BigInt64Array(new ArrayBuffer(4096));
const statfsPointer = ptr(statfsBuffer);

/** Type of the file system at a path, to compare with `fileSystemMagic`. */
export function fileSystemType(path: PathLike): number {
  checked(libc.statfs(firstString.put(path, 'statfs'), statfsPointer), 'statfs', path);
  // f_type is the first `long` of struct statfs on every 64-bit architecture.
  return Number(BigInt.asUintN(32, statfsBuffer[0] ?? 0n));
}
