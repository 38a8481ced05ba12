/**
 * A directory tree → a tar. The same tree gives the same bytes: names in byte order, no access times, no user names. As
 * a layer, overlayfs's whiteouts become `.wh.` files again (OCI image-spec, layer.md).
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { lgetxattr, llistxattr, openAt } from '../linux/ffi/files.ts';
import { SystemCallError } from '../linux/ffi/libc.ts';
import { descriptorPath, pathBytes } from './paths.ts';
import { Pace } from './pace.ts';
import { type EntryType, toByteString } from './tar/entry.ts';
import { encodeHeader, endOfArchive, type EntryToWrite, padding } from './tar/writer.ts';
import { opaqueName, opaqueXattr, whiteoutPrefix } from './whiteouts.ts';

export interface PackOptions {
  /** `overlay`: the tree is an overlayfs upper or layer directory; `none`: it is taken as it is. */
  readonly whiteouts: 'overlay' | 'none';
}

interface Walk {
  readonly options: PackOptions;
  /** First path of each file that has several names, by device and inode. */
  readonly linked: Map<string, string>;
}

const readSize = 1024 * 1024;
const openOneDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** The tree below `path` (absolute), its root not among the entries. Sockets are left out, as Docker does. */
export async function* packDirectory(path: string, options: PackOptions): AsyncGenerator<Uint8Array> {
  const root = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  const pace = new Pace();
  try {
    for (const bytes of packChildren(root, '', { options, linked: new Map() })) {
      yield bytes;
      if (pace.due) await pace.breathe();
    }
  } finally {
    closeSync(root);
  }
  yield endOfArchive;
}

function* packChildren(directory: number, prefix: string, walk: Walk): Generator<Uint8Array> {
  const names = (readdirSync(`/proc/self/fd/${directory}`, 'buffer') as Buffer[])
    .map((name) => name.toString('latin1'))
    .sort();
  for (const name of names) {
    const stat = lstatSync(descriptorPath(directory, name), { bigint: true, throwIfNoEntry: false });
    // A container may be removing things while it is packed.
    if (stat) yield* packOne(directory, name, `${prefix}${name}`, stat, walk);
  }
}

function* packOne(directory: number, name: string, path: string, stat: BigIntStats, walk: Walk): Generator<Uint8Array> {
  if (walk.options.whiteouts === 'overlay' && stat.isCharacterDevice() && stat.rdev === 0n) {
    const slash = path.length - name.length;
    yield encodeHeader({ name: `${path.slice(0, slash)}${whiteoutPrefix}${name}`, type: 'file' });
    return;
  }
  const type = typeOf(stat);
  if (type === undefined) return;
  if (type === 'directory') {
    yield* packSubdirectory(directory, name, path, stat, walk);
    return;
  }
  const first = stat.nlink > 1n ? firstName(walk, stat, path) : undefined;
  const entry = describe(directory, name, path, type, stat);
  if (first !== undefined) yield encodeHeader({ ...entry, type: 'hard-link', linkName: first, xattrs: undefined });
  else if (type === 'file') yield* packFile(directory, name, entry, Number(stat.size));
  else yield encodeHeader(type === 'symlink' ? { ...entry, linkName: linkText(directory, name) } : entry);
}

function* packSubdirectory(
  directory: number,
  name: string,
  path: string,
  stat: BigIntStats,
  walk: Walk,
): Generator<Uint8Array> {
  const fd = openBelow(directory, name, openOneDirectory);
  if (fd === undefined) return;
  try {
    yield encodeHeader(describe(directory, name, `${path}/`, 'directory', stat));
    const opaque =
      walk.options.whiteouts === 'overlay' && lgetxattr(descriptorPath(directory, name), opaqueXattr)?.[0] === 0x79;
    if (opaque) yield encodeHeader({ name: `${path}/${opaqueName}`, type: 'file' });
    yield* packChildren(fd, `${path}/`, walk);
  } finally {
    closeSync(fd);
  }
}

function* packFile(directory: number, name: string, entry: EntryToWrite, size: number): Generator<Uint8Array> {
  const fd = openBelow(directory, name, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if (fd === undefined) return;
  try {
    // Between lstat and open it may have become something else.
    if (!fstatSync(fd).isFile()) return;
    yield encodeHeader({ ...entry, size });
    for (let done = 0; done < size;) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(readSize, size - done));
      const count = readSync(fd, buffer, 0, buffer.length, done);
      // A file that shrinks meanwhile is filled up with zeros: the header has promised its size.
      const data = count === 0 ? buffer.fill(0) : buffer.subarray(0, count);
      done += data.length;
      yield data;
    }
    yield padding(size);
  } finally {
    closeSync(fd);
  }
}

function openBelow(directory: number, name: string, flags: number): number | undefined {
  try {
    return openAt(directory, pathBytes(name), flags);
  } catch (error) {
    if (error instanceof SystemCallError && ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(error.code)) return undefined;
    throw error;
  }
}

function firstName(walk: Walk, stat: BigIntStats, path: string): string | undefined {
  const key = `${stat.dev}:${stat.ino}`;
  const first = walk.linked.get(key);
  if (first === undefined) walk.linked.set(key, path);
  return first;
}

function typeOf(stat: BigIntStats): Exclude<EntryType, 'unsupported' | 'hard-link'> | undefined {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isCharacterDevice()) return 'character-device';
  if (stat.isBlockDevice()) return 'block-device';
  return stat.isFIFO() ? 'fifo' : undefined;
}

function describe(directory: number, name: string, path: string, type: EntryType, stat: BigIntStats): EntryToWrite {
  const isDevice = type === 'character-device' || type === 'block-device';
  const seconds = stat.mtimeNs / 1_000_000_000n;
  const nanoseconds = stat.mtimeNs % 1_000_000_000n;
  return {
    name: path,
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtime:
      nanoseconds < 0n
        ? { seconds: Number(seconds) - 1, nanoseconds: Number(nanoseconds) + 1e9 }
        : { seconds: Number(seconds), nanoseconds: Number(nanoseconds) },
    xattrs: type === 'symlink' ? undefined : xattrsOf(directory, name),
    ...(isDevice ? { deviceMajor: majorOf(stat.rdev), deviceMinor: minorOf(stat.rdev) } : {}),
  };
}

/**
 * File capabilities and the user's own attributes; labels of security modules and overlayfs's marks belong to this
 * host.
 */
function xattrsOf(directory: number, name: string): Map<string, Uint8Array> | undefined {
  const path = descriptorPath(directory, name);
  let xattrs: Map<string, Uint8Array> | undefined;
  for (const key of llistxattr(path)) {
    if (key !== 'security.capability' && (!key.startsWith('user.') || key.startsWith('user.overlay.'))) continue;
    const value = lgetxattr(path, key);
    if (value) (xattrs ??= new Map()).set(toByteString(key), value);
  }
  return xattrs;
}

function linkText(directory: number, name: string): string {
  return readlinkSync(descriptorPath(directory, name), 'buffer').toString('latin1');
}

// dev_t as the C library packs it (gnu_dev_major(3)).
const majorOf = (device: bigint) => Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n));
const minorOf = (device: bigint) => Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n));
