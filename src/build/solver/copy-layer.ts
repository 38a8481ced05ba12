/**
 * A layer of copied files, as an archive: directories on the way first, as they are below or new, then the files under their new
 * names. What Docker's classic builder does with a mounted root is decided here from the directories of the layers.
 */
import { closeSync } from 'node:fs';
import { posix } from 'node:path';
import { invalidParameter } from '../../errors.ts';
import { type FileStat, fileType, statAt } from '../../linux/ffi/stat.ts';
import { type Found, openPlace } from '../../storage/lookup.ts';
import { packFound, packFoundContents, type PackOptions, type Walk, walkOf } from '../../storage/pack.ts';
import { fromByteString, toByteString } from '../../storage/tar/entry.ts';
import { encodeHeader } from '../../storage/tar/writer.ts';
import { parseFileMode } from '../file-mode.ts';
import { IgnorePatterns } from '../ignore-patterns.ts';
import type { CopyOperation } from '../graph/vertex.ts';
import { archiveEntries, isArchive } from './add-archive.ts';
import { type Destination, resolveDestination } from './destination.ts';
import type { FoundSource } from './find-sources.ts';
import { type Owner, ownerNamed, rootOwner } from './owner.ts';

/** A source with its content's place; a file from a URL is never unpacked. */
export interface CopiedSource extends FoundSource {
  readonly unpackable: boolean;
}

export interface CopyInput {
  readonly operation: CopyOperation;
  /** Directories of the tree that is copied into, topmost first. */
  readonly base: readonly string[];
  readonly sources: readonly CopiedSource[];
  /** Of directories that are made, in seconds. */
  readonly now: number;
}

/** Pieces of the layer's archive, without its end. Throws in Docker's words, which do not name the host's paths. */
export async function* copyPieces(input: CopyInput): AsyncGenerator<Uint8Array> {
  const { operation } = input;
  const owner = operation.chown === '' ? rootOwner : ownerNamed(operation.chown, input.base);
  const made = new MadeDirectories(input, owner);
  const walk = walkOf(packOptions(operation, owner));
  for (const source of input.sources) yield* copySource(input, source, made, walk);
}

function packOptions({ chown, chmod, keepOwner }: CopyOperation, owner: Owner): PackOptions {
  return {
    whiteouts: 'hidden',
    ...(keepOwner && chown === '' ? {} : { owner: () => owner }),
    ...(chmod === '' ? {} : { mode: ({ mode, type }: FileStat) => parseFileMode(chmod)!(mode, type === fileType.directory) }),
  };
}

async function* copySource({ operation, base }: CopyInput, source: CopiedSource, made: MadeDirectories, walk: Walk): AsyncGenerator<Uint8Array> {
  const { found, path } = source;
  const isDirectory = found.stat.isDirectory();
  const kept = operation.parents ? keptPath(path) : '';
  const destination = kept === '' ? operation.destination : `${operation.destination.replace(/\/?$/, '/')}${kept}`;
  if (isDirectory) {
    const target = resolveDestination(base, toByteString(destination));
    yield* made.directory(target, 'copy');
    const prefix = target.path.length === 0 ? '' : `${target.path.join('/')}/`;
    yield* packFoundContents(found, prefix, excluding(walk, operation.excludes, prefix));
    return;
  }
  if (operation.unpack && source.unpackable && await isArchive(found)) {
    const target = resolveDestination(base, toByteString(destination));
    yield* made.directory(target, 'unpack');
    yield* archiveEntries(found, target, base, operation.chown === '' ? undefined : made.owner);
    return;
  }
  const target = fileTarget(base, destination, posix.basename(path), kept !== '');
  yield* made.parents(target, destination);
  yield* packFound(found, target.path.join('/'), walk);
}

/** Below a directory that is there, or is asked for by a slash, the file keeps its name. */
function fileTarget(base: readonly string[], destination: string, name: string, named: boolean): Destination {
  const target = resolveDestination(base, toByteString(destination));
  const isDirectory = target.path.length === 0 || target.found.at(-1)?.stat.isDirectory() === true;
  if (named || !(destination.endsWith('/') || isDirectory)) return target;
  // What has its name there is replaced, and a link not followed.
  return { path: [...target.path, toByteString(name)], found: [...target.found, undefined] };
}

