/** Standard output and error. Never made non-blocking: the flag would stick to the terminal or pipe we share with others. */
import * as fs from 'node:fs';

/** Writes a whole short text. A reader that went away (EPIPE) ends the process quietly, as it ends any filter. */
export function print(text: string, descriptor = 1): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(descriptor, rest));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EPIPE') process.exit(descriptor === 1 ? 141 : 1);
      if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      else throw error;
    }
  }
}

export function printLine(text: string): void {
  print(`${text}\n`);
}

export function printError(text: string): void {
  print(`${text}\n`, 2);
}

/** Writes without blocking the event loop: on the thread pool, in order when awaited. Errors but EPIPE reject. */
export async function writeAll(descriptor: number, chunk: Uint8Array): Promise<void> {
  let rest = chunk;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(await writeSome(descriptor, rest));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EPIPE') process.exit(141);
      // Someone we share the descriptor with made it non-blocking.
      if (code === 'EAGAIN') await new Promise((resolve) => setTimeout(resolve, 5));
      else throw error;
    }
  }
}

function writeSome(descriptor: number, chunk: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(descriptor, chunk, (error, written) => (error === null ? resolve(written) : reject(error)));
  });
}

/** True when colours may be used on a descriptor: a terminal, and nobody said NO_COLOR (no-color.org). */
export function colourful(descriptor: number): boolean {
  return (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb' && isTerminal(descriptor);
}

/** isatty(3) without loading `node:tty`: only a terminal's device has a major number of 4, 5 or 136 to 143. */
export function isTerminal(descriptor: number): boolean {
  try {
    const stat = fs.fstatSync(descriptor);
    if (!stat.isCharacterDevice()) return false;
    const major = Number((BigInt(stat.rdev) >> 8n) & 0xfffn);
    return major === 4 || major === 5 || (major >= 136 && major <= 143);
  } catch {
    return false;
  }
}
