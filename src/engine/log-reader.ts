/** Reads the json-file logs that shims write: all or their end, and on while they are written. */
import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { invalidParameter } from '../errors.ts';
import type { LogsRequest } from './engine.ts';
import { inodeAt, type LogCursor, openLogs } from './log-files.ts';
import { RecordReader } from './log-records.ts';
import { nowNanoseconds, parseBound } from './timestamps.ts';

/**
 * Streams with headers (`stream 0 0 0 length`) unless the container has a terminal. Throws invalid-parameter at once for a time
 * that is none. Following ends when `isLive` says so at a change, or with the request's signal.
 */
export function readLogs(path: string, request: LogsRequest, tty: boolean, isLive: () => boolean): AsyncGenerator<Uint8Array> {
  const { stdout, stderr, timestamps, details } = request;
  const until = bound(request.until);
  const reader = new RecordReader({ stdout, stderr, timestamps, details, tty, since: bound(request.since), until });
  const goesOn = () => isLive() && request.signal?.aborted !== true && !(until !== undefined && until < nowNanoseconds());
  return stream(path, request, reader, goesOn);
}

async function* stream(path: string, request: LogsRequest, reader: RecordReader, goesOn: () => boolean): AsyncGenerator<Uint8Array> {
  const follower = request.follow ? new Follower(path) : undefined;
  const cancel = () => wakeFollowers(path);
  request.signal?.addEventListener('abort', cancel);
  const cursors = openLogs(path);
  try {
    if (!request.follow) cursors.at(-1)?.freeze();
    await seekTail(cursors, parseTail(request.tail));
    for (let live = true; live && !reader.past;) {
      live = goesOn();
      const changed = follower?.next();
      yield* drain(cursors, reader, request.follow ? path : undefined);
      if (changed === undefined) return;
      if (live) await changed;
    }
  } finally {
    request.signal?.removeEventListener('abort', cancel);
    follower?.close();
    for (const cursor of cursors) cursor.close();
  }
}

function bound(text: string): bigint | undefined {
  if (text === '0' || text === '') return undefined;
  const value = parseBound(text);
  if (value === 'invalid') throw invalidParameter(`strconv.ParseInt: parsing ${JSON.stringify(text.split('.')[0])}: invalid syntax`);
  return value;
}

/** Undefined for all lines. Docker takes anything that is no number as all. */
function parseTail(tail: string): number | undefined {
  const lines = Number(tail === '' ? 'all' : tail);
  return Number.isInteger(lines) && lines >= 0 ? lines : undefined;
}

/** Leaves only the last `lines` lines to be read, of all files together. */
async function seekTail(cursors: readonly LogCursor[], lines: number | undefined): Promise<void> {
  let missing = lines;
  if (missing === undefined) return;
  for (const cursor of cursors.toReversed()) missing = await cursor.seekTail(missing);
}

/**
 * All that is there now, file by file; those that come into being meanwhile too, when `path` says where. The last one stays open: it grows.
 * A chunk is at most a block of a file, and the event loop has a turn between two blocks.
 */
async function* drain(cursors: LogCursor[], reader: RecordReader, path?: string): AsyncGenerator<Uint8Array> {
  if (cursors.length === 0 && path !== undefined) cursors.push(...openLogs(path));
  for (let cursor = cursors[0]; cursor !== undefined; cursor = cursors[0]) {
    // Looked for first: what is written after a rotation is in another file.
    if (cursors.length === 1 && path !== undefined) cursors.push(...newerThan(cursor, path));
    const isLast = cursors.length === 1;
    for (let lines = await cursor.read(); lines !== undefined && !reader.past; lines = await cursor.read()) yield* reader.read(lines);
    if (isLast || reader.past) return;
    cursor.close();
    cursors.shift();
  }
}

/** What rotations have put after it; none when it was only removed, and the shim still writes to it. */
function newerThan(cursor: LogCursor, path: string): LogCursor[] {
  const current = inodeAt(path);
  return current === undefined || current === cursor.inode ? [] : openLogs(path, cursor.inode);
}

/** Tells of changes in the log's directory: writes to the log, rotation, and the end of the container (`wake`). */
class Follower {
  static readonly #live = new Map<string, Set<Follower>>();
  readonly #path: string;
  readonly #watcher: ReturnType<typeof watch>;
  #changed = false;
  #wake: (() => void) | undefined;

  constructor(path: string) {
    this.#path = path;
    const name = basename(path);
    this.#watcher = watch(dirname(path), (_event, file) => {
      if (file === null || file.startsWith(name)) this.#notify();
    });
    this.#watcher.on('error', () => this.#notify());
    const peers = Follower.#live.get(path) ?? new Set();
    Follower.#live.set(path, peers.add(this));
  }

  static wake(path: string): void {
    for (const follower of Follower.#live.get(path) ?? []) follower.#notify();
  }

  #notify(): void {
    this.#changed = true;
    this.#wake?.();
  }

  /** Settles at the first change after this call. */
  next(): Promise<void> {
    this.#changed = false;
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#changed) resolve();
    });
  }

  close(): void {
    this.#watcher.close();
    this.#notify();
    const peers = Follower.#live.get(this.#path);
    peers?.delete(this);
    if (peers?.size === 0) Follower.#live.delete(this.#path);
  }
}

/** Lets `logs -f` of a container see that it has ended. */
export const wakeFollowers = (path: string) => Follower.wake(path);
