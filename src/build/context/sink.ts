/**
 * Entries of an archive into a context's tree. Making and removing thousands of files costs more than everything else that a build does
 * with them (each becomes an inode, and ext4 passes over those freed lately one by one), so that a file which is there already, with the
 * same content and permissions, stays. The result is as if the tree had been made anew.
 */
import { createHash, type Hash } from 'node:crypto';
import { rmdirAt, unlinkAt, utimensat } from '../../linux/ffi/files.ts';
import { SystemCallError } from '../../linux/ffi/libc.ts';
import { type FileStat, statAt } from '../../linux/ffi/stat.ts';
import { Directories } from '../../storage/directories.ts';
import { Extractor } from '../../storage/extract.ts';
import { componentsInRoot, pathBytes } from '../../storage/paths.ts';
import type { TarEntry } from '../../storage/tar/entry.ts';
import type { EntrySink } from '../../storage/untar.ts';
import { type ContextTree, isUnchanged, knownFile } from './tree.ts';

/** A file up to here is kept in memory until it is known whether the tree has it; a larger one is written. Bytes. */
const maxHeld = 1024 * 1024;
const implicitMode = 0o755;

interface Place {
  readonly path: string;
  readonly parent: readonly string[];
  readonly name: string;
}

/** A file whose data comes. */
interface Current extends Place {
  readonly hash: Hash;
  /** Its data waits in memory; otherwise it goes to the disk at once. */
  readonly isHeld: boolean;
}

export class ContextSink implements EntrySink {
  readonly #tree: ContextTree;
  readonly #extractor: Extractor;
  readonly #directories: Directories;
  /** Paths that the archive has named so far. */
  readonly #seen = new Set<string>();
  /** The archive is simple enough to be compared with what is there. */
  #comparing = true;
  #current: Current | undefined;
  /** The data of the current file. One buffer for all of them: an allocation for each takes longer than the hashing. */
  readonly #held = Buffer.allocUnsafe(maxHeld);

  /** `directory` is the tree's, open; it stays the caller's to close. */
  constructor(directory: number, tree: ContextTree) {
    this.#tree = tree;
    this.#extractor = new Extractor(directory, { whiteouts: 'none', keepRoot: true, owner: () => ({ uid: 0, gid: 0 }) });
    this.#directories = new Directories(directory, () => ({ uid: 0, gid: 0, mode: implicitMode }));
    // Whatever comes between is half a tree.
    tree.isKnown = false;
  }

