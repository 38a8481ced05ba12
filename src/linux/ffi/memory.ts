/** Giving memory back when there is nothing to do: madvise(2) on the executable's code, and a full garbage collection. */
import { readFileSync, readlinkSync } from 'node:fs';
import { bindLibc } from './libc.ts';

const libc = bindLibc({ madvise: { args: ['ptr', 'u64', 'i32'], returns: 'i32' } });

const madvDontneed = 4;

/**
 * Drops the pages of the program's own code from this process. They are clean and stay in the page cache; what is needed again
 * comes back with a minor fault. Only executable file mappings are touched: nothing was ever written to them, so nothing
 * can be lost (a read-only data mapping may hold relocations). What starting up needed once is most of it.
 */
export function dropCode(): void {
  const executable = readlinkSync('/proc/self/exe');
  for (const line of readFileSync('/proc/self/maps', 'latin1').split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \d+\s+(.*)$/.exec(line);
    if (match?.[3] !== executable) continue;
    const [start, end] = [parseInt(match[1] ?? '0', 16), parseInt(match[2] ?? '0', 16)];
    libc.madvise(start, end - start, madvDontneed);
  }
}

/** A full, synchronous collection: some milliseconds for a small heap. */
export function collectGarbage(): void {
  Bun.gc(true);
}
