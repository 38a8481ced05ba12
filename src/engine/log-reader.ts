/** Reads the json-file logs that shims write, and turns them into Docker's stream frames. */
import { closeSync, fstatSync, openSync, readSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { invalidParameter } from '../errors.ts';
import type { LogsRequest } from './engine.ts';
import { frameHeader } from './stream-session.ts';
import { parseBound, parseTime } from './timestamps.ts';

interface LogLine {
  readonly log: string;
  readonly stream: 'stdout' | 'stderr';
  readonly time: string;
}

interface Selection {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly since: bigint | undefined;
  readonly until: bigint | undefined;
  readonly timestamps: boolean;
  readonly tty: boolean;
}

const blockSize = 256 * 1024;
const newline = 0x0a;

/**
 * Streams with headers (`stream 0 0 0 length`) unless the container has a terminal. Throws invalid-parameter at once for a time
 * that is none. Following ends when `isLive` says so at a change, or with the request's signal.
 */
export function readLogs(path: string, request: LogsRequest, tty: boolean, isLive: () => boolean): AsyncGenerator<Uint8Array> {
  const selection: Selection = {
    stdout: request.stdout, stderr: request.stderr, timestamps: request.timestamps, tty,
    since: bound(request.since, 'since'), until: bound(request.until, 'until'),
  };
  return stream(path, request, selection, () => isLive() && request.signal?.aborted !== true);
}

async function* stream(path: string, request: LogsRequest, selection: Selection, isLive: () => boolean): AsyncGenerator<Uint8Array> {
  const tail = parseTail(request.tail);
  const follower = request.follow ? new Follower(path) : undefined;
  const cancel = () => wakeFollowers(path);
  request.signal?.addEventListener('abort', cancel);
  try {
    const files = existing(path);
    let cursor: Cursor | undefined;
    if (tail === undefined) {
      for (const file of files) {
        cursor = new Cursor(file);
        yield* drain(cursor, selection);
        if (file !== path) cursor.close();
      }
    } else {
      const start = tailStart(files, tail);
      for (const [index, file] of files.entries()) {
        if (index < start.file) continue;
        cursor = new Cursor(file, index === start.file ? start.offset : 0);
        yield* drain(cursor, selection);
        if (file !== path) cursor.close();
      }
    }
    try {
      if (follower) yield* follow(path, cursor, follower, selection, isLive);
    } finally {
      cursor?.close();
    }
  } finally {
    request.signal?.removeEventListener('abort', cancel);
    follower?.close();
  }
}

async function* follow(path: string, first: Cursor | undefined, follower: Follower, selection: Selection, isLive: () => boolean) {
  let cursor = first;
  try {
    for (;;) {
      const live = isLive();
      const changed = follower.next();
      cursor ??= tryOpen(path);
      if (cursor) {
        yield* drain(cursor, selection);
        if (cursor.wasRotated(path)) {
          yield* drain(cursor, selection);
          cursor.close();
          cursor = tryOpen(path);
          continue;
        }
      }
      if (!live || isPast(selection.until)) return;
      await changed;
    }
  } finally {
    if (cursor !== first) cursor?.close();
  }
}

const isPast = (until: bigint | undefined) => until !== undefined && until < BigInt(Date.now()) * 1_000_000n;

function bound(text: string, name: string): bigint | undefined {
  if (text === '0' || text === '') return undefined;
  const value = parseBound(text);
  if (value === 'invalid') throw invalidParameter(`invalid value for "${name}": ${text}`);
  return value;
}

/** Undefined for all lines. Docker takes anything that is no number as all. */
function parseTail(tail: string): number | undefined {
  const lines = Number(tail === '' ? 'all' : tail);
  return Number.isInteger(lines) && lines >= 0 ? lines : undefined;
}

/** Oldest first: `path.N` … `path.1`, `path`. */
function existing(path: string): string[] {
  const files: string[] = [];
  for (let index = 1; ; index++) {
    const rotated = tryOpen(`${path}.${index}`);
    if (!rotated) break;
    rotated.close();
    files.unshift(`${path}.${index}`);
  }
  const current = tryOpen(path);
  if (current) {
    current.close();
    files.push(path);
  }
  return files;
}

function tryOpen(path: string): Cursor | undefined {
  try {
    return new Cursor(path);
  } catch {
    return undefined; // not written yet, or rotated away between two looks
  }
}

/** Where the last `lines` lines begin. */
function tailStart(files: readonly string[], lines: number): { file: number; offset: number } {
  let missing = lines;
  for (let index = files.length - 1; index >= 0; index--) {
    const found = lastLines(files[index] ?? '', missing);
    if (found.missing === 0) return { file: index, offset: found.offset };
    missing = found.missing;
  }
  return { file: 0, offset: 0 };
}

function lastLines(file: string, lines: number): { offset: number; missing: number } {
  const fd = openSync(file, 'r');
  try {
    let end = fstatSync(fd).size;
    if (lines === 0) return { offset: end, missing: 0 };
    const size = end;
    let missing = lines;
    const block = Buffer.allocUnsafe(blockSize);
    while (end > 0) {
      const start = Math.max(0, end - blockSize);
      const length = readSync(fd, block, 0, end - start, start);
      for (let at = length - 1; at >= 0; at--) {
        if (block[at] !== newline || start + at === size - 1) continue;
        if (--missing === 0) return { offset: start + at + 1, missing: 0 };
      }
      end = start;
    }
    return { offset: 0, missing: size === 0 ? missing : missing - 1 };
  } finally {
    closeSync(fd);
  }
}

/** An open log file and how far it has been read; only whole lines are taken. */
class Cursor {
  readonly #fd: number;
  readonly #inode: number;
  #offset: number;
  #closed = false;

  constructor(path: string, offset = 0) {
    this.#fd = openSync(path, 'r');
    this.#inode = fstatSync(this.#fd).ino;
    this.#offset = offset;
  }

  /** The next whole lines, at least one if there is one; undefined at the end. */
  read(): Buffer | undefined {
    for (let size = blockSize; ; size *= 4) {
      const block = Buffer.allocUnsafe(size);
      const length = readSync(this.#fd, block, 0, size, this.#offset);
      const last = block.subarray(0, length).lastIndexOf(newline);
      if (last >= 0) {
        this.#offset += last + 1;
        return block.subarray(0, last + 1);
      }
      if (length < size) return undefined;
    }
  }

  wasRotated(path: string): boolean {
    const current = tryOpen(path);
    if (!current) return false;
    const rotated = current.#inode !== this.#inode;
    current.close();
    return rotated;
  }

  close(): void {
    if (!this.#closed) closeSync(this.#fd);
    this.#closed = true;
  }
}

/** Yields one chunk of frames for each block of the file, giving the event loop a turn between them. */
async function* drain(cursor: Cursor, selection: Selection): AsyncGenerator<Uint8Array> {
  for (let block = cursor.read(); block; block = cursor.read()) {
    const frames = block.toString('utf8').split('\n').flatMap((line) => frame(line, selection));
    if (frames.length > 0) yield Buffer.concat(frames);
  }
}

function frame(text: string, selection: Selection): Uint8Array[] {
  const line = parseLine(text);
  if (!line || !selection[line.stream]) return [];
  if (selection.since !== undefined || selection.until !== undefined) {
    const at = parseTime(line.time) ?? 0n;
    if (selection.since !== undefined && at < selection.since) return [];
    if (selection.until !== undefined && at > selection.until) return [];
  }
  const payload = Buffer.from(selection.timestamps ? `${padTime(line.time)} ${line.log}` : line.log, 'utf8');
  if (selection.tty) return [payload];
  return [frameHeader(line.stream, payload.length), payload];
}

/** Docker prints nine digits always. */
const padTime = (time: string) => time.replace(/(?:\.(\d+))?Z$/, (_match, fraction: string | undefined) => `.${(fraction ?? '').padEnd(9, '0')}Z`);

function parseLine(text: string): LogLine | undefined {
  if (text === '') return undefined;
  try {
    const line = JSON.parse(text) as Partial<LogLine>;
    return { log: line.log ?? '', stream: line.stream === 'stderr' ? 'stderr' : 'stdout', time: line.time ?? '' };
  } catch {
    return undefined; // a line cut short by a full disk
  }
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
