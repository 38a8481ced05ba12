/**
 * What a layer's tar has beside file contents (headers, padding, order), so that the very same archive, with the same
 * digest, can be written again from the layer's directory. The idea is that of github.com/vbatts/tar-split; the format
 * is our own.
 *
 * The record is a file of frames: `u32 compressed size, u32 size, zstd data` (little-endian, like all numbers here).
 * Their contents, joined, are a list of items:
 *
 *     1  u32 length, bytes                                                archive bytes as they are
 *     2  u16 length, path, u32 count, count × (u64 offset, u64 length)    archive bytes that are file data
 *
 * The n-th item of kind 2 is read from `replaced/<n>` beside the record when that exists: the archive had another entry
 * at its path later.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import * as zlib from 'node:zlib';
import { systemError } from '../errors.ts';
import { openat2, resolveFlag } from '../linux/ffi/files.ts';
import { pathBytes } from './paths.ts';
import type { Fragment } from './tar/entry.ts';

const frameSize = 256 * 1024;
/** Bytes that are handed out at once. */
const blockSize = 256 * 1024;

const kinds = { bytes: 1, file: 2 } as const;

/** Writes a record while an archive is unpacked. Synchronous. */
export class TarRecordWriter {
  readonly #fd: number;
  #buffer = Buffer.allocUnsafe(frameSize);
  #used = 0;
  #files = 0;
  /** Where the length of the open item of kind 1 stands, if one is open. */
  #open: number | undefined;

  constructor(path: string) {
    this.#fd = openSync(path, 'wx', 0o600);
  }

