/** For tests beside the code: archives from a few words, and a driver on a directory of its own. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaissonError } from '../errors.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { Overlay2Driver } from './overlay2.ts';
import { removeTree } from './remove.ts';
import { encodeHeader, endOfArchive, type EntryToWrite, padding } from './tar/writer.ts';

export const isRoot = process.getuid?.() === 0;

/** An archive of entries; those with content are files unless they say otherwise. */
export function tarOf(...entries: (Partial<EntryToWrite> & { name: string; content?: string | Uint8Array })[]): Buffer {
  const parts = entries.flatMap(({ content, ...entry }) => {
    const bytes = Buffer.from(content ?? '');
    const type = entry.type ?? (entry.name.endsWith('/') ? 'directory' : 'file');
    return [
      encodeHeader({ mode: type === 'directory' ? 0o755 : 0o644, ...entry, type, size: bytes.length }),
      bytes,
      padding(bytes.length),
    ];
  });
  return Buffer.concat([...parts, endOfArchive]);
}

/** A stream of bytes in pieces. */
export async function* streamOf(bytes: Uint8Array, step = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

/** Reads a stream to its end. */
export async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  const iterator = stream[Symbol.asyncIterator]();
  while (!(await iterator.next()).done);
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What a promise is rejected with, or an empty message when it is not. */
export function failureOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => '',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

/** The error class a promise is rejected with. */
export function failureClassOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (error instanceof CaissonError ? error.class : String(error)),
  );
}

export interface TestRoot {
  readonly dataRoot: string;
  readonly database: Database;
  readonly storage: Overlay2Driver;
  /** The same data root, opened again as after a crash. */
  reopen(): { database: Database; storage: Overlay2Driver };
  remove(): Promise<void>;
}

export function createTestRoot(): TestRoot {
  const dataRoot = mkdtempSync(join(tmpdir(), 'caisson-storage-'));
  const open = () => {
    const database = openDatabase(join(dataRoot, 'caisson.db'));
    return { database, storage: new Overlay2Driver({ dataRoot, database, quotas: undefined, bounds: { size: 0, minimum: 0 } }) };
  };
  return { dataRoot, ...open(), reopen: open, remove: () => removeTree(dataRoot) };
}
