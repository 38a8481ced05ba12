/**
 * A copy of a tree with all that makes it one: owners, modes, exact times, extended attributes, hard links, holes, special files.
 * Data are shared where the file system can (`shareData`). By directory descriptors: no symlink is followed. Only for trees that nobody
 * changes meanwhile, or whose changes need not be whole: what goes away is left out.
 */
import { closeSync, constants, fchmodSync, fchownSync, ftruncateSync, readdirSync, readlinkSync, readSync, writeSync } from 'node:fs';
import { invalidParameter } from '../errors.ts';
import { nextData, nextHole, shareData } from '../linux/ffi/file-data.ts';
import {
  chmodAt, fgetxattr, flistxattr, fsetxattr, lchownAt, lgetxattr, linkAt, llistxattr, lremovexattr, lsetxattr, mkdirAt, mknodAt, openAt, openat2,
  resolveFlag, symlinkAt, utimensat,
} from '../linux/ffi/files.ts';
import { SystemCallError } from '../linux/ffi/libc.ts';
import { type FileStat, fileType, statAt } from '../linux/ffi/stat.ts';
import { isWhiteout } from './pack.ts';
import { Pace } from './pace.ts';
import { descriptorPath, pathBytes, unlessGone } from './paths.ts';
import { removeTreeSync } from './remove.ts';
import { fromByteString } from './tar/entry.ts';
import { opaqueXattr } from './whiteouts.ts';

export interface CopyOptions {
  /**
   * `apply`: the source is a layer, laid over what the target has: its whiteouts remove, its directories merge or, when opaque, replace.
   * `none`: it is a tree like any other, copied into an empty directory.
   */
  readonly whiteouts: 'apply' | 'none';
}

interface Copying {
  readonly options: CopyOptions;
  /** The roots, from which directories and the first names of hard links are found again. */
  readonly roots: Pair;
  /** Path in the target of the first name of each file that has several, by device and inode. */
  readonly linked: Map<string, string>;
}

/** A directory in both trees, open. */
interface Pair {
  readonly source: number;
  readonly target: number;
}

/** A directory that is being copied. */
interface Level {
  /** Below the roots; a byte string. */
  readonly path: string;
  /** Undefined while what is copied is far below. */
  open: Pair | undefined;
  /** What is still to be copied. */
  names?: Iterator<Buffer>;
}

const openOneDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const chunkSize = 1024 * 1024;
/** As many levels stay open: somebody may have made the tree deep to have the descriptors. Those below are opened again by their paths. */
const maxOpen = 64;
/** PATH_MAX (linux/limits.h) without the NUL at the end. */
const maxPath = 4095;
/** How much of a longer one is shown. */
const shownPath = 100;

/** Copies what is in an open directory into another one, and makes that one alike. Yields to the event loop. Throws invalid-parameter for paths that the kernel does not take. */
export async function copyTree(source: number, target: number, options: CopyOptions): Promise<void> {
  const pace = new Pace();
  const steps = copyLevels({ options, roots: { source, target }, linked: new Map() });
  while (!steps.next().done) if (pace.due) await pace.breathe();
}

function* copyLevels(copying: Copying): Generator<void> {
  const levels: Level[] = [{ path: '', open: copying.roots }];
  try {
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const open = (level.open ??= reopened(level.path, copying));
      const name = open && nextName(level, open);
      if (open && name !== undefined) {
        const below = yield* copyName(open, name, level.path === '' ? name : `${level.path}/${name}`, copying);
        if (below && levels.length >= maxOpen) close(level, copying);
        if (below) levels.push(below);
        yield;
      } else {
        if (open) makeAlike(open, copying);
        close(level, copying);
        levels.pop();
      }
    }
  } finally {
    for (const level of levels) close(level, copying);
  }
}

function nextName(level: Level, { source }: Pair): string | undefined {
  level.names ??= (readdirSync(`/proc/self/fd/${source}`, 'buffer') as Buffer[])[Symbol.iterator]();
  const { done, value } = level.names.next();
  return done === true ? undefined : value.toString('latin1');
}

/** The roots stay the caller's to close. */
function close(level: Level, { roots }: Copying): void {
  if (level.open && level.open !== roots) {
    closeSync(level.open.source);
    closeSync(level.open.target);
  }
  level.open = undefined;
}

/** Undefined when the source has gone. */
function opened(source: () => number, target: (source: number) => number): Pair | undefined {
  const from = unlessGone(source);
  if (from === undefined) return undefined;
  try {
    return { source: from, target: target(from) };
  } catch (error) {
    closeSync(from);
    throw error;
  }
}

function reopened(path: string, { roots }: Copying): Pair | undefined {
  const open = (root: number) => openat2(root, pathBytes(path), openOneDirectory, 0, resolveFlag.RESOLVE_BENEATH | resolveFlag.RESOLVE_NO_SYMLINKS);
  return opened(() => open(roots.source), () => open(roots.target));
}

function makeAlike({ source, target }: Pair, copying: Copying): void {
  const stat = statAt(source, '');
  fchownSync(target, stat.uid, stat.gid);
  fchmodSync(target, stat.mode);
  copyOpenXattrs(source, target, copying);
  utimensat(target, '.', nanoseconds(stat), nanoseconds(stat));
}

/** A directory is made, and given back for what is in it. */
function* copyName({ source, target }: Pair, name: string, path: string, copying: Copying): Generator<void, Level | undefined> {
  const stat = unlessGone(() => statAt(source, pathBytes(name)));
  if (stat === undefined) return undefined;
  const applied = copying.options.whiteouts === 'apply';
  if (stat.type === fileType.directory) return makeDirectory({ source, target }, name, path, copying);
  if (applied) removeTreeSync(target, name);
  if (applied && isWhiteout(stat)) return undefined;
  if (stat.links > 1 && linkedBefore(target, name, path, stat, copying)) return undefined;
  if (stat.type === fileType.file) yield* copyFile(source, target, name, stat, copying);
  else copySpecial(source, target, name, stat, copying);
  return undefined;
}

