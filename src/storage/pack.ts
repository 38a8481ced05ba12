/**
 * A directory tree → a tar. The same tree gives the same bytes: names in byte order, no access times, no user names. As
 * a layer, overlayfs's whiteouts become `.wh.` files again (OCI image-spec, layer.md).
 */
import { closeSync, constants, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { fgetxattr, flistxattr, lgetxattr, llistxattr, openAt } from '../linux/ffi/files.ts';
import { type FileStat, fileType, statAt } from '../linux/ffi/stat.ts';
import type { Owner } from './extract.ts';
import { child, childNames, type Found, openPlace } from './lookup.ts';
import { descriptorPath, pathBytes, unlessGone } from './paths.ts';
import { Pace } from './pace.ts';
import { type EntryType, paddingOf, toByteString } from './tar/entry.ts';
import { encodeHeader, endOfArchive, type EntryToWrite, padding } from './tar/writer.ts';
import { opaqueName, opaqueXattr, whiteoutPrefix } from './whiteouts.ts';

export interface PackOptions {
  /**
   * `overlay`: the tree is an overlayfs upper or layer directory; `none`: it is taken as it is; `hidden`: it is the only layer that
   * shows, so that its whiteouts hide nothing and are left out.
   */
  readonly whiteouts: 'overlay' | 'none' | 'hidden';
  /** Leaves fractions of a second out. */
  readonly wholeSeconds?: boolean;
  /** The owner that the archive names. Default: the file's. */
  readonly owner?: (stat: FileStat) => Owner;
  /** The permissions that it names. Default: the file's. */
  readonly mode?: (stat: FileStat) => number;
  /** Asked with the name in the archive, without a slash at its end: true leaves it out, with all that is below. */
  readonly skip?: (name: string) => boolean;
}

/** One archive being made: files with several names are in it once. */
export interface Walk {
  readonly options: PackOptions;
  /** First path of each file that has several names, by device and inode. */
  readonly linked: Map<string, string>;
}

const readSize = 1024 * 1024;
/** Up to here a file is read at once. */
const smallFile = 64 * 1024;
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
  yield* archive(packOpened(directory, name, statAt(directory, ''), walkOf(options)));
}

/** What is in an open directory, without an entry for itself. */
export async function* packContents(directory: number, options: PackOptions): AsyncGenerator<Uint8Array> {
  yield* archive(packChildren(directory, '', walkOf(options)));
}

/** `entry` of an open directory, under another name if need be. Byte strings. Nothing when it has gone. */
export async function* packEntry(
  directory: number,
  entry: string,
  name: string,
  options: PackOptions,
): AsyncGenerator<Uint8Array> {
  const stat = statIfThere(directory, entry);
  yield* archive(stat ? packOne(directory, entry, name, stat, walkOf(options)) : []);
}

export const walkOf = (options: PackOptions): Walk => ({ options, linked: new Map() });

/** Small pieces are joined: each that leaves here costs a turn of the event loop, or a system call. */
const batchSize = 256 * 1024;

/** The pieces and the end of the archive, with pauses for the event loop. */
export async function* archive(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
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
    if (walk.options.skip?.(`${prefix}${name}`) === true) continue;
    const stat = statIfThere(directory, name);
    if (stat) yield* packOne(directory, name, `${prefix}${name}`, stat, walk);
  }
}

/** What was found in a stack of layers, under another name; pieces of an archive without its end. Byte strings. */
export function* packFound(found: Found, name: string, walk: Walk): Generator<Uint8Array> {
  yield* packFoundAlone(found, name, walk);
  if (found.stat.isDirectory()) yield* packFoundContents(found, `${name}/`, walk);
}

/** The same, of a directory only its own entry. */
export function* packFoundAlone(found: Found, name: string, walk: Walk): Generator<Uint8Array> {
  const { layer, path } = found.place;
  if (found.stat.isDirectory()) {
    const fd = openPlace(found.place);
    try {
      yield encodeHeader({ ...describe(`${name}/`, 'directory', statAt(fd, ''), walk), xattrs: xattrsOf(fd) });
    } finally {
      closeSync(fd);
    }
    return;
  }
  const slash = path.lastIndexOf('/');
  const directory = openPlace({ layer, path: path.slice(0, slash) });
  try {
    const own = path.slice(slash + 1);
    const stat = statIfThere(directory, own);
    if (stat) yield* packOne(directory, own, name, stat, walk);
  } finally {
    closeSync(directory);
  }
}

/** What is in a directory that was found, without an entry for itself. `prefix` is empty, or ends with a slash. */
export function* packFoundContents(found: Found, prefix: string, walk: Walk): Generator<Uint8Array> {
  if (found.stack.length === 1) {
    const fd = openPlace(found.stack[0]!);
    try {
      yield* packChildren(fd, prefix, walk);
    } finally {
      closeSync(fd);
    }
    return;
  }
  for (const name of childNames(found).sort()) {
    if (walk.options.skip?.(`${prefix}${name}`) === true) continue;
    yield* packFound(child(found, name)!, `${prefix}${name}`, walk);
  }
}

/** A container may be removing things while it is packed. */
const statIfThere = (directory: number, name: string) => unlessGone(() => statAt(directory, pathBytes(name)));

/** overlayfs's mark for a name that is not there (Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories"). */
export const isWhiteout = ({ type, major, minor }: FileStat) => type === fileType.characterDevice && major === 0 && minor === 0;

