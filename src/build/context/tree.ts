/** The files of a context on the disk, and what is known of them: enough to tell which of the next context's are there already. */
import { type FileStat, statAt } from '../../linux/ffi/stat.ts';
import { pathBytes } from '../../storage/paths.ts';

export type ContextNode =
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'symlink'; readonly target: string }
  | KnownFile;

/** A file with one name, as it was when its content was hashed. */
export interface KnownFile {
  readonly kind: 'file';
  readonly mode: number;
  /** Sha256 in hex. */
  readonly digest: string;
  /** Nobody can write to a file and leave all of these as they are. */
  readonly inode: bigint;
  readonly ctime: FileStat['ctime'];
  readonly size: number;
}

export class ContextTree {
  /** Its directory. */
  readonly path: string;
  /** By path below the directory, without slashes at its ends. Byte strings. */
  readonly nodes = new Map<string, ContextNode>();
  /** `nodes` are all that is in the directory. */
  isKnown = false;

  constructor(path: string) {
    this.path = path;
  }

  /** The digest of a file whose content is known and has not changed since; `path` as in `nodes`. */
  digestOf(path: string, stat: FileStat): string | undefined {
    const node = this.nodes.get(path);
    return node?.kind === 'file' && isUnchanged(node, stat) ? node.digest : undefined;
  }

  /** Bytes of its files. */
  get size(): number {
    let size = 0;
    for (const node of this.nodes.values()) if (node.kind === 'file') size += node.size;
    return size;
  }
}

export const isUnchanged = (known: KnownFile, { inode, ctime, size }: FileStat): boolean =>
  inode === known.inode && size === known.size && ctime.seconds === known.ctime.seconds && ctime.nanoseconds === known.ctime.nanoseconds;

/** What is known of a file that has just been written, or looked at. */
export function knownFile(directory: number, name: string, digest: string): KnownFile {
  const { mode, inode, ctime, size } = statAt(directory, pathBytes(name));
  return { kind: 'file', mode, digest, inode, ctime, size };
}
