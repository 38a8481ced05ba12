/** The files of a result in the order and the shape in which fsutil sends them. */
import { closeSync, readlinkSync } from 'node:fs';
import { flistxattr, fgetxattr } from '../../linux/ffi/files.ts';
import { type FileStat, fileType, statAt } from '../../linux/ffi/stat.ts';
import { child, childNames, type Found, openPlace, type Place } from '../../storage/lookup.ts';
import { descriptorPath } from '../../storage/paths.ts';
import { fromByteString } from '../../storage/tar/entry.ts';
import type { Sparse } from './proto/codec.ts';
import { goMode, type Stat } from './proto/fsutil.ts';

export interface ListedFile {
  readonly stat: Sparse<Stat>;
  /** Where its content is; undefined for what has none. */
  readonly content: Place | undefined;
}

/** What is in a directory, each directory before what is in it; sockets are left out. */
export function* listTree(root: Found): Generator<ListedFile> {
  yield* listChildren(root, '', new Map());
}

/** `linked`: first path of each file that has several names, by device and inode. `prefix` is a byte string that is empty or ends with a slash. */
function* listChildren(directory: Found, prefix: string, linked: Map<string, string>): Generator<ListedFile> {
  for (const name of childNames(directory).sort()) {
    const found = child(directory, name);
    if (found === undefined || found.stat.isSocket()) continue;
    yield listed(found, `${prefix}${name}`, linked);
    if (found.stat.isDirectory()) yield* listChildren(found, `${prefix}${name}/`, linked);
  }
}

function listed({ place }: Found, path: string, linked: Map<string, string>): ListedFile {
  const slash = place.path.lastIndexOf('/');
  const directory = openPlace({ layer: place.layer, path: place.path.slice(0, slash) });
  try {
    const name = place.path.slice(slash + 1);
    const stat = statAt(directory, Buffer.from(name, 'latin1'));
    const shown = fromByteString(path);
    const common = { path: shown, mode: goModeOf(stat), uid: stat.uid, gid: stat.gid, modTime: nanosecondsOf(stat) };
    if (stat.type === fileType.symlink) {
      const target = readlinkSync(descriptorPath(directory, name));
      return { stat: { ...common, linkname: target, size: Buffer.byteLength(target) }, content: undefined };
    }
    if (stat.type !== fileType.file) {
      const xattrs = stat.type === fileType.directory ? xattrsOf(place) : new Map<string, Uint8Array>();
      return { stat: { ...common, devmajor: stat.major, devminor: stat.minor, xattrs }, content: undefined };
    }
    const key = `${stat.device}:${stat.inode}`;
    const first = stat.links > 1 ? linked.get(key) : undefined;
    if (first !== undefined) return { stat: { ...common, size: stat.size, linkname: first }, content: undefined };
    if (stat.links > 1) linked.set(key, shown);
    return { stat: { ...common, size: stat.size, xattrs: xattrsOf(place) }, content: place };
  } finally {
    closeSync(directory);
  }
}

const typeBits: Readonly<Record<number, number>> = {
  [fileType.directory]: goMode.directory, [fileType.symlink]: goMode.symlink, [fileType.fifo]: goMode.namedPipe, [fileType.blockDevice]: goMode.device,
  [fileType.characterDevice]: goMode.device + goMode.characterDevice,
};

function goModeOf({ type, mode }: FileStat): number {
  const special = (mode & 0o4000 ? goMode.setuid : 0) + (mode & 0o2000 ? goMode.setgid : 0) + (mode & 0o1000 ? goMode.sticky : 0);
  return (typeBits[type] ?? 0) + special + (mode & 0o777);
}

const nanosecondsOf = ({ mtime }: FileStat): bigint => BigInt(mtime.seconds) * 1_000_000_000n + BigInt(mtime.nanoseconds);

function xattrsOf(place: Place): Map<string, Uint8Array> {
  const fd = openPlace(place);
  try {
    // What overlayfs keeps there is the layer's, not the file's.
    const names = flistxattr(fd).filter((name) => !name.startsWith('trusted.overlay.'));
    return new Map(names.flatMap((name) => {
      const value = fgetxattr(fd, name);
      return value === undefined ? [] : [[name, value.slice()] as const];
    }));
  } finally {
    closeSync(fd);
  }
}
