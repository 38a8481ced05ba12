/**
 * The digest of files as a copy of them sees them: names, kinds, permissions, links and contents; owners where they are kept; never
 * times (a change of nothing else is no change).
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, readdirSync, readlinkSync, readSync } from 'node:fs';
import { openAt } from '../../linux/ffi/files.ts';
import { type FileStat, fileType, statAt } from '../../linux/ffi/stat.ts';
import { child, childNames, type Found, openPlace } from '../../storage/lookup.ts';
import { isWhiteout } from '../../storage/pack.ts';
import { Pace } from '../../storage/pace.ts';
import { descriptorPath, pathBytes } from '../../storage/paths.ts';

export interface DigestOptions {
  /** Owners count. */
  readonly owners: boolean;
  /** Asked with the path below what is digested: true leaves it out. Byte string. */
  readonly skip?: ((path: string) => boolean) | undefined;
  /** The sha256, in hex, of a file's content where it is known already; `path` is below the layer's directory. Byte string. */
  readonly known?: ((path: string, stat: FileStat) => string | undefined) | undefined;
}

interface Walk extends DigestOptions {
  /** Digests of files with several names, by device and inode. */
  readonly linked: Map<string, string>;
}

/** Sha256 in hex of a file, or a directory with all that is in it. */
export async function contentDigest(found: Found, options: DigestOptions): Promise<string> {
  const hash = createHash('sha256');
  const pace = new Pace();
  for (const piece of describe(found, '', { ...options, linked: new Map() })) {
    hash.update(piece);
    if (pace.due) await pace.breathe();
  }
  return hash.digest('hex');
}

function* describe(found: Found, path: string, walk: Walk): Generator<string> {
  const { layer, path: place } = found.place;
  const slash = place.lastIndexOf('/');
  const directory = openPlace({ layer, path: place.slice(0, Math.max(slash, 0)) });
  try {
    const own = place.slice(slash + 1);
    yield* describeOwn(directory, own, { inLayer: place.slice(1), path }, statAt(directory, Buffer.from(own, 'latin1')), walk);
  } finally {
    closeSync(directory);
  }
  if (!found.stat.isDirectory()) return;
  if (found.stack.length === 1) {
    const fd = openPlace(found.place);
    try {
      yield* describeChildren(fd, { inLayer: place.slice(1), path }, walk);
    } finally {
      closeSync(fd);
    }
    return;
  }
  for (const name of childNames(found).sort()) {
    const inner = join(path, name);
    if (walk.skip?.(inner) !== true) yield* describe(child(found, name)!, inner, walk);
  }
}

/** Where something is: below the layer's directory, and below what is digested. Byte strings. */
interface Position {
  readonly inLayer: string;
  readonly path: string;
}

const join = (directory: string, name: string): string => (directory === '' ? name : `${directory}/${name}`);

/** What is in an open directory that no other layer adds to. */
function* describeChildren(directory: number, at: Position, walk: Walk): Generator<string> {
  const names = (readdirSync(`/proc/self/fd/${directory}`, 'buffer') as Buffer[]).map((name) => name.toString('latin1')).sort();
  for (const name of names) {
    const position = { inLayer: join(at.inLayer, name), path: join(at.path, name) };
    if (walk.skip?.(position.path) === true) continue;
    const stat = statAt(directory, pathBytes(name));
    if (isWhiteout(stat)) continue;
    yield* describeOwn(directory, name, position, stat, walk);
    if (stat.type !== fileType.directory) continue;
    const inner = openAt(directory, pathBytes(name), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      yield* describeChildren(inner, position, walk);
    } finally {
      closeSync(inner);
    }
  }
}

function* describeOwn(directory: number, name: string, { inLayer, path }: Position, stat: FileStat, walk: Walk): Generator<string> {
  yield `${JSON.stringify(path)} ${stat.type} ${permissions(stat, path)} ${walk.owners ? `${stat.uid}:${stat.gid}` : ''}\n`;
  if (stat.type === fileType.symlink) yield `${JSON.stringify(readlinkSync(descriptorPath(directory, name), 'buffer').toString('latin1'))}\n`;
  else if (stat.type === fileType.characterDevice || stat.type === fileType.blockDevice) yield `${stat.major}:${stat.minor}\n`;
  else if (stat.type === fileType.file) yield `${walk.known?.(inLayer, stat) ?? linkedDigest(directory, name, stat, walk)}\n`;
}

/** Those of a directory that is copied itself are not taken over. */
const permissions = ({ mode, type }: FileStat, path: string): string => (type === fileType.directory && path === '' ? '' : mode.toString(8));

const bufferSize = 256 * 1024;

function linkedDigest(directory: number, name: string, { size, links, device, inode }: FileStat, { linked }: Walk): string {
  const key = `${device}:${inode}`;
  const digest = linked.get(key) ?? fileDigest(directory, name, size);
  if (links > 1) linked.set(key, digest);
  return digest;
}

function fileDigest(directory: number, name: string, size: number): string {
  const hash = createHash('sha256');
  const fd = openAt(directory, pathBytes(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const buffer = Buffer.allocUnsafe(Math.min(size + 1, bufferSize));
  try {
    for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer)) hash.update(buffer.subarray(0, count));
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex');
}
