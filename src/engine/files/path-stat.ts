/** A path inside a container's root, as the archive endpoints understand it. */
import { type BigIntStats, closeSync, constants, fstatSync } from 'node:fs';
import { posix } from 'node:path';
import { invalidParameter, notFound } from '../../errors.ts';
import { openat2, openFlag, readlinkAt, resolveFlag } from '../../linux/ffi/files.ts';
import { SystemCallError } from '../../linux/ffi/libc.ts';
import { formatNanoseconds } from '../timestamps.ts';

/** Docker's ContainerPathStat. */
export interface PathStat {
  readonly name: string;
  readonly size: number;
  /** Go's os.FileMode. */
  readonly mode: number;
  /** RFC 3339 with nanoseconds. */
  readonly mtime: string;
  /** Where a symlink leads in the container, as far as it does. */
  readonly linkTarget: string;
}

/** Whose root it is, in the client's words, for messages. */
export interface RootOf {
  readonly fd: number;
  readonly container: string;
}

/** Absolute and clean, but a `/` or `/.` at its end, which asks for a directory, stays. */
export function absolutePath(path: string): string {
  const clean = posix.join('/', path).replace(/(?<=.)\/$/, '');
  if (posix.basename(path) === '.') return `${clean === '/' ? '' : clean}/.`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}

/** Opens what is at a path, links followed inside the root only. Throws in Docker's words, which name the path as `requested`. */
export function openPath(root: RootOf, path: string, flags: number, requested = path): number {
  try {
    return openat2(root.fd, path, flags, 0, resolveFlag.RESOLVE_IN_ROOT | resolveFlag.RESOLVE_NO_MAGICLINKS);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    if (error.code === 'ENOENT')
      throw notFound(`Could not find the file ${requested} in container ${root.container}`, { object: requested, cause: error });
    if (['ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EINVAL'].includes(error.code))
      throw invalidParameter(`lstat ${path}: ${error.message.replace(/^.*: /, '')}`, { object: requested, cause: error });
    throw error;
  }
}

/** What is at a path, a link at its end itself. Throws not-found and invalid-parameter in Docker's words. */
export function statPath(root: RootOf, requested: string): PathStat {
  const path = absolutePath(requested);
  const fd = openPath(root, path, openFlag.O_PATH | constants.O_NOFOLLOW, requested);
  try {
    const stat = fstatSync(fd, { bigint: true });
    return {
      name: nameOf(path),
      size: Number(stat.size),
      mode: goFileMode(stat),
      mtime: formatNanoseconds(stat.mtimeNs),
      linkTarget: stat.isSymbolicLink() ? followed(root, path) : '',
    };
  } finally {
    closeSync(fd);
  }
}

/** Go's filepath.Base. */
export const nameOf = (path: string): string => posix.basename(path) || '/';

/** Bits of Go's os.FileMode. */
const goMode = {
  directory: 0x8000_0000, symlink: 0x0800_0000, device: 0x0400_0000, fifo: 0x0200_0000, socket: 0x0100_0000,
  setuid: 0x0080_0000, setgid: 0x0040_0000, characterDevice: 0x0020_0000, sticky: 0x0010_0000,
} as const;

function goFileMode(stat: BigIntStats): number {
  const mode = Number(stat.mode);
  let result = mode & 0o777;
  if (stat.isDirectory()) result += goMode.directory;
  if (stat.isSymbolicLink()) result += goMode.symlink;
  if (stat.isBlockDevice() || stat.isCharacterDevice()) result += goMode.device;
  if (stat.isCharacterDevice()) result += goMode.characterDevice;
  if (stat.isFIFO()) result += goMode.fifo;
  if (stat.isSocket()) result += goMode.socket;
  if (mode & 0o4000) result += goMode.setuid;
  if (mode & 0o2000) result += goMode.setgid;
  if (mode & 0o1000) result += goMode.sticky;
  return result;
}

const maxLinks = 255;

/** All links of a path followed; what is missing stays as it is written. It is told, never used to open something. */
function followed(root: RootOf, path: string): string {
  let done = '/';
  const rest = path.split('/');
  for (let links = 0; rest.length > 0;) {
    const name = rest.shift()!;
    if (name === '' || name === '.') continue;
    const next = posix.join(done, name);
    const target = name === '..' ? undefined : linkAt(root, next);
    if (target === undefined) {
      done = next;
      continue;
    }
    if (++links > maxLinks) throw invalidParameter(`too many links in ${path}`, { object: path });
    if (target.startsWith('/')) done = '/';
    rest.unshift(...target.split('/'));
  }
  return done;
}

/** What a link holds; undefined for what is none, or missing. */
function linkAt(root: RootOf, path: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openat2(root.fd, path, openFlag.O_PATH | constants.O_NOFOLLOW, 0, resolveFlag.RESOLVE_IN_ROOT | resolveFlag.RESOLVE_NO_MAGICLINKS);
    return fstatSync(fd).isSymbolicLink() ? readlinkAt(fd, '') : undefined;
  } catch (error) {
    if (error instanceof SystemCallError) return undefined;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