function makeDirectory({ source, target }: Pair, name: string, path: string, { options }: Copying): Level | undefined {
  refuseLong(path);
  const bytes = pathBytes(name);
  const open = opened(() => openAt(source, bytes, openOneDirectory), (from) => {
    if (options.whiteouts === 'apply' && !merges(from, target, name)) removeTreeSync(target, name);
    unlessThere(() => mkdirAt(target, bytes, 0o700));
    return openAt(target, bytes, openOneDirectory);
  });
  return open && { path, open };
}

function refuseLong(path: string): void {
  if (path.length > maxPath) throw invalidParameter(`what is to be copied has a path of more than ${maxPath} bytes: ${fromByteString(path.slice(0, shownPath))}…`);
}

/** A directory of a layer merges with one that is there already, unless it says that it hides that. */
function merges(from: number, target: number, name: string): boolean {
  if (fgetxattr(from, opaqueXattr)?.[0] === 0x79) return false;
  return unlessGone(() => statAt(target, pathBytes(name)))?.type === fileType.directory;
}

/** True when the file is in the target already under another name, and has this one now, too. */
function linkedBefore(target: number, name: string, path: string, { device, inode }: FileStat, { linked, roots }: Copying): boolean {
  const key = `${device}:${inode}`;
  const first = linked.get(key);
  if (first === undefined) {
    linked.set(key, path);
    return false;
  }
  refuseLong(first);
  linkAt(roots.target, pathBytes(first), target, pathBytes(name));
  return true;
}

function* copyFile(source: number, target: number, name: string, stat: FileStat, copying: Copying): Generator<void> {
  const bytes = pathBytes(name);
  const from = unlessGone(() => openAt(source, bytes, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
  if (from === undefined) return;
  try {
    const to = openAt(target, bytes, newFile, 0o600);
    try {
      if (stat.size > 0 && !shareData(to, from)) yield* copyData(from, to, stat.size);
      // In this order: chown clears setuid and capabilities.
      fchownSync(to, stat.uid, stat.gid);
      fchmodSync(to, stat.mode);
      copyOpenXattrs(from, to, copying);
    } finally {
      closeSync(to);
    }
  } finally {
    closeSync(from);
  }
  utimensat(target, bytes, nanoseconds(stat), nanoseconds(stat));
}

function* copyData(from: number, to: number, size: number): Generator<void> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(size, chunkSize));
  for (let at = nextData(from, 0); at !== undefined && at < size; at = nextData(from, at)) {
    const end = Math.min(nextHole(from, at), size);
    while (at < end) {
      const count = readSync(from, buffer, 0, Math.min(buffer.length, end - at), at);
      if (count === 0) break; // it shrinks
      for (let done = 0; done < count;) done += writeSync(to, buffer, done, count - done, at + done);
      at += count;
      yield;
    }
    if (at < end) break;
  }
  ftruncateSync(to, size);
}

/** Symlinks, devices, pipes and sockets. */
function copySpecial(source: number, target: number, name: string, stat: FileStat, copying: Copying): void {
  const bytes = pathBytes(name);
  const [from, to] = [descriptorPath(source, name), descriptorPath(target, name)];
  if (stat.type === fileType.symlink) symlinkAt(readlinkSync(from, 'buffer'), target, bytes);
  else mknodAt(target, bytes, stat.type | 0o600, stat.major, stat.minor);
  lchownAt(target, bytes, stat.uid, stat.gid);
  if (stat.type !== fileType.symlink) chmodAt(target, bytes, stat.mode);
  for (const key of llistxattr(from).filter((each) => isCopied(each, copying))) {
    const value = lgetxattr(from, key);
    if (value !== undefined) unlessRefused(() => lsetxattr(to, key, value));
  }
  utimensat(target, bytes, nanoseconds(stat), nanoseconds(stat));
}

/** What overlayfs notes of a layer is no part of the tree that it shows. */
const isCopied = (key: string, { options }: Copying) =>
  options.whiteouts === 'none' || !(key.startsWith('trusted.overlay.') || key.startsWith('user.overlay.'));

/** A directory that was there before loses what the source does not have. */
function copyOpenXattrs(from: number, to: number, copying: Copying): void {
  const wanted = flistxattr(from).filter((key) => isCopied(key, copying));
  for (const key of flistxattr(to)) if (!wanted.includes(key)) unlessRefused(() => lremovexattr(`/proc/self/fd/${to}/.`, key));
  for (const key of wanted) {
    const value = fgetxattr(from, key);
    if (value !== undefined) unlessRefused(() => fsetxattr(to, key, value));
  }
}

/** Attributes that the target's file system does not have, or keeps for itself, are left out. */
function unlessRefused(set: () => void): void {
  try {
    set();
  } catch (error) {
    if (!(error instanceof SystemCallError && ['EOPNOTSUPP', 'EPERM', 'ENOTDIR'].includes(error.code))) throw error;
  }
}

function unlessThere(make: () => void): void {
  try {
    make();
  } catch (error) {
    if (!(error instanceof SystemCallError && error.code === 'EEXIST')) throw error;
  }
}

const nanoseconds = ({ mtime }: FileStat): bigint => BigInt(mtime.seconds) * 1_000_000_000n + BigInt(mtime.nanoseconds);
