/**
 * The files of an image archive, put aside under names of our own while the archive streams in: an archive's parts may
 * come in any order. Nothing is ever written under a name from the archive.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { invalidParameter } from '../errors.ts';
import { Pace } from '../storage/pace.ts';
import { componentsInRoot } from '../storage/paths.ts';
import { removeTree } from '../storage/remove.ts';
import { compressionOf } from '../storage/tar/compression.ts';
import { fromByteString, type TarEntry } from '../storage/tar/entry.ts';
import { TarReader } from '../storage/tar/reader.ts';

/** Archives have a few entries for each layer. */
const maxEntries = 100_000;
/** Manifests, indexes and configurations are far smaller. */
const maxDocument = 16 * 1024 * 1024;
const readSize = 256 * 1024;
const maxLinks = 10;

export class ArchiveSpool {
  /** Directories of archives that are being loaded. */
  static readonly inUse = new Set<string>();
  readonly #directory: string;
  readonly #files = new Map<string, number>();
  /** Old archives name a layer twice by a symlink. */
  readonly #links = new Map<string, string>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Takes in a whole, uncompressed archive. Rejects with invalid-parameter when it is none; nothing stays behind then.
   */
  static async receive(temporaryRoot: string, tar: AsyncIterable<Uint8Array>): Promise<ArchiveSpool> {
    const spool = new ArchiveSpool(`${temporaryRoot}/load-${randomUUID()}`);
    ArchiveSpool.inUse.add(spool.#directory);
    mkdirSync(spool.#directory, { recursive: true, mode: 0o700 });
    try {
      await spool.#fill(tar);
      return spool;
    } catch (error) {
      await spool.remove();
      throw error;
    }
  }

  remove(): Promise<void> {
    return removeTree(this.#directory).finally(() => ArchiveSpool.inUse.delete(this.#directory));
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** Bytes of a file. Throws invalid-parameter when the archive has none of that name. */
  size(name: string): number {
    const fd = this.#open(name);
    try {
      return fstatSync(fd).size;
    } finally {
      closeSync(fd);
    }
  }

  /** A document of at most 16 MiB. Throws invalid-parameter when it is larger or missing. */
  document(name: string): Uint8Array {
    const fd = this.#open(name);
    try {
      const { size } = fstatSync(fd);
      if (size > maxDocument)
        throw invalidParameter(`invalid archive: ${name} is larger than 16 MiB`, { object: name });
      const bytes = new Uint8Array(size);
      for (let at = 0; at < size;) at += readSync(fd, bytes, at, size - at, at);
      return bytes;
    } finally {
      closeSync(fd);
    }
  }

  isCompressed(name: string): boolean {
    const fd = this.#open(name);
    try {
      const head = Buffer.alloc(8);
      return compressionOf(head.subarray(0, readSync(fd, head, 0, head.length, 0))) !== 'none';
    } finally {
      closeSync(fd);
    }
  }

  /** A file's bytes. With `reuse` each piece is overwritten when the next is asked for. */
  async *stream(name: string, { reuse }: { readonly reuse: boolean }): AsyncGenerator<Uint8Array> {
    const fd = this.#open(name);
    try {
      let piece = Buffer.allocUnsafeSlow(readSize);
      for (let at = 0; ;) {
        const count = readSync(fd, piece, 0, readSize, at);
        if (count === 0) return;
        at += count;
        yield piece.subarray(0, count);
        if (!reuse) piece = Buffer.allocUnsafeSlow(readSize);
      }
    } finally {
      closeSync(fd);
    }
  }

  #open(name: string): number {
    const number = this.#find(name);
    if (number === undefined) throw invalidParameter(`invalid archive: it has no file ${name}`, { object: name });
    return openSync(`${this.#directory}/${number}`, 'r');
  }

  #find(name: string): number | undefined {
    let path = normal(name);
    for (let hops = 0; hops <= maxLinks; hops++) {
      const number = this.#files.get(path);
      if (number !== undefined) return number;
      const target = this.#links.get(path);
      if (target === undefined) return undefined;
      path = target;
    }
    return undefined;
  }

  async #fill(tar: AsyncIterable<Uint8Array>): Promise<void> {
    const reader = new TarReader();
    const pace = new Pace();
    let fd: number | undefined;
    try {
      for await (const chunk of tar) {
        reader.feed(chunk);
        for (let event = reader.next(); event; event = reader.next()) {
          if (event.type === 'entry') fd = this.#begin(event.entry);
          else if (event.type === 'data' && fd !== undefined) write(fd, event.chunk, event.offset);
          else if (event.type === 'end' && fd !== undefined) {
            closeSync(fd);
            fd = undefined;
          }
          if (pace.due) await pace.breathe();
        }
      }
      reader.finish();
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  #begin(entry: TarEntry): number | undefined {
    const path = componentsInRoot(entry.name).join('/');
    const number = this.#files.size + this.#links.size;
    if (number >= maxEntries) throw invalidParameter('invalid archive: it has more than 100000 files');
    if (entry.type === 'symlink' || entry.type === 'hard-link') {
      const base =
        entry.type === 'symlink' && !entry.linkName.startsWith('/') ? path.split('/').slice(0, -1).join('/') : '';
      this.#links.set(path, componentsInRoot(`${base}/${entry.linkName}`, 'link to').join('/'));
    }
    if (entry.type !== 'file') return undefined;
    this.#files.delete(path);
    const fd = openSync(`${this.#directory}/${this.#next}`, 'wx', 0o600);
    this.#files.set(path, this.#next++);
    return fd;
  }

  #next = 0;
}

function normal(name: string): string {
  return componentsInRoot(Buffer.from(name).toString('latin1')).join('/');
}

function write(fd: number, chunk: Uint8Array, offset: number): void {
  for (let done = 0; done < chunk.length;) done += writeSync(fd, chunk, done, chunk.length - done, offset + done);
}

/** A name from an archive, for messages. */
export const shown = (name: string) => fromByteString(name);
