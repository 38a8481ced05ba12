/** Subvolumes of btrfs and their quotas (linux/btrfs.h). Directories are open descriptors, names single components. */
import { ptr } from 'bun:ffi';
import { bindLibc, checked, lastErrno, type PathLike, pathText, SystemCallError } from './libc.ts';
import { errno as errnos } from '../errno.ts';

const { ioctl } = bindLibc({ ioctl: { args: ['i32', 'u64', 'ptr'], returns: 'i32' } });

const iow = (number: number, size: number): bigint => BigInt(0x40000000 + size * 0x10000 + 0x9400 + number);
const ior = (number: number, size: number): bigint => BigInt(0x80000000 + size * 0x10000 + 0x9400 + number);
const iowr = (number: number, size: number): bigint => BigInt(0xc0000000 + size * 0x10000 + 0x9400 + number);

const BTRFS_IOC_SUBVOL_CREATE = iow(14, 4096);
const BTRFS_IOC_SNAP_DESTROY = iow(15, 4096);
const BTRFS_IOC_INO_LOOKUP = iowr(18, 4096);
const BTRFS_IOC_SNAP_CREATE_V2 = iow(23, 4096);
const BTRFS_IOC_QUOTA_CTL = iowr(40, 16);
const BTRFS_IOC_QGROUP_CREATE = iow(42, 16);
const BTRFS_IOC_QGROUP_LIMIT = ior(43, 48);

/** Inode number of a subvolume's root directory (BTRFS_FIRST_FREE_OBJECTID); no other directory has it. */
export const subvolumeInode = 256n;

const buffer = new ArrayBuffer(4096);
const bytes = new Uint8Array(buffer);
const view = new DataView(buffer);
const pointer = ptr(bytes);

/** A zeroed argument, with a name where struct btrfs_ioctl_vol_args (offset 8) or _v2 (offset 56) has it. */
function prepare(name: PathLike = '', at = 8): void {
  bytes.fill(0);
  const encoded = Buffer.from(name);
  if (encoded.length > 255) throw new SystemCallError('btrfs', errnos.ENAMETOOLONG, pathText(name));
  bytes.set(encoded, at);
}

export function createSubvolume(directory: number, name: string): void {
  prepare(name);
  checked(ioctl(directory, BTRFS_IOC_SUBVOL_CREATE, pointer), 'btrfs subvolume create', name);
}

/** A writable snapshot of the subvolume that is open as `source`. */
export function createSnapshot(source: number, directory: number, name: string): void {
  prepare(name, 56);
  view.setBigInt64(0, BigInt(source), true);
  checked(ioctl(directory, BTRFS_IOC_SNAP_CREATE_V2, pointer), 'btrfs subvolume snapshot', name);
}

/** Throws ENOTEMPTY when subvolumes are in it, EINVAL or ENOTTY when it is none. */
export function destroySubvolume(directory: number, name: PathLike): void {
  prepare(name);
  checked(ioctl(directory, BTRFS_IOC_SNAP_DESTROY, pointer), 'btrfs subvolume delete', name);
}

/** The number of the subvolume that something open is in; its quota group is 0/NUMBER. */
export function subvolumeId(fd: number): bigint {
  prepare();
  view.setBigUint64(8, subvolumeInode, true);
  checked(ioctl(fd, BTRFS_IOC_INO_LOOKUP, pointer), 'btrfs inode lookup');
  return view.getBigUint64(0, true);
}

/** Counts what each subvolume of the file system holds, from now on; it may have done so before. */
export function enableQuotas(fd: number): void {
  prepare();
  view.setBigUint64(0, 1n, true); // BTRFS_QUOTA_CTL_ENABLE
  if (ioctl(fd, BTRFS_IOC_QUOTA_CTL, pointer) === 0 || lastErrno() === errnos.EEXIST) return;
  throw new SystemCallError('btrfs quota enable', lastErrno());
}

/** Limits what the subvolume that is open refers to, in bytes. */
export function limitSubvolume(fd: number, size: number): void {
  const id = subvolumeId(fd);
  prepare();
  view.setBigUint64(0, id, true);
  view.setBigUint64(8, 1n, true); // BTRFS_QGROUP_LIMIT_MAX_RFER
  view.setBigUint64(16, BigInt(size), true);
  checked(ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, pointer), 'btrfs qgroup limit');
}

/** Forgets the quota group of a subvolume that was destroyed. Kernels from 6.12 do so by themselves; without quotas there is none. */
export function forgetQuotaGroup(fd: number, id: bigint): void {
  prepare();
  view.setBigUint64(8, id, true);
  ioctl(fd, BTRFS_IOC_QGROUP_CREATE, pointer);
}
