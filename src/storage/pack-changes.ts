/** What a container has changed in a tree of its own → a layer's archive. */
import type { TreeRoot } from './driver.ts';
import { archive, packFoundAlone, type PackOptions, walkOf } from './pack.ts';
import { encodeHeader } from './tar/writer.ts';
import { changeKind, foundChanges } from './tree-changes.ts';
import { whiteoutPrefix } from './whiteouts.ts';

/** Undefined when there is nothing. */
export function packChanges(root: TreeRoot, options: Omit<PackOptions, 'whiteouts'>): AsyncGenerator<Uint8Array> | undefined {
  const changes = foundChanges(root)[Symbol.iterator]();
  const first = changes.next();
  if (first.done === true) return undefined;
  return archive(pieces());

  function* pieces(): Generator<Uint8Array> {
    const walk = walkOf({ ...options, whiteouts: 'hidden' });
    for (let next = first; next.done !== true; next = changes.next()) {
      const { path, kind, after } = next.value;
      const name = path.slice(1);
      const own = name.lastIndexOf('/') + 1;
      if (kind === changeKind.deleted) yield encodeHeader({ name: `${name.slice(0, own)}${whiteoutPrefix}${name.slice(own)}`, type: 'file' });
      else if (after) yield* packFoundAlone(after, name, walk);
    }
  }
}
