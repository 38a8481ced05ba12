/** The files of a json-file log: `path` and, rotated away, `path.1` (the newest of them) to `path.N`. */
import { closeSync, fstatSync, openSync, read as readCallback, readSync, statSync } from 'node:fs';
import { promisify } from 'node:util';

// In the thread pool: a disk that is slow holds up this log, not the daemon.
const read = promisify(readCallback);
const blockSize = 256 * 1024;
/** Bytes; the longest record a shim writes is a tenth of it. Garbage without a newline is passed over beyond this. */
const maxRecord = 1024 * 1024;
const newline = 0x0a;
const lastByte = new Uint8Array(1);

/** An open log file and how far it has been read; only whole lines are taken. */
export class LogCursor {
  readonly inode: number;
  readonly #fd: number;
  #offset = 0;
  /** What stands before `#offset` is the end of a line that was read. */
  #behindLine = false;
  #limit = Infinity;
  #block: Buffer = Buffer.alloc(0);
  #closed = false;

  private constructor(fd: number) {
    this.#fd = fd;
    this.inode = fstatSync(fd).ino;
  }

  /** Undefined for a file that is not there: not written yet, or rotated away between two looks. */
  static open(path: string): LogCursor | undefined {
    try {
      return new LogCursor(openSync(path, 'r'));
    } catch {
      return undefined;
    }
  }

  /** What is written from now on is not read: who wants what there is gets to its end, however fast more comes. */
  freeze(): void {
    this.#limit = fstatSync(this.#fd).size;
  }

  /** The next whole lines, valid until the next call; undefined at the end. A file that has been cut short is read from its beginning. */
  async read(): Promise<Uint8Array | undefined> {
    if (this.#wasCut()) this.#offset = 0;
    for (let wanted = blockSize; ; wanted *= 2) {
      const size = Math.min(wanted, this.#limit - this.#offset);
      if (size <= 0) return undefined;
      if (this.#block.length < wanted) this.#block = Buffer.allocUnsafe(wanted);
      const { bytesRead } = await read(this.#fd, this.#block, 0, size, this.#offset);
      const last = this.#block.subarray(0, bytesRead).lastIndexOf(newline);
      if (last >= 0) {
        this.#offset += last + 1;
        this.#behindLine = true;
        return this.#block.subarray(0, last + 1);
      }
      if (bytesRead < wanted) return undefined;
      if (size >= maxRecord) this.#skip(bytesRead);
    }
  }

  #skip(garbage: number): void {
    this.#offset += garbage;
    this.#behindLine = false;
  }

  /** It is shorter than what was read of it; or it has grown again since, and there is no newline where the last line ended. */
  #wasCut(): boolean {
    if (fstatSync(this.#fd).size < this.#offset) return true;
    if (!this.#behindLine) return false;
    // One byte of a page that was read a moment ago: no disk is waited for.
    readSync(this.#fd, lastByte, 0, 1, this.#offset - 1);
    return lastByte[0] !== newline;
  }

  /** Goes to where the last `lines` lines begin, or to the beginning; returns how many of them it does not have. */
  async seekTail(lines: number): Promise<number> {
    const { size } = fstatSync(this.#fd);
    this.#offset = size;
    let missing = lines;
    const block = Buffer.allocUnsafe(blockSize);
    while (missing > 0 && this.#offset > 0) {
      const start = Math.max(0, this.#offset - blockSize);
      const { bytesRead } = await read(this.#fd, block, 0, this.#offset - start, start);
      let at = bytesRead;
      // The newline at the very end ends the last line, and begins none.
      if (start + at === size && block[at - 1] === newline) at--;
      while ((at = block.subarray(0, at).lastIndexOf(newline)) >= 0) {
        if (--missing > 0) continue;
        this.#offset = start + at + 1;
        return 0;
      }
      this.#offset = start;
    }
    return size === 0 || missing === 0 ? missing : missing - 1;
  }

  close(): void {
    if (!this.#closed) closeSync(this.#fd);
    this.#closed = true;
  }
}

/** All files, oldest first. With `after` (an inode): those that are newer than it, or all when it is there no more. */
export function openLogs(path: string, after?: number): LogCursor[] {
  const found: LogCursor[] = [];
  // From the newest on: a rotation meanwhile then shows a file twice, and hides none.
  for (let index = 0; ; index++) {
    const cursor = LogCursor.open(index === 0 ? path : `${path}.${index}`);
    if (cursor === undefined && index > 0) break;
    if (cursor === undefined) continue;
    if (cursor.inode === after) {
      cursor.close();
      break;
    }
    if (found.some(({ inode }) => inode === cursor.inode)) cursor.close();
    else found.unshift(cursor);
  }
  return found;
}

/** Which file is there; undefined when none is. */
export const inodeAt = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino;
