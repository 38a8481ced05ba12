/** Carries limits out from the daemon, for a cgroup that has processes. A new one is written by its plan. */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { systemError } from '../../errors.ts';
import { errno, errnoText } from '../errno.ts';
import type { CgroupWrite } from './layout.ts';

/** All of them or, when the kernel refuses one, none. Throws system in runc's words. */
export function applyWrites(writes: readonly CgroupWrite[]): void {
  const done: { readonly path: string; readonly before: string }[] = [];
  try {
    for (const { path, data } of writes) {
      const before = readFileSync(path, 'utf8').trim();
      write(path, data);
      done.push({ path, before });
    }
  } catch (error) {
    for (const { path, before } of done.toReversed()) restore(path, before);
    throw error;
  }
}

function write(path: string, data: string): void {
  try {
    writeFileSync(path, data);
  } catch (cause) {
    const number = -((cause as NodeJS.ErrnoException).errno ?? 0);
    const busy = number === errno.EBUSY && basename(path) === 'memory.limit_in_bytes';
    const message = busy ? tooLittleMemory(path, data) : `failed to write ${JSON.stringify(data)}: write ${path}: ${errnoText(number)}`;
    throw systemError(message, { object: path, cause });
  }
}

/** v1 takes no limit below what is in use and cannot be reclaimed. */
function tooLittleMemory(path: string, data: string): string {
  const amount = (name: string) => readFileSync(join(dirname(path), name), 'utf8').trim();
  const [usage, peak] = [amount('memory.usage_in_bytes'), amount('memory.max_usage_in_bytes')];
  return `unable to set memory limit to ${data} (current usage: ${usage}, peak usage: ${peak})`;
}

function restore(path: string, before: string): void {
  try {
    writeFileSync(path, before);
  } catch {
    // The refusal that led here is what matters.
  }
}
