/** Kills the daemon in the middle of a request, at moments that differ from round to round, the same ones in every run. */
import { setTimeout } from 'node:timers/promises';
import type { Subject } from './subject.ts';

/** Milliseconds: longer than any of the operations takes when nothing else runs. */
const longest = 40;

/** Numbers from 0 up to 1, the same ones in every run (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Sends a request, kills the daemon a moment later, and starts it again. The request may have been answered or not. */
export async function interrupted({ engine }: Subject, random: () => number, method: string, target: string, body?: unknown): Promise<void> {
  const client = engine.client();
  const request = client.request(method, target, body).catch(() => undefined);
  await setTimeout(random() * longest);
  await engine.endDaemon('SIGKILL');
  await request;
  client.close();
  await engine.startDaemon();
}
