/**
 * What a container has changed: its own directory beside the layers below it, as Docker tells it. A directory is changed
 * when something in it is; sizes and times of directories do not count.
 */
import { lgetxattr } from '../linux/ffi/files.ts';
import type { RootDescription } from './driver.ts';
import { absolutePath, child, childNames, type Found, namesIn, type Place, rootOf } from './lookup.ts';
import { packedXattrs } from './pack.ts';
import { fromByteString, toByteString } from './tar/entry.ts';
import { writableDirectory } from './roots.ts';
import { opaqueXattr, whiteoutPrefix } from './whiteouts.ts';
import { Pace } from './pace.ts';

/** Docker's `Kind`. */
export const changeKind = { modified: 0, added: 1, deleted: 2 } as const;

export interface TreeChange {
  /** Absolute in the container. */
  readonly path: string;
  readonly kind: 0 | 1 | 2;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

interface Comparison {
  /** The owner of a layer's file as the container's directory has it. */
  readonly shift: (owner: Owner) => Owner;
  /** The container's directory has the whole tree, not only what differs: what is not in it has been removed. */
  readonly whole: boolean;
  /** Names like `.wh.x` are marks of fuse-overlayfs. */
  readonly marked: boolean;
}

/** `shift` gives the owner of a layer's file as the container's directory has it. */
export async function treeChanges(root: RootDescription, shift: (owner: Owner) => Owner = (owner) => owner): Promise<TreeChange[]> {
  const changes: TreeChange[] = [];
  const pace = new Pace();
  for (const { path, kind } of foundChanges(root, shift)) {
    changes.push({ path: fromByteString(path), kind });
    if (pace.due) await pace.breathe();
  }
  return changes;
}

/** A change, its path a byte string, with what is there now. */
export interface FoundChange {
  readonly path: string;
  readonly kind: TreeChange['kind'];
  readonly after?: Found;
}

/** The same with what was found, one by one. */
export function foundChanges(root: RootDescription, shift: (owner: Owner) => Owner = (owner) => owner): Iterable<FoundChange> {
  const upper = rootOf([toByteString(writableDirectory(root))]);
  return upper ? changesIn(upper, rootOf(root.lowerDirs.map(toByteString)), { shift, whole: root.kind === 'tree', marked: root.kind === 'overlay' && root.mountedBy === 'driver' }) : [];
}

function* changesIn(upper: Found, lower: Found | undefined, comparison: Comparison): Generator<FoundChange> {
  const names = new Set(namesIn(upper.place));
  if (lower?.stat.isDirectory() && (comparison.whole || lgetxattr(absolutePath(upper.place), opaqueXattr)?.[0] === 0x79))
    for (const name of childNames(lower)) names.add(name);
  for (const name of [...names].sort()) {
    if (comparison.marked && name.startsWith(whiteoutPrefix)) continue;
    const before = lower?.stat.isDirectory() ? child(lower, name) : undefined;
    const path = `${upper.place.path}/${name}`;
    const after = child(upper, name);
    if (!after && before) yield { path, kind: changeKind.deleted };
    if (after) yield* changesOf(path, after, before, comparison);
  }
}

function* changesOf(path: string, after: Found, before: Found | undefined, comparison: Comparison): Generator<FoundChange> {
  const inside = after.stat.isDirectory() ? changesIn(after, before, comparison) : [];
  if (!before) yield { path, kind: changeKind.added, after };
  else if (differs(before, after, comparison)) yield { path, kind: changeKind.modified, after };
  else {
    // Looked at because of what is in it: told only when there is something.
    let told = false;
    for (const change of inside) {
      if (!told) yield { path, kind: changeKind.modified, after };
      told = true;
      yield change;
    }
    return;
  }
  yield* inside;
}

function differs(before: Found, after: Found, { shift, whole }: Comparison): boolean {
  const [was, is] = [before.stat, after.stat];
  const { uid, gid } = shift(was);
  if (was.mode !== is.mode || uid !== is.uid || gid !== is.gid || was.rdev !== is.rdev) return true;
  if (!is.isDirectory() && (was.mtimeMs !== is.mtimeMs || was.size !== is.size)) return true;
  return whole && xattrsDiffer(before.place, after.place);
}

/** An attribute changes no time that could be compared. */
function xattrsDiffer(before: Place, after: Place): boolean {
  const was: ReadonlyMap<string, Uint8Array> = packedXattrs(absolutePath(before)) ?? new Map();
  const is: ReadonlyMap<string, Uint8Array> = packedXattrs(absolutePath(after)) ?? new Map();
  return was.size !== is.size || [...is].some(([name, value]) => Buffer.compare(was.get(name) ?? Buffer.of(), value) !== 0 || !was.has(name));
}
