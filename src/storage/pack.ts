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
import type { Owner } from './extract.ts';
import { descriptorPath, pathBytes } from './paths.ts';
import { Pace } from './pace.ts';
import { type EntryType, toByteString } from './tar/entry.ts';
import { encodeHeader, endOfArchive, type EntryToWrite, padding } from './tar/writer.ts';
import { opaqueName, opaqueXattr, whiteoutPrefix } from './whiteouts.ts';

export interface PackOptions {
  /** `overlay`: the tree is an overlayfs upper or layer directory; `none`: it is taken as it is. */
  readonly whiteouts: 'overlay' | 'none';
  /** Leaves fractions of a second out. */
  readonly wholeSeconds?: boolean;
  /** The owner that the archive names. Default: the file's. */
  readonly owner?: (stat: BigIntStats) => Owner;
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
  try {
    yield* archive(packChildren(root, '', walkOf(options)));
  } finally {
    closeSync(root);
  }
}

/** An open directory with all that is in it. `name` is its own in the archive, ending with a slash; a byte string. */
export async function* packOpenDirectory(
  directory: number,
  name: string,
  options: PackOptions,
): AsyncGenerator<Uint8Array> {
  const stat = fstatSync(directory, { bigint: true });
  yield* archive(packOpened({ fd: directory, at: descriptorPath(directory, '.') }, name, stat, walkOf(options)));
}

/** `entry` of an open directory, under another name if need be. Byte strings. Nothing when it has gone. */
export async function* packEntry(
  directory: number,
  entry: string,
  name: string,
  options: PackOptions,
): AsyncGenerator<Uint8Array> {
  const stat = lstatSync(descriptorPath(directory, entry), { bigint: true, throwIfNoEntry: false });
  yield* archive(stat ? packOne(directory, entry, name, stat, walkOf(options)) : []);
}

const walkOf = (options: PackOptions): Walk => ({ options, linked: new Map() });

/** Small pieces are joined: each that leaves here costs a turn of the event loop, or a system call. */
const batchSize = 256 * 1024;

/** The pieces and the end of the archive, with pauses for the event loop. */
async function* archive(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const pace = new Pace();
  let batch: Uint8Array[] = [];
  let size = 0;
  for (const piece of pieces) {
    batch.push(piece);
    size += piece.length;
    if (pace.due) await pace.breathe();
    if (size < batchSize) continue;
    yield batch.length === 1 ? piece : Buffer.concat(batch, size);
    batch = [];
    size = 0;
  }
  yield Buffer.concat([...batch, endOfArchive]);
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
  const entry = describe(descriptorPath(directory, name), path, type, stat, walk);
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
    yield* packOpened({ fd, at: descriptorPath(directory, name) }, `${path}/`, stat, walk);
  } finally {
    closeSync(fd);
  }
}

/** `at` leads to the directory `fd` by a path, for calls that take no descriptor. */
function* packOpened(
  { fd, at }: { readonly fd: number; readonly at: Buffer },
  name: string,
  stat: BigIntStats,
  walk: Walk,
): Generator<Uint8Array> {
  const overlay = walk.options.whiteouts === 'overlay';
  yield encodeHeader(describe(at, name, 'directory', stat, walk));
  if (overlay && lgetxattr(at, opaqueXattr)?.[0] === 0x79)
    yield encodeHeader({ name: `${name}${opaqueName}`, type: 'file' });
  yield* packChildren(fd, name, walk);
}

function* packFile(directory: number, name: string, entry: EntryToWrite, size: number): Generator<Uint8Array> {
  const fd = openBelow(directory, name, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if (fd === undefined) return;
  try {
    // Between lstat and open it may have become something else.
    if (!fstatSync(fd).isFile()) return;
    yield encodeHeader({ ...entry, size });
    for (let done = 0; done < size;) {
      const buffer = Buffer.allocUnsafe(Math.min(readSize, size - done));
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

function describe(at: Buffer, path: string, type: EntryType, stat: BigIntStats, { options }: Walk): EntryToWrite {
  const isDevice = type === 'character-device' || type === 'block-device';
  const seconds = stat.mtimeNs / 1_000_000_000n;
  const nanoseconds = options.wholeSeconds === true ? 0n : stat.mtimeNs % 1_000_000_000n;
  const owner = options.owner?.(stat);
  return {
    name: path,
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: owner?.uid ?? Number(stat.uid),
    gid: owner?.gid ?? Number(stat.gid),
    mtime:
      nanoseconds < 0n
        ? { seconds: Number(seconds) - 1, nanoseconds: Number(nanoseconds) + 1e9 }
        : { seconds: Number(seconds), nanoseconds: Number(nanoseconds) },
    xattrs: type === 'symlink' ? undefined : xattrsOf(at),
    ...(isDevice ? { deviceMajor: majorOf(stat.rdev), deviceMinor: minorOf(stat.rdev) } : {}),
  };
}

/**
 * File capabilities and the user's own attributes; labels of security modules and overlayfs's marks belong to this
 * host.
 */
function xattrsOf(path: Buffer): Map<string, Uint8Array> | undefined {
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
