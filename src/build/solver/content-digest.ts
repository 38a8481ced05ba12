/**
 * The digest of files as a copy of them sees them: names, kinds, permissions, links and contents; owners where they are kept; never
 * times (a change of nothing else is no change).
 */
import { createHash } from 'node:crypto';
import { closeSync, readlinkSync, readSync } from 'node:fs';
import { type FileStat, fileType, statAt } from '../../linux/ffi/stat.ts';
import { child, childNames, type Found, openPlace } from '../../storage/lookup.ts';
import { Pace } from '../../storage/pace.ts';
import { descriptorPath } from '../../storage/paths.ts';

export interface DigestOptions {
  /** Owners count. */
  readonly owners: boolean;
  /** Asked with the path below what is digested: true leaves it out. Byte string. */
  readonly skip?: ((path: string) => boolean) | undefined;
}

interface Walk extends DigestOptions {
  /** Digests of files with several names, by device and inode. */
  readonly known: Map<string, string>;
}

/** Sha256 in hex of a file, or a directory with all that is in it. */
export async function contentDigest(found: Found, options: DigestOptions): Promise<string> {
  const hash = createHash('sha256');
  const pace = new Pace();
  for (const piece of describe(found, '', { ...options, known: new Map() })) {
    hash.update(piece);
    if (pace.due) await pace.breathe();
  }
  return hash.digest('hex');
}

function* describe(found: Found, path: string, options: Walk): Generator<string> {
  const { layer, path: place } = found.place;
  const slash = place.lastIndexOf('/');
  const directory = openPlace({ layer, path: place.slice(0, Math.max(slash, 0)) });
  try {
    const own = place.slice(slash + 1);
    const stat = statAt(directory, Buffer.from(own, 'latin1'));
    yield `${JSON.stringify(path)} ${stat.type} ${permissions(stat, path)} ${options.owners ? `${stat.uid}:${stat.gid}` : ''}\n`;
    if (stat.type === fileType.symlink) yield `${JSON.stringify(readlinkSync(descriptorPath(directory, own), 'buffer').toString('latin1'))}\n`;
    else if (stat.type === fileType.characterDevice || stat.type === fileType.blockDevice) yield `${stat.major}:${stat.minor}\n`;
    else if (stat.type === fileType.file) yield `${contentOf(found, stat, options)}\n`;
  } finally {
    closeSync(directory);
  }
  if (!found.stat.isDirectory()) return;
  for (const name of childNames(found).sort()) {
    const inner = path === '' ? name : `${path}/${name}`;
    if (options.skip?.(inner) !== true) yield* describe(child(found, name)!, inner, options);
  }
}

/** Those of a directory that is copied itself are not taken over. */
const permissions = ({ mode, type }: FileStat, path: string): string => (type === fileType.directory && path === '' ? '' : mode.toString(8));

const bufferSize = 256 * 1024;

function contentOf(found: Found, { size, links, device, inode }: FileStat, { known }: Walk): string {
  const key = `${device}:${inode}`;
  const digest = known.get(key) ?? fileDigest(found, size);
  if (links > 1) known.set(key, digest);
  return digest;
}

function fileDigest(found: Found, size: number): string {
  const hash = createHash('sha256');
  const fd = openPlace(found.place);
  const buffer = Buffer.allocUnsafe(Math.min(size + 1, bufferSize));
  try {
    for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer)) hash.update(buffer.subarray(0, count));
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex');
}
