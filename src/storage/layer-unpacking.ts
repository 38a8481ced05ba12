/**
 * One layer's archive into a directory: files, whiteouts and the record that gives the same archive back. Synchronous.
 */
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { CaissonError, invalidParameter, systemError } from '../errors.ts';
import { renameAt } from '../linux/ffi/files.ts';
import type { ImplicitDirectory } from './directories.ts';
import { Extractor, type Placement } from './extract.ts';
import { layerParts } from './layer-parts.ts';
import { lookUp } from './lookup.ts';
import { pathBytes } from './paths.ts';
import { TarRecordWriter } from './tar-record.ts';
import { fromByteString, type TarEntry } from './tar/entry.ts';
import { TarReader } from './tar/reader.ts';

/** Where a layer is unpacked. */
export interface LayerTarget {
  /** The layer's own directory, which is made. */
  readonly directory: string;
  /** The files of the layers below it, top first. */
  readonly lowers: readonly string[];
}

/** Whoever makes one closes it, and makes errors of its steps into `unpackError`s. */
export class LayerUnpacking {
  /** Name of the entry being unpacked, for messages. */
  current = '';
  readonly #record: TarRecordWriter;
  readonly #reader: TarReader;
  readonly #extractor: Extractor;
  readonly #rootFd: number;
  readonly #replaced: string;
  /** Numbers of the record's items, by the real paths of the files they are read from. */
  readonly #items = new Map<string, number>();
  #placement: Placement = { kind: 'none' };

  constructor({ directory, lowers }: LayerTarget) {
    const parts = layerParts(directory);
    mkdirSync(parts.diff, { recursive: true, mode: 0o755 });
    this.#replaced = parts.replaced;
    this.#record = new TarRecordWriter(parts.record);
    this.#reader = new TarReader((bytes) => this.#record.bytes(bytes));
    this.#rootFd = openSync(parts.diff, constants.O_RDONLY | constants.O_DIRECTORY);
    this.#extractor = new Extractor(this.#rootFd, {
      whiteouts: 'overlay',
      implicitDirectory: (path) => implicitDirectory(lowers, path),
      beforeRemoval: (from, name, path) => this.#keepReplaced(from, name, path),
    });
  }

  /** The chunk is read by the steps that follow, and must stay as it is until `detach`. */
  feed(chunk: Uint8Array): void {
    this.#reader.feed(chunk);
  }

  /** The chunks that were fed are the caller's again. */
  detach(): void {
    this.#reader.detach();
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

  /** After the last chunk; returns the bytes of the layer's regular files. */
  finish(): number {
    this.#reader.finish();
    this.#extractor.finish();
    this.#record.finish();
    return this.#extractor.size;
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

/** What the client is told when a step failed at the entry of this name. */
export function unpackError(error: unknown, entryName: string): unknown {
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

/** A directory that an archive does not list is like the one that it will be merged with. */
function implicitDirectory(lowers: readonly string[], path: string): ImplicitDirectory {
  const stat = lookUp(lowers, fromByteString(path))?.stat;
  return stat?.isDirectory()
    ? { uid: stat.uid, gid: stat.gid, mode: stat.mode & 0o7777 }
    : { uid: 0, gid: 0, mode: 0o755 };
}