  /** Archive bytes that are not the data of a file which the layer has. */
  bytes(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#open === undefined) {
      this.#reserve(5);
      this.#buffer[this.#used] = kinds.bytes;
      this.#open = this.#used + 1;
      this.#buffer.writeUInt32LE(0, this.#open);
      this.#used += 5;
    }
    const space = this.#buffer.length - this.#used;
    const taken = Math.min(space, bytes.length);
    this.#buffer.set(bytes.subarray(0, taken), this.#used);
    this.#used += taken;
    this.#buffer.writeUInt32LE(this.#buffer.readUInt32LE(this.#open) + taken, this.#open);
    if (taken < bytes.length) {
      this.#flush();
      this.bytes(bytes.subarray(taken));
    }
  }

  /**
   * Archive bytes that are these fragments of the file at `path` (byte string, below the layer's directory). Returns
   * the item's number.
   */
  file(path: string, fragments: readonly Fragment[]): number {
    this.#open = undefined;
    this.#reserve(7 + path.length + 16 * fragments.length);
    let at = this.#used;
    this.#buffer[at++] = kinds.file;
    at = this.#buffer.writeUInt16LE(path.length, at);
    at += this.#buffer.write(path, at, 'latin1');
    at = this.#buffer.writeUInt32LE(fragments.length, at);
    for (const { offset, length } of fragments) {
      at = this.#buffer.writeBigUInt64LE(BigInt(offset), at);
      at = this.#buffer.writeBigUInt64LE(BigInt(length), at);
    }
    this.#used = at;
    return this.#files++;
  }

  /** Writes what is left. */
  finish(): void {
    this.#flush();
  }

  close(): void {
    closeSync(this.#fd);
  }

  #reserve(size: number): void {
    if (this.#buffer.length - this.#used >= size) return;
    this.#flush();
    if (this.#buffer.length < size) this.#buffer = Buffer.allocUnsafe(size);
  }

  #flush(): void {
    this.#open = undefined;
    if (this.#used === 0) return;
    const data = zlib.zstdCompressSync(this.#buffer.subarray(0, this.#used), {
      params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 },
    });
    const head = Buffer.alloc(8);
    head.writeUInt32LE(data.length, 0);
    head.writeUInt32LE(this.#used, 4);
    for (const part of [head, data]) {
      for (let at = 0; at < part.length;) at += writeSync(this.#fd, part, at);
    }
    this.#used = 0;
  }
}

/**
 * Writes the archive again: `record` is the record's path, `root` the layer's directory, `replaced` the directory of
 * replaced files. In blocks of one size, as memory that is new costs more than what is read into it.
 */
export async function* replayTar(record: string, root: string, replaced: string): AsyncGenerator<Uint8Array> {
  let block = Buffer.allocUnsafeSlow(blockSize);
  let used = 0;
  for (const part of parts(record, root, replaced)) {
    for (let done = 0; done < part.length;) {
      const count = part.read(block.subarray(used, used + part.length - done), done);
      done += count;
      used += count;
      if (used < blockSize) continue;
      yield block;
      block = Buffer.allocUnsafeSlow(blockSize);
      used = 0;
    }
  }
  yield block.subarray(0, used);
}

/** A stretch of the archive, to be read before the next one is asked for. */
interface Part {
  readonly length: number;
  /** Reads from `from` on, at least one byte and at most what `target` takes; returns how many. */
  read(target: Buffer, from: number): number;
}

function* parts(record: string, root: string, replaced: string): Generator<Part> {
  const rootFd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  const elsewhere = new Set(list(replaced));
  let number = 0;
  try {
    for (const frame of frames(record)) {
      for (let at = 0; at < frame.length;) {
        if (frame[at] === kinds.bytes) {
          const bytes = frame.subarray(at + 5, at + 5 + frame.readUInt32LE(at + 1));
          yield { length: bytes.length, read: (target, from) => bytes.copy(target, 0, from) };
          at += 5 + bytes.length;
          continue;
        }
        const item = fileItem(frame, at);
        const own = String(number++);
        const fd = elsewhere.has(own) ? openSync(`${replaced}/${own}`, 'r') : openBelow(rootFd, item.path);
        try {
          for (const fragment of item.fragments) yield filePart(fd, fragment, item.path);
        } finally {
          closeSync(fd);
        }
        at = item.end;
      }
    }
  } finally {
    closeSync(rootFd);
  }
}

/** Bytes of the archive that a record gives back. */
export function replayedSize(record: string): number {
  let total = 0;
  for (const frame of frames(record)) {
    for (let at = 0; at < frame.length;) {
      if (frame[at] === kinds.bytes) {
        const length = frame.readUInt32LE(at + 1);
        total += length;
        at += 5 + length;
      } else {
        const item = fileItem(frame, at);
        for (const { length } of item.fragments) total += length;
        at = item.end;
      }
    }
  }
  return total;
}

function openBelow(rootFd: number, path: string): number {
  return openat2(
    rootFd,
    pathBytes(path),
    constants.O_RDONLY | constants.O_NOFOLLOW,
    0,
    resolveFlag.RESOLVE_BENEATH | resolveFlag.RESOLVE_NO_SYMLINKS,
  );
}

function fileItem(frame: Buffer, start: number): { path: string; fragments: Fragment[]; end: number } {
  const pathLength = frame.readUInt16LE(start + 1);
  let at = start + 3 + pathLength;
  const path = frame.toString('latin1', start + 3, at);
  const fragments: Fragment[] = [];
  const count = frame.readUInt32LE(at);
  at += 4;
  for (let index = 0; index < count; index++, at += 16) {
    fragments.push({ offset: Number(frame.readBigUInt64LE(at)), length: Number(frame.readBigUInt64LE(at + 8)) });
  }
  return { path, fragments, end: at };
}

function filePart(fd: number, { offset, length }: Fragment, path: string): Part {
  const read = (target: Buffer, from: number): number => {
    const count = readSync(fd, target, 0, target.length, offset + from);
    if (count === 0) throw systemError(`a file of a layer is shorter than it was: ${path}`, { operation: 'pack layer' });
    return count;
  };
  return { length, read };
}

function* frames(path: string): Generator<Buffer> {
  const fd = openSync(path, 'r');
  try {
    const size = fstatSync(fd).size;
    const head = Buffer.alloc(8);
    for (let at = 0; at < size;) {
      const data = Buffer.alloc(readSync(fd, head, 0, 8, at) === 8 ? head.readUInt32LE(0) : 0);
      const read = readSync(fd, data, 0, data.length, at + 8);
      const frame = read === data.length && read > 0 ? zlib.zstdDecompressSync(data) : Buffer.alloc(0);
      if (frame.length !== head.readUInt32LE(4))
        throw systemError(`a layer's tar record is damaged: ${path}`, { operation: 'pack layer' });
      yield frame;
      at += 8 + data.length;
    }
  } finally {
    closeSync(fd);
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
