/**
 * Reads files of a root that is not mounted, by looking through its directories as overlayfs would: the first layer
 * that has a name decides, whiteouts and opaque directories hide what is below, directories merge. Symlinks lead
 * nowhere but inside the root.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { invalidParameter } from '../errors.ts';
import { lgetxattr, openat2, resolveFlag } from '../linux/ffi/files.ts';
import { SystemCallError } from '../linux/ffi/libc.ts';
import type { RootDescription } from './driver.ts';
import { pathBytes } from './paths.ts';
import { shownDirectories } from './roots.ts';
import { toByteString } from './tar/entry.ts';
import { opaqueXattr } from './whiteouts.ts';

/** Largest file that is read, in bytes. */
const maxSize = 1024 * 1024;
/** The kernel's own limit (path_resolution(7)). */
const maxSymlinks = 40;

/** A place in one layer. Both are byte strings. */
export interface Place {
  /** The layer's directory. */
  readonly layer: string;
  /** Below it, with a slash before each component. */
  readonly path: string;
}

/** A name found in a stack of layers. */
export interface Found {
  /** In the topmost layer that has it. */
  readonly place: Place;
  readonly stat: Stats;
  /** For a directory: the directories that merge into it, topmost first. */
  readonly stack: readonly Place[];
}

/**
 * The content of a file such as `/etc/passwd`; undefined when it is missing, or not a regular file. Throws
 * invalid-parameter for a file larger than 1 MiB or a loop of symlinks.
 */
export function readFileInRoot(root: RootDescription, path: string): Uint8Array | undefined {
  const found = lookUp(shownDirectories(root), toByteString(path));
  return found?.stat.isFile() ? readPlace(found.place, path) : undefined;
}

/** The content of a regular file that was found. Throws invalid-parameter, which names it as `shown`, for one larger than 1 MiB. */
export function readPlace(place: Place, shown: string): Uint8Array {
  const fd = openPlace(place);
  try {
    const size = fstatSync(fd).size;
    if (size > maxSize) throw invalidParameter(`${shown} is larger than 1 MiB`, { object: shown });
    const content = new Uint8Array(size);
    let done = 0;
    for (let count = -1; count !== 0 && done < size; done += count)
      count = readSync(fd, content, done, size - done, done);
    return content.subarray(0, done);
  } finally {
    closeSync(fd);
  }
}

/** True when there is something at a path, links followed. */
export function existsInRoot(root: RootDescription, path: string): boolean {
  return lookUp(shownDirectories(root), toByteString(path)) !== undefined;
}

/**
 * Finds a path (byte string) in layers, topmost first; symlinks are followed inside the root. Undefined when there is
 * none.
 */
export function lookUp(layers: readonly string[], path: string): Found | undefined {
  const root = rootOf(layers.map(toByteString));
  if (!root) return undefined;
  let rest = path.split('/');
  let trail: Found[] = [root];
  let links = 0;
  while (rest.length > 0) {
    const name = rest.shift()!;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (trail.length > 1) trail.pop();
      continue;
    }
    const found = child(trail.at(-1)!, name);
    if (!found) return undefined;
    if (found.stat.isSymbolicLink()) {
      if (++links > maxSymlinks)
        throw invalidParameter(`too many levels of symbolic links in the image: ${path}`, { object: path });
      const target = readlinkSync(absolutePath(found.place), 'buffer').toString('latin1');
      if (target.startsWith('/')) trail = [root];
      rest = [...target.split('/'), ...rest];
    } else {
      trail.push(found);
    }
  }
  return trail.at(-1);
}

/**
 * The entry of a directory, a symlink not followed. Undefined when there is none, or when `directory` is not a
 * directory.
 */
export function child(directory: Found, name: string): Found | undefined {
  let top: { place: Place; stat: Stats } | undefined;
  const stack: Place[] = [];
  for (const { layer, path } of directory.stack) {
    const place = { layer, path: `${path}/${name}` };
    const stat = lstat(place);
    if (!stat) continue;
    if (stat.isCharacterDevice() && stat.rdev === 0) break;
    // A directory merges with those below until something else is in the way, or one of them is opaque.
    if (!stat.isDirectory() && top) break;
    top ??= { place, stat };
    if (!stat.isDirectory()) break;
    stack.push(place);
    if (isOpaque(place)) break;
  }
  return top && { ...top, stack };
}

/** Names in a directory, as overlayfs would list them. */
export function childNames(directory: Found): string[] {
  return [...new Set(directory.stack.flatMap(namesIn))].filter((name) => child(directory, name) !== undefined);
}

/** Names in one layer's directory, whiteouts among them; none when it has gone. Byte strings. */
export function namesIn(place: Place): string[] {
  let fd: number;
  try {
    fd = openPlace(place);
  } catch (error) {
    if (error instanceof SystemCallError && ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(error.code)) return [];
    throw error;
  }
  try {
    return (readdirSync(`/proc/self/fd/${fd}`, 'buffer') as Buffer[]).map((name) => name.toString('latin1'));
  } finally {
    closeSync(fd);
  }
}

/** The root of a stack of layers (byte strings), topmost first. */
export function rootOf(layers: readonly string[]): Found | undefined {
  const places = layers.map((layer) => ({ layer, path: '' }));
  const stack = places.filter((place) => lstat(place));
  const place = stack[0];
  return place && { place, stat: lstat(place)!, stack };
}

/**
 * Opens a place for reading; the caller closes it. A container may be changing its upper directory right now: the kernel makes sure
 * that nothing leads out of the layer.
 */
export function openPlace({ layer, path }: Place): number {
  const root = openSync(Buffer.from(layer, 'latin1'), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const resolve = resolveFlag.RESOLVE_BENEATH | resolveFlag.RESOLVE_NO_SYMLINKS;
    return openat2(root, pathBytes(path === '' ? '.' : path.slice(1)), constants.O_RDONLY | constants.O_NONBLOCK, 0, resolve);
  } finally {
    closeSync(root);
  }
}

/** Where a place is on the host. */
export const absolutePath = ({ layer, path }: Place) => Buffer.from(layer + path, 'latin1');

const isOpaque = (place: Place): boolean => lgetxattr(absolutePath(place), opaqueXattr)?.[0] === 0x79;

function lstat(place: Place): Stats | undefined {
  try {
    return lstatSync(absolutePath(place), { throwIfNoEntry: false });
  } catch (error) {
    // A symlink in an image may hold any name.
    if (error instanceof Error && 'code' in error && error.code === 'ENAMETOOLONG') return undefined;
    throw error;
  }
}
