/** The files that a `COPY` or `ADD` means: paths and wildcards, looked up in a tree as Docker does (path.Match, links inside the tree alone). */
import { posix } from 'node:path';
import { CaissonError, invalidParameter } from '../../errors.ts';
import { parsePattern } from '../../images/path-match.ts';
import { matchesWhole } from '../../images/wildcards.ts';
import { child, childNames, type Found, lookUp, rootOf } from '../../storage/lookup.ts';
import type { Digest } from '../../storage/digest.ts';
import { fromByteString, toByteString } from '../../storage/tar/entry.ts';

export interface FoundSource {
  readonly found: Found;
  /** As it was asked for or matched, from the tree's root; links in it are not followed. Text. */
  readonly path: string;
}

export interface SourceTree {
  /** Directories, topmost first. */
  readonly layers: readonly string[];
  /** It is what the client has sent. */
  readonly isContext: boolean;
  /** What it is made of. */
  readonly digest: Digest;
}

/** There is nothing of that name. */
export class SourceNotFound extends CaissonError {
  readonly path: string;
  /** What it was looked for in. */
  readonly tree: Digest;

  constructor(instruction: string, { isContext, digest }: SourceTree, path: string) {
    const why = isContext ? 'file not found in build context or excluded by .dockerignore: ' : '';
    super('not-found', `${instruction} failed: ${why}stat ${path}: file does not exist`, { object: path });
    this.path = path;
    this.tree = digest;
  }
}

/** Throws not-found and invalid-parameter in Docker's words, which begin with the instruction. */
export function findSources(instruction: string, tree: SourceTree, requested: string): FoundSource[] {
  const path = requested.replace(/^\//, '').replace(/^\.\//, '');
  const clean = posix.normalize(path === '' ? '.' : path).replace(/\/$/, '');
  if (clean === '..' || clean.startsWith('../'))
    throw invalidParameter(`${instruction} failed: forbidden path outside the build context: ${path} ()`, { object: requested });
  if (!hasWildcards(clean)) return [{ found: lookUpSource(instruction, tree, path, clean), path: clean }];
  return matching(tree, clean).map((match) => ({ found: lookUpSource(instruction, tree, match, match), path: match }));
}

const hasWildcards = (path: string): boolean => /[*?[]/.test(path.replace(/\\[^]/g, ''));

function lookUpSource(instruction: string, tree: SourceTree, shown: string, path: string): Found {
  const found = tree.layers.length === 0 ? undefined : lookUp(tree.layers, toByteString(path));
  if (found) return found;
  throw new SourceNotFound(instruction, tree, shown);
}

/** Component by component: a wildcard matches none of the slashes. Directories behind links are not looked into, as filepath.Walk does. */
function matching({ layers }: SourceTree, pattern: string): string[] {
  const root = rootOf(layers.map(toByteString));
  let level: { found: Found; path: string }[] = root ? [{ found: root, path: '' }] : [];
  for (const component of componentsOf(pattern)) {
    const tokens = parsePattern(component);
    level = level.flatMap(({ found, path }) => {
      if (!found.stat.isDirectory()) return [];
      const names = childNames(found).sort().filter((name) => matchesWhole(tokens, fromByteString(name)));
      return names.map((name) => ({ found: child(found, name)!, path: path === '' ? fromByteString(name) : `${path}/${fromByteString(name)}` }));
    });
  }
  return level.map(({ path }) => path);
}

/** Slashes in a class separate nothing. */
const componentsOf = (pattern: string): string[] => pattern.match(/(?:\\[^]|\[(?:\\[^]|[^\]])+\]|[^/])+/g) ?? [];
