/** statx(2): what `node:fs` tells of a file, by directory descriptor and in a fraction of the time. */
import { ptr } from 'bun:ffi';
import { bindLibc, checked, firstString, type PathLike, syscallNumber } from './libc.ts';

const { syscall: syscallStatx } = bindLibc({ syscall: { args: ['i64', 'i32', 'ptr', 'i32', 'u32', 'ptr'], returns: 'i32' } });
const numberOfStatx = syscallNumber(332, 291);
const atSymlinkNofollow = 0x100;
const atEmptyPath = 0x1000;
/** STATX_BASIC_STATS and STATX_MNT_ID (kernel 5.8). */
const wanted = 0x17ff;

const buffer = new ArrayBuffer(4096);
const view = new DataView(buffer);
const pointer = ptr(new Uint8Array(buffer));

/** The type bits of a mode (inode(7)). */
export const fileType = {
  fifo: 0o010000, characterDevice: 0o020000, directory: 0o040000, blockDevice: 0o060000, file: 0o100000, symlink: 0o120000, socket: 0o140000,
} as const;

export interface FileStat {
  /** One of `fileType`. */
  readonly type: number;
  /** Permissions with setuid, setgid and sticky: 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly links: number;
  readonly mtime: { readonly seconds: number; readonly nanoseconds: number };
  /** When content, owner or permissions last changed; nobody can set it. */
  readonly ctime: { readonly seconds: number; readonly nanoseconds: number };
  /** Of a device: its number. */
  readonly major: number;
  readonly minor: number;
  /** The file system it is on; with the inode's number, the file. */
  readonly device: string;
  readonly inode: bigint;
  /** The mount through which it was found. */
  readonly mount: number;
}

/** What is at a name in an open directory, a symlink itself; with an empty name, what is open. Throws SystemCallError. */
export function statAt(directory: number, name: PathLike): FileStat {
  const flags = atSymlinkNofollow | (name.length === 0 ? atEmptyPath : 0);
  checked(syscallStatx(numberOfStatx, directory, firstString.put(name, 'statx'), flags, wanted, pointer), 'statx', name);
  const mode = view.getUint16(28, true);
  return {
    type: mode & 0o170000,
    mode: mode & 0o7777,
    uid: view.getUint32(20, true),
    gid: view.getUint32(24, true),
    size: Number(view.getBigUint64(40, true)),
    links: view.getUint32(16, true),
    mtime: { seconds: Number(view.getBigInt64(112, true)), nanoseconds: view.getUint32(120, true) },
    ctime: { seconds: Number(view.getBigInt64(96, true)), nanoseconds: view.getUint32(104, true) },
    major: view.getUint32(128, true),
    minor: view.getUint32(132, true),
    device: `${view.getUint32(136, true)}:${view.getUint32(140, true)}`,
    inode: view.getBigUint64(32, true),
    mount: Number(view.getBigUint64(144, true)),
  };
}
