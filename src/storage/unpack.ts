/**
 * One layer's archive into a directory: files, whiteouts, the record that gives the same archive back, and its digest.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { CaissonError, invalidParameter, systemError } from '../errors.ts';
import { renameAt } from '../linux/ffi/files.ts';
import type { ImplicitDirectory } from './directories.ts';
import type { Digest } from './driver.ts';
import { Extractor, type Placement } from './extract.ts';
import { Pace } from './pace.ts';
import { pathBytes } from './paths.ts';
import { TarRecordWriter } from './tar-record.ts';
import { fromByteString, type TarEntry } from './tar/entry.ts';
import { TarReader } from './tar/reader.ts';

/** The parts of a layer's directory. */
export const layerParts = (directory: string) => ({
  diff: `${directory}/diff`,
  record: `${directory}/tar-record`,
  replaced: `${directory}/replaced`,
});

export interface Unpacked {
  readonly diffId: Digest;
  /** Bytes of its regular files. */
  readonly size: number;
}

/**
 * Unpacks an uncompressed archive into a new directory. Yields to the event loop. Rejects with invalid-parameter for a
 * bad archive; what is in `directory` then is the caller's to remove.
 */
export async function unpackLayer(
  directory: string,
  tar: AsyncIterable<Uint8Array>,
  implicitDirectory: (path: string) => ImplicitDirectory,
): Promise<Unpacked> {
  const unpacking = new LayerUnpacking(directory, implicitDirectory);
  try {
    const pace = new Pace();
    for await (const chunk of tar) {
      unpacking.feed(chunk);
      while (unpacking.step()) if (pace.due) await pace.breathe();
      await pace.breathe();
    }
    return unpacking.finish();
  } catch (error) {
    throw unpackError(error, unpacking.current);
  } finally {
    unpacking.close();
  }
}

class LayerUnpacking {
  /** Name of the entry being unpacked, for messages. */
  current = '';
  readonly #hash = createHash('sha256');
  readonly #record: TarRecordWriter;
  readonly #reader: TarReader;
  readonly #extractor: Extractor;
  readonly #rootFd: number;
  readonly #replaced: string;
  /** Numbers of the record's items, by the real paths of the files they are read from. */
  readonly #items = new Map<string, number>();
  #placement: Placement = { kind: 'none' };

  constructor(directory: string, implicitDirectory: (path: string) => ImplicitDirectory) {
    const parts = layerParts(directory);
    mkdirSync(parts.diff, { recursive: true, mode: 0o755 });
    this.#replaced = parts.replaced;
    this.#record = new TarRecordWriter(parts.record);
    this.#reader = new TarReader((bytes) => this.#record.bytes(bytes));
    this.#rootFd = openSync(parts.diff, constants.O_RDONLY | constants.O_DIRECTORY);
    this.#extractor = new Extractor(this.#rootFd, {
      whiteouts: 'overlay',
      implicitDirectory,
      beforeRemoval: (from, name, path) => this.#keepReplaced(from, name, path),
    });
  }

  feed(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#reader.feed(chunk);
  }

  /** Works off one event; false when more must be fed. */
  step(): boolean {
    const event = this.#reader.next();
    if (!event) return false;
    if (event.type === 'entry') this.#begin(event.entry);
    else if (event.type === 'end') this.#extractor.end(event.entry);
    else if (this.#placement.kind === 'file') this.#extractor.data(event.chunk, event.offset);
    else this.#record.bytes(event.chunk);
    return true;
  }

  finish(): Unpacked {
    this.#reader.finish();
    this.#extractor.finish();
    this.#record.finish();
    return { diffId: `sha256:${this.#hash.digest('hex')}`, size: this.#extractor.size };
  }

  close(): void {
    this.#extractor.close();
    this.#record.close();
    closeSync(this.#rootFd);
  }

  #begin(entry: TarEntry): void {
    this.current = entry.name;
    this.#placement = this.#extractor.entry(entry);
    if (this.#placement.kind !== 'file' || entry.size === 0) return;
    const fragments = (entry.fragments ?? [{ offset: 0, length: entry.size }]).filter(({ length }) => length > 0);
    if (fragments.length > 0) this.#items.set(this.#placement.path, this.#record.file(this.#placement.path, fragments));
  }

  /** The record still needs the data of a file that a later entry replaces. */
  #keepReplaced(from: number, name: string, path: string): boolean {
    const item = this.#items.get(path);
    if (item === undefined) return false;
    this.#items.delete(path);
    mkdirSync(this.#replaced, { recursive: true, mode: 0o700 });
    renameAt(from, pathBytes(name), -100, `${this.#replaced}/${item}`);
    return true;
  }
}

/** Errors that are this host's, not the archive's. */
export const hostErrors: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EROFS',
  'ENOMEM',
  'EMFILE',
  'ENFILE',
  'EACCES',
  'EPERM',
  'ENOSYS',
]);

function unpackError(error: unknown, entryName: string): unknown {
  if (
    error instanceof CaissonError ||
    !(error instanceof Error) ||
    !('code' in error) ||
    typeof error.code !== 'string'
  )
    return error;
  const name = fromByteString(entryName);
  const facts = { operation: 'unpack layer', object: name, cause: error };
  if (hostErrors.has(error.code)) return systemError(`unpacking "${name}" failed: ${error.message}`, facts);
  return /^E[A-Z0-9]+$/.test(error.code) ? invalidParameter(`invalid tar: "${name}": ${error.message}`, facts) : error;
}
