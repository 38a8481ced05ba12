/** How much trees hold, directories left out, as Docker counts. What vanishes meanwhile does not count. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { RootDescription } from './driver.ts';
import { Pace } from './pace.ts';
import { foundChanges } from './tree-changes.ts';

/** Bytes of what is below a directory. */
export function directorySize(path: string): number {
  let total = 0;
  for (const name of list(path)) {
    const child = join(path, name);
    try {
      const stat = lstatSync(child);
      total += stat.isDirectory() ? directorySize(child) : stat.size;
    } catch {
      // removed between the listing and the look
    }
  }
  return total;
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Bytes that a container has written into its root, as far as they are there. */
export async function writtenSize(root: RootDescription): Promise<number> {
  // fuse-overlayfs has files of its own there.
  if (root.kind === 'overlay' && root.mountedBy === undefined) return directorySize(root.upperDir);
  const pace = new Pace();
  let total = 0;
  for (const { after } of foundChanges(root)) {
    if (after && !after.stat.isDirectory()) total += after.stat.size;
    if (pace.due) await pace.breathe();
  }
  return total;
}
