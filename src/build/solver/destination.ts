/** Where in a tree a path leads: links are followed inside the tree, what is missing at the end is to be made. */
import { readlinkSync } from 'node:fs';
import { invalidParameter } from '../../errors.ts';
import { child, type Found, rootOf } from '../../storage/lookup.ts';
import { fromByteString, toByteString } from '../../storage/tar/entry.ts';

export interface Destination {
  /** Components of the real path. Byte strings. */
  readonly path: readonly string[];
  /** What is there at each component, and undefined from the first that is missing. */
  readonly found: readonly (Found | undefined)[];
}

const maxLinks = 40;

/** `path` is a byte string. A component that is there and no directory ends the walk: what is below it is "missing". Throws for a loop of links. */
export function resolveDestination(layers: readonly string[], path: string): Destination {
  const root = rootOf(layers.map(toByteString));
  let rest = path.split('/');
  let real: string[] = [];
  let found: (Found | undefined)[] = [];
  let links = 0;
  while (rest.length > 0) {
    const name = rest.shift()!;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      real = real.slice(0, -1);
      found = found.slice(0, -1);
      continue;
    }
    const parent = real.length === 0 ? root : found.at(-1);
    const next = parent?.stat.isDirectory() ? child(parent, name) : undefined;
    if (next?.stat.isSymbolicLink()) {
      if (++links > maxLinks) throw invalidParameter(`too many levels of symbolic links: ${fromByteString(path)}`, { object: fromByteString(path) });
      const { layer, path: place } = next.place;
      const target = readlinkSync(Buffer.from(layer + place, 'latin1'), 'buffer').toString('latin1');
      if (target.startsWith('/')) [real, found] = [[], []];
      rest = [...target.split('/'), ...rest];
      continue;
    }
    real.push(name);
    found.push(next);
  }
  return { path: real, found };
}
