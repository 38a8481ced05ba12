/**
 * Recursive removal by directory descriptors: no symlink is followed, names may be any bytes, trees may be deeper than
 * a path or the descriptor limit allows.
 */
import { closeSync, constants, type Dirent, readdirSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { openAt, renameAt, rmdirAt, unlinkAt } from '../linux/ffi/files.ts';
import { SystemCallError } from '../linux/ffi/libc.ts';
import { Pace } from './pace.ts';
import { pathBytes } from './paths.ts';

/**
 * What to do with a name before it goes; `path` is a byte string below the tree. Returning true means it was moved
 * away.
 */
export type BeforeRemoval = (directory: number, name: string, path: string) => boolean;

/** Deeper directories are moved up to the tree's top first, so that descriptors stay few. */
const maxDepth = 64;

/**
 * Removes whatever is at `path` (absolute), with everything in it. A missing one is right. Yields to the event loop.
 */
export async function removeTree(path: string): Promise<void> {
  if (isSmall(path) && (await removedAtOnce(path))) return;
  const pace = new Pace();
  const steps = removal(-100, Buffer.from(path), undefined);
  while (!steps.next().done) if (pace.due) await pace.breathe();
}

/**
 * The same, but the name is gone before the first turn of the event loop: the tree is moved to a hidden name beside it, which whoever
 * lists the parent at the next start removes if this process does not live to.
 */
export async function discardTree(path: string): Promise<void> {
  const aside = join(dirname(path), `.removed-${basename(path)}`);
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await removeTree(aside);
}

/** What most containers leave. Such a tree needs no care; one made to be slow, by depth or by number, does. */
const smallEntries = 256;
const smallDepth = 16;

function isSmall(path: string): boolean {
  let entries = 0;
  for (let level = [path], depth = 0; level.length > 0; depth++) {
    const below: string[] = [];
    for (const directory of level) {
      for (const entry of children(directory)) {
        if (++entries > smallEntries) return false;
        if (entry.isDirectory()) below.push(join(directory, entry.name));
      }
    }
    if (depth >= smallDepth) return false;
    level = below;
  }
  return true;
}

/** None for what is not there, is no directory, or has a name that is not text. */
function children(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** A thread of the pool removes it while the event loop goes on. */
async function removedAtOnce(path: string): Promise<boolean> {
  try {
    await rm(path, { recursive: true, force: true });
    return true;
  } catch {
    return false; // something in its way: step by step, and with a better error
  }
}

/** The same below a directory descriptor, in one go; `before` sees every name that is not a directory. */
export function removeTreeSync(directory: number, name: string, before?: BeforeRemoval): void {
  const steps = removal(directory, pathBytes(name), before);
  while (!steps.next().done);
}

function* removal(directory: number, name: Buffer, before: BeforeRemoval | undefined): Generator<void> {
  if (unlinked(directory, name)) return;
  const top = openDirectory(directory, name);
  if (top === undefined) return;
  try {
    yield* emptied({ directory: top, top, depth: 0, path: '', before, moved: { count: 0 } });
  } finally {
    closeSync(top);
  }
  rmdirAt(directory, name);
}

interface Level {
  readonly directory: number;
  readonly top: number;
  readonly depth: number;
  readonly path: string;
  readonly before: BeforeRemoval | undefined;
  /** Names given to directories that were moved to the top. */
  readonly moved: { count: number };
}

function* emptied(level: Level): Generator<void> {
  // Directories moved up here while their parents are emptied show in the next listing.
  for (let names = list(level.directory); names.length > 0; names = level.depth === 0 ? list(level.directory) : []) {
    for (const name of names) {
      yield* removed(level, name);
      yield;
    }
  }
}

function* removed(level: Level, name: Buffer): Generator<void> {
  const { directory, before } = level;
  const path = `${level.path}${name.toString('latin1')}`;
  // Most names are files, for which one unlink is all; a hook has to see them first.
  if (!before && unlinked(directory, name)) return;
  const inside = openDirectory(directory, name);
  if (inside === undefined) {
    if (!before?.(directory, name.toString('latin1'), path)) unlinked(directory, name);
    return;
  }
  try {
    // A hook needs true paths, and is only used where paths, and so depths, are limited.
    if (!before && level.depth >= maxDepth) {
      moveUp(level, name);
      return;
    }
    yield* emptied({ ...level, directory: inside, depth: level.depth + 1, path: `${path}/` });
  } finally {
    closeSync(inside);
  }
  rmdirAt(directory, name);
}

function moveUp(level: Level, name: Buffer): void {
  for (;;) {
    try {
      renameAt(level.directory, name, level.top, `.caisson-removal-${level.moved.count++}`);
      return;
    } catch (error) {
      // A name of the tree's own that looks like ours.
      if (!(
        error instanceof SystemCallError &&
        (error.code === 'ENOTEMPTY' || error.code === 'EEXIST' || error.code === 'ENOTDIR')
      ))
        throw error;
    }
  }
}

/** Names in a directory, as bytes. */
function list(directory: number): Buffer[] {
  return readdirSync(`/proc/self/fd/${directory}`, 'buffer');
}

/** Undefined for what is missing or not a directory (a symlink is not). */
function openDirectory(directory: number, name: Buffer): number | undefined {
  try {
    return openAt(directory, name, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (error instanceof SystemCallError && ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(error.code)) return undefined;
    throw error;
  }
}

/** True when there is nothing (any more); false for a directory. */
function unlinked(directory: number, name: Buffer): boolean {
  try {
    unlinkAt(directory, name);
    return true;
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    if (error.code === 'ENOENT') return true;
    if (error.code === 'EISDIR') return false;
    throw error;
  }
}
