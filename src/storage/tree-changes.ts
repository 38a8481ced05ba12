/**
 * What a container has changed: its upper directory beside the layers below it, as Docker tells it. A directory is changed
 * when something in it is; sizes and times of directories do not count.
 */
import type { Stats } from 'node:fs';
import { lgetxattr } from '../linux/ffi/files.ts';
import type { RootDescription } from './driver.ts';
import { child, childNames, type Found, namesIn, rootOf } from './lookup.ts';
import { fromByteString, toByteString } from './tar/entry.ts';
import { opaqueXattr } from './whiteouts.ts';
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

/** `shift` gives the owner of a layer's file as the upper directory has it. */
export async function treeChanges(root: RootDescription, shift: (owner: Owner) => Owner = (owner) => owner): Promise<TreeChange[]> {
  const upper = rootOf([toByteString(root.upperDir)]);
  const lower = rootOf(root.lowerDirs.map(toByteString));
  const changes: TreeChange[] = [];
  const pace = new Pace();
  for (const { path, kind } of upper ? changesIn(upper, lower, shift) : []) {
    changes.push({ path: fromByteString(path), kind });
    if (pace.due) await pace.breathe();
  }
  return changes;
}

type Shift = (owner: Owner) => Owner;

function* changesIn(upper: Found, lower: Found | undefined, shift: Shift): Generator<TreeChange> {
  const absolute = Buffer.from(upper.place.layer + upper.place.path, 'latin1');
  const names = new Set(namesIn(upper.place));
  if (lower?.stat.isDirectory() && lgetxattr(absolute, opaqueXattr)?.[0] === 0x79)
    for (const name of childNames(lower)) names.add(name);
  for (const name of [...names].sort()) {
    const before = lower?.stat.isDirectory() ? child(lower, name) : undefined;
    const path = `${upper.place.path}/${name}`;
    const after = child(upper, name);
    if (!after && before) yield { path, kind: changeKind.deleted };
    if (after) yield* changesOf(path, after, before, shift);
  }
}

function* changesOf(path: string, after: Found, before: Found | undefined, shift: Shift): Generator<TreeChange> {
  const inside = after.stat.isDirectory() ? changesIn(after, before, shift) : [];
  if (!before) yield { path, kind: changeKind.added };
  else if (differs(before.stat, after.stat, shift)) yield { path, kind: changeKind.modified };
  else {
    // Looked at because of what is in it: told only when there is something.
    let told = false;
    for (const change of inside) {
      if (!told) yield { path, kind: changeKind.modified };
      told = true;
      yield change;
    }
    return;
  }
  yield* inside;
}

function differs(before: Stats, after: Stats, shift: Shift): boolean {
  const { uid, gid } = shift(before);
  if (before.mode !== after.mode || uid !== after.uid || gid !== after.gid || before.rdev !== after.rdev) return true;
  return !after.isDirectory() && (before.mtimeMs !== after.mtimeMs || before.size !== after.size);
}