  entry(entry: TarEntry): void {
    if (entry.type === 'character-device' || entry.type === 'block-device') return;
    const parent = componentsInRoot(entry.name);
    const name = parent.pop();
    if (name === undefined) return void this.#extractor.entry(entry);
    const place = { path: [...parent, name].join('/'), parent, name };
    if (this.#comparing && !(this.#enter(parent) && this.#compare(entry, place))) this.#giveUp();
    if (!this.#comparing) this.#extractor.entry(entry);
  }

  data(chunk: Uint8Array, offset: number): void {
    if (this.#current) {
      this.#current.hash.update(chunk);
      if (this.#current.isHeld) return this.#held.set(chunk, offset);
    }
    this.#extractor.data(chunk, offset);
  }

  end(entry: TarEntry): void {
    const current = this.#current;
    this.#current = undefined;
    if (current === undefined) return this.#extractor.end(entry);
    const digest = current.hash.digest('hex');
    if (current.isHeld) {
      if (this.#isThere(current, entry, digest)) return;
      this.#extractor.entry(entry);
      this.#extractor.data(this.#held.subarray(0, entry.size), 0);
    }
    this.#extractor.end(entry);
    this.#tree.nodes.set(current.path, knownFile(this.#fd(current.parent), current.name, digest));
  }

  finish(): void {
    if (this.#comparing) this.#removeUnseen();
    this.#extractor.finish();
    this.#tree.isKnown = this.#comparing;
  }

  close(): void {
    this.#extractor.close();
    this.#directories.forget();
  }

  /** The directories above an entry: those that the archive does not list are root's. False when one of them is something else. */
  #enter(parent: readonly string[]): boolean {
    for (let depth = 1; depth <= parent.length; depth++) {
      const path = parent.slice(0, depth).join('/');
      if (this.#seen.has(path)) {
        if (this.#tree.nodes.get(path)?.kind !== 'directory') return false;
        continue;
      }
      const node = this.#tree.nodes.get(path);
      // One that was like no other stands for what a new one would be like.
      if (node && (node.kind !== 'directory' || node.mode !== implicitMode)) return false;
      this.#seen.add(path);
      if (!node) this.#directories.make(parent.slice(0, depth));
      this.#tree.nodes.set(path, { kind: 'directory', mode: implicitMode });
    }
    return true;
  }

  /** Takes an entry, or the beginning of one. False for what cannot be compared: nothing has been done with it. */
  #compare(entry: TarEntry, place: Place): boolean {
    const { nodes } = this.#tree;
    // Extended attributes are not among what is known of a node: without them in any kept tree, none can be left over.
    if (entry.fragments || entry.xattrs) return false;
    const node = nodes.get(place.path);
    const isDirectory = entry.type === 'directory';
    if (this.#seen.has(place.path) && !isDirectory) return false;
    if (node && (node.kind === 'directory') !== isDirectory) return false;
    switch (entry.type) {
      case 'directory':
        this.#extractor.entry(entry);
        nodes.set(place.path, { kind: 'directory', mode: entry.mode });
        break;
      case 'symlink':
        if (node?.kind !== 'symlink' || node.target !== entry.linkName || !this.#retime(place, entry)) this.#extractor.entry(entry);
        nodes.set(place.path, { kind: 'symlink', target: entry.linkName });
        break;
      case 'file': {
        const isHeld = entry.size <= maxHeld;
        if (!isHeld) this.#extractor.entry(entry);
        this.#current = { ...place, hash: createHash('sha256'), isHeld };
        break;
      }
      default:
        return false;
    }
    this.#seen.add(place.path);
    return true;
  }

  #isThere(place: Place, { mode, mtime }: TarEntry, digest: string): boolean {
    const node = this.#tree.nodes.get(place.path);
    if (node?.kind !== 'file' || node.digest !== digest || node.mode !== mode) return false;
    const directory = this.#fd(place.parent);
    const stat = statIfThere(directory, place.name);
    if (stat === undefined || !isUnchanged(node, stat)) return false;
    if (stat.mtime.seconds !== mtime.seconds || stat.mtime.nanoseconds !== mtime.nanoseconds) {
      setTime(directory, place.name, mtime);
      this.#tree.nodes.set(place.path, knownFile(directory, place.name, digest));
    }
    return true;
  }

  /** False when there is nothing of that name. */
  #retime({ parent, name }: Place, { mtime }: TarEntry): boolean {
    const directory = this.#fd(parent);
    if (statIfThere(directory, name) === undefined) return false;
    setTime(directory, name, mtime);
    return true;
  }

  #fd(parent: readonly string[]): number {
    return this.#directories.make(parent).fd;
  }

  /** From here on the archive is unpacked as it comes, onto what it has named so far. */
  #giveUp(): void {
    this.#comparing = false;
    this.#removeUnseen();
    this.#directories.forget();
    this.#tree.nodes.clear();
  }

  #removeUnseen(): void {
    // What is in a directory goes before the directory.
    for (const path of [...this.#tree.nodes.keys()].sort().reverse()) {
      if (this.#seen.has(path)) continue;
      const parent = path.split('/');
      const name = pathBytes(parent.pop()!);
      const directory = this.#fd(parent);
      if (this.#tree.nodes.get(path)!.kind === 'directory') {
        rmdirAt(directory, name);
        this.#directories.forget();
      } else unlinkIfThere(directory, name);
      this.#tree.nodes.delete(path);
    }
  }
}

/** A Dockerfile that `.dockerignore` names has been removed from the last context. */
function statIfThere(directory: number, name: string): FileStat | undefined {
  return unlessMissing(() => statAt(directory, pathBytes(name)));
}

const unlinkIfThere = (directory: number, name: Buffer): void => unlessMissing(() => unlinkAt(directory, name));

function unlessMissing<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function setTime(directory: number, name: string, { seconds, nanoseconds }: TarEntry['mtime']): void {
  const time = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  utimensat(directory, pathBytes(name), time, time);
}
