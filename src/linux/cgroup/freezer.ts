/** Stops the processes of a cgroup, and lets them go on. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemError } from '../../errors.ts';

/** Writing `frozen` to `path` stops every process, `thawed` lets them go on. It is done when the file `state` says `stopped`. */
export interface Freezer {
  readonly path: string;
  readonly frozen: string;
  readonly thawed: string;
  readonly state: string;
  readonly stopped: string;
}

/** Of a directory of the v1 hierarchy `freezer`; its state is FREEZING for a while. */
export function v1Freezer(directory: string): Freezer {
  const path = join(directory, 'freezer.state');
  return { path, frozen: 'FROZEN', thawed: 'THAWED', state: path, stopped: 'FROZEN' };
}

export function v2Freezer(directory: string): Freezer {
  return { path: join(directory, 'cgroup.freeze'), frozen: '1', thawed: '0', state: join(directory, 'cgroup.events'), stopped: 'frozen 1' };
}

/** Begins to stop every process. Throws system when the kernel refuses. */
export function freeze(freezer: Freezer): void {
  write(freezer, freezer.frozen);
}

/** True when every process stands still; false for a cgroup that is gone. */
export function isFrozen({ state, stopped }: Freezer): boolean {
  try {
    return readFileSync(state, 'utf8').includes(stopped);
  } catch {
    return false;
  }
}

export function thaw(freezer: Freezer): void {
  write(freezer, freezer.thawed);
}

function write({ path }: Freezer, value: string): void {
  try {
    writeFileSync(path, value);
  } catch (cause) {
    throw systemError(`the freezer cgroup ${path} does not take ${value}: ${(cause as Error).message}`, { object: path, cause });
  }
}
