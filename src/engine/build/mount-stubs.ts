/**
 * What mounts of a step need to be mounted on, and would stay in the layer: empty directories and files that the runtime has made. They
 * are removed from the writable layer where nothing was put into them. Found without following links: a command may have replaced
 * anything on the way (CVE-2024-23652 was about that).
 */
import { closeSync, constants, openSync } from 'node:fs';
import { openat2, resolveFlag, rmdirAt, unlinkAt } from '../../linux/ffi/files.ts';
import { SystemCallError } from '../../linux/ffi/libc.ts';
import { fileType, statAt } from '../../linux/ffi/stat.ts';
import { lookUp } from '../../storage/lookup.ts';
import { writableDirectory } from '../../storage/roots.ts';
import { toByteString } from '../../storage/tar/entry.ts';
import type { Container } from '../container.ts';
import type { EngineContext } from '../context.ts';

export function removeStubs(context: EngineContext, { record }: Container): void {
  const root = context.storage.root(record.id, record.topLayer);
  const writable = writableDirectory(root);
  for (const { Type, Destination } of record.mounts.toReversed()) {
    if (Type === 'volume') continue;
    const components = Destination.split('/').filter((name) => name !== '');
    // The deepest first: a directory above may have been made for it, too.
    for (let depth = components.length; depth > 0; depth--) {
      const path = components.slice(0, depth).join('/');
      if (lookUp(root.lowerDirs, toByteString(path)) !== undefined || !removeEmpty(writable, components.slice(0, depth))) break;
    }
  }
}

/** True when it was an empty directory or file, and is gone. */
function removeEmpty(directory: string, components: readonly string[]): boolean {
  const root = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  let parent: number | undefined;
  try {
    const resolve = resolveFlag.RESOLVE_BENEATH | resolveFlag.RESOLVE_NO_SYMLINKS;
    parent = openat2(root, components.slice(0, -1).join('/') || '.', constants.O_RDONLY | constants.O_DIRECTORY, 0, resolve);
    const name = components.at(-1)!;
    const stat = statAt(parent, name);
    if (stat.type === fileType.directory) rmdirAt(parent, name);
    else if (stat.type === fileType.file && stat.size === 0) unlinkAt(parent, name);
    else return false;
    return true;
  } catch (error) {
    if (error instanceof SystemCallError) return false;
    throw error;
  } finally {
    if (parent !== undefined) closeSync(parent);
    closeSync(root);
  }
}