function* packOne(directory: number, name: string, path: string, stat: FileStat, walk: Walk): Generator<Uint8Array> {
  if (walk.options.whiteouts === 'hidden' && isWhiteout(stat)) return;
  if (walk.options.whiteouts === 'overlay' && isWhiteout(stat)) {
    const slash = path.length - name.length;
    yield encodeHeader({ name: `${path.slice(0, slash)}${whiteoutPrefix}${name}`, type: 'file' });
    return;
  }
  const type = entryTypes.get(stat.type);
  if (type === undefined) return;
  if (type === 'directory') {
    yield* packSubdirectory(directory, name, path, stat, walk);
    return;
  }
  const first = stat.links > 1 ? firstName(walk, stat, path) : undefined;
  const entry = describe(path, type, stat, walk);
  if (first !== undefined) yield encodeHeader({ ...entry, type: 'hard-link', linkName: first });
  else if (type === 'file') yield* packFile(directory, name, entry, stat.size);
  else if (type === 'symlink') yield encodeHeader({ ...entry, linkName: linkText(directory, name) });
  else yield encodeHeader({ ...entry, xattrs: xattrsAt(descriptorPath(directory, name)) });
}

function* packSubdirectory(
  directory: number,
  name: string,
  path: string,
  stat: FileStat,
  walk: Walk,
): Generator<Uint8Array> {
  const fd = unlessGone(() => openAt(directory, pathBytes(name), openOneDirectory));
  if (fd === undefined) return;
  try {
    yield* packOpened(fd, `${path}/`, stat, walk);
  } finally {
    closeSync(fd);
  }
}

function* packOpened(fd: number, name: string, stat: FileStat, walk: Walk): Generator<Uint8Array> {
  yield encodeHeader({ ...describe(name, 'directory', stat, walk), xattrs: xattrsOf(fd) });
  if (walk.options.whiteouts === 'overlay' && fgetxattr(fd, opaqueXattr)?.[0] === 0x79)
    yield encodeHeader({ name: `${name}${opaqueName}`, type: 'file' });
  yield* packChildren(fd, name, walk);
}

function* packFile(directory: number, name: string, entry: EntryToWrite, size: number): Generator<Uint8Array> {
  const fd = unlessGone(() =>
    openAt(directory, pathBytes(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
  );
  if (fd === undefined) return;
  try {
    // Between statx and open it may have become something else.
    if (statAt(fd, '').type !== fileType.file) return;
    const header = encodeHeader({ ...entry, xattrs: xattrsOf(fd), size });
    if (size <= smallFile) yield smallEntry(header, fd, size);
    else yield* largeEntry(header, fd, size);
  } finally {
    closeSync(fd);
  }
}

/** Header, content and padding in one piece. */
function smallEntry(header: Buffer, fd: number, size: number): Uint8Array {
  const whole = Buffer.allocUnsafe(header.length + size + paddingOf(size));
  header.copy(whole);
  const read = size === 0 ? 0 : readSync(fd, whole, header.length, size, 0);
  // A file that shrinks meanwhile is filled up with zeros: the header has promised its size.
  whole.fill(0, header.length + read);
  return whole;
}

function* largeEntry(header: Buffer, fd: number, size: number): Generator<Uint8Array> {
  yield header;
  for (let done = 0; done < size;) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(readSize, size - done));
    const count = readSync(fd, buffer, 0, buffer.length, done);
    const data = count === 0 ? buffer.fill(0) : buffer.subarray(0, count);
    done += data.length;
    yield data;
  }
  yield padding(size);
}

function firstName(walk: Walk, { device, inode }: FileStat, path: string): string | undefined {
  const key = `${device}:${inode}`;
  const first = walk.linked.get(key);
  if (first === undefined) walk.linked.set(key, path);
  return first;
}

/** Sockets have no place in a tar. */
const entryTypes = new Map<number, Exclude<EntryType, 'unsupported' | 'hard-link'>>([
  [fileType.file, 'file'],
  [fileType.directory, 'directory'],
  [fileType.symlink, 'symlink'],
  [fileType.characterDevice, 'character-device'],
  [fileType.blockDevice, 'block-device'],
  [fileType.fifo, 'fifo'],
]);

function describe(name: string, type: EntryType, stat: FileStat, { options }: Walk): EntryToWrite {
  const { uid, gid } = options.owner?.(stat) ?? stat;
  return {
    name,
    type,
    mode: options.mode?.(stat) ?? stat.mode,
    uid,
    gid,
    mtime: options.wholeSeconds === true ? { seconds: stat.mtime.seconds, nanoseconds: 0 } : stat.mtime,
    deviceMajor: stat.major,
    deviceMinor: stat.minor,
  };
}

/**
 * File capabilities and the user's own attributes; labels of security modules and overlayfs's marks belong to this
 * host.
 */
const isPacked = (key: string) =>
  key === 'security.capability' || (key.startsWith('user.') && !key.startsWith('user.overlay.'));

type Xattrs = Map<string, Uint8Array> | undefined;

/** Attributes that an archive has of what is at a path (absolute, not followed); undefined for none. */
export const packedXattrs = (path: Buffer): Xattrs => xattrsAt(path);

const xattrsOf = (fd: number): Xattrs => collect(flistxattr(fd), (key) => fgetxattr(fd, key));

/** Of what cannot be opened. */
const xattrsAt = (path: Buffer): Xattrs => collect(llistxattr(path), (key) => lgetxattr(path, key));

function collect(keys: readonly string[], read: (key: string) => Uint8Array | undefined): Xattrs {
  let xattrs: Xattrs;
  for (const key of keys) {
    const value = isPacked(key) ? read(key) : undefined;
    if (value) (xattrs ??= new Map()).set(toByteString(key), value);
  }
  return xattrs;
}

function linkText(directory: number, name: string): string {
  return readlinkSync(descriptorPath(directory, name), 'buffer').toString('latin1');
}