/** `COPY --parents`: the path as it is written, from `/./` on where that is in it. */
function keptPath(path: string): string {
  const pivot = path.indexOf('/./');
  return pivot === -1 ? path : path.slice(pivot + 3);
}

function excluding(walk: Walk, excludes: readonly string[], prefix: string): Walk {
  if (excludes.length === 0) return walk;
  const skip = excluder(excludes);
  return { ...walk, options: { ...walk.options, skip: (name) => skip(name.slice(prefix.length)) } };
}

/** Patterns of `--exclude` are relative to the source; `path` is a byte string. */
export function excluder(excludes: readonly string[]): (path: string) => boolean {
  const patterns = new IgnorePatterns(excludes);
  return (path) => patterns.matches(fromByteString(path));
}

/** The directories that lead to what is copied: each is in the archive once. */
class MadeDirectories {
  readonly #input: CopyInput;
  readonly owner: Owner;
  readonly #done = new Set<string>();

  constructor(input: CopyInput, owner: Owner) {
    this.#input = input;
    this.owner = owner;
  }

  /** Those above a file; new ones belong to whom the file will. */
  *parents({ path, found }: Destination, destination: string): Generator<Uint8Array> {
    const refusal = (component: string) => (destination.endsWith('/') ? `failed to create new directory: mkdir ${component}` : `lstat ${destination}`);
    yield* this.#make(path.slice(0, -1), found.slice(0, -1), 0, refusal);
  }

  /** A directory with those above it; only itself belongs to whom its files will. */
  *directory({ path, found }: Destination, what: 'copy' | 'unpack'): Generator<Uint8Array> {
    const doing = what === 'copy' ? 'copy directory' : 'unpack archive';
    yield* this.#make(path, found, path.length - 1, (component) => `failed to ${doing}: mkdir ${component}`, what === 'copy');
  }

  *#make(path: readonly string[], found: readonly (Found | undefined)[], ownedFrom: number, refusal: (path: string) => string, takesMode = true): Generator<Uint8Array> {
    for (const [index] of path.entries()) {
      const name = path.slice(0, index + 1).join('/');
      const there = found[index];
      if (there && !there.stat.isDirectory()) throw invalidParameter(`failed to copy files: ${refusal(fromByteString(`/${name}`))}: not a directory`, { object: fromByteString(`/${name}`) });
      if (this.#done.has(name)) continue;
      this.#done.add(name);
      yield there ? existingDirectory(name, there) : this.#newDirectory(name, index >= ownedFrom, takesMode);
    }
  }

  #newDirectory(name: string, ofFiles: boolean, takesMode: boolean): Uint8Array {
    const { chmod } = this.#input.operation;
    // An octal --chmod is for what is made on the way, too; symbols are not, and no --chmod is for archives.
    const mode = ofFiles && takesMode && /^[0-7]+$/.test(chmod) ? Number.parseInt(chmod, 8) : 0o755;
    return encodeHeader({ name: `${name}/`, type: 'directory', mode, ...(ofFiles ? this.owner : rootOwner), mtime: { seconds: this.#input.now, nanoseconds: 0 } });
  }
}

function existingDirectory(name: string, { place }: Found): Uint8Array {
  const fd = openPlace(place);
  try {
    const { mode, uid, gid, mtime } = statAt(fd, '');
    return encodeHeader({ name: `${name}/`, type: 'directory', mode, uid, gid, mtime });
  } finally {
    closeSync(fd);
  }
}

/** The layer of a directory that is made with those above it; undefined when it is there. Throws in Docker's words. */
export function directoryPieces(base: readonly string[], path: string, now: number): Uint8Array[] | undefined {
  const { path: real, found } = resolveDestination(base, toByteString(path));
  const blocked = found.find((there) => there && !there.stat.isDirectory());
  if (blocked) throw invalidParameter(`Cannot mkdir: ${path} is not a directory`, { object: path });
  if (found.every((there) => there !== undefined)) return undefined;
  return real.map((_, index) => {
    const name = real.slice(0, index + 1).join('/');
    const there = found[index];
    return there ? existingDirectory(name, there) : encodeHeader({ name: `${name}/`, type: 'directory', mode: 0o755, mtime: { seconds: now, nanoseconds: 0 } });
  });
}
