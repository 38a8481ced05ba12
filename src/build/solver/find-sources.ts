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
  /** As it was asked for or matched, from the tree's root; links in it are not followed. With `--parents` a `/./` may be in it. Text. */
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
export function findSources(instruction: string, tree: SourceTree, requested: string, parents = false): FoundSource[] {
  const path = requested.replace(/^\//, '').replace(/^\.\//, '');
  const clean = posix.normalize(path === '' ? '.' : path).replace(/\/$/, '');
  if (clean === '..' || clean.startsWith('../'))
    throw invalidParameter(`${instruction} failed: forbidden path outside the build context: ${path} ()`, { object: requested });
  const pivot = parents ? pivotDepth(path) : 0;
  if (!hasWildcards(clean)) return [{ found: lookUpSource(instruction, tree, path, clean), path: withPivot(clean, pivot) }];
  return matching(tree, clean, parents).map((match) => ({ found: lookUpSource(instruction, tree, match, match), path: withPivot(match, pivot) }));
}

/** Components before `/./`: `COPY --parents` keeps what comes after them. */
function pivotDepth(path: string): number {
  const at = path.indexOf('/./');
  const before = at === -1 ? '' : posix.normalize(path.slice(0, at));
  return before === '' || before === '.' ? 0 : before.split('/').length;
}

function withPivot(path: string, depth: number): string {
  const components = path.split('/');
  return depth === 0 || components.length <= depth ? path : [...components.slice(0, depth), '.', ...components.slice(depth)].join('/');
}

const hasWildcards = (path: string): boolean => /[*?[]/.test(path.replace(/\\[^]/g, ''));

function lookUpSource(instruction: string, tree: SourceTree, shown: string, path: string): Found {
  const found = tree.layers.length === 0 ? undefined : lookUp(tree.layers, toByteString(path));
  if (found) return found;
  throw new SourceNotFound(instruction, tree, shown);
}

interface Match {
  readonly found: Found;
  readonly path: string;
}

const inside = ({ found, path }: Match, name: string): Match => ({
  found: child(found, name)!, path: path === '' ? fromByteString(name) : `${path}/${fromByteString(name)}`,
});

/** Directories and all those below them, each once: one of them may be below another. */
function withSubdirectories(directories: readonly Match[]): Match[] {
  const all = new Map<string, Match>();
  const visit = (match: Match): void => {
    if (all.has(match.path)) return;
    all.set(match.path, match);
    for (const name of childNames(match.found).sort()) {
      const below = inside(match, name);
      if (below.found.stat.isDirectory()) visit(below);
    }
  };
  for (const match of directories) visit(match);
  return [...all.values()];
}

/**
 * Component by component: a wildcard matches none of the slashes. Directories behind links are not looked into, as filepath.Walk does.
 * `deep`: two stars stand for any number of directories.
 */
function matching({ layers }: SourceTree, pattern: string, deep: boolean): string[] {
  const root = rootOf(layers.map(toByteString));
  let level: Match[] = root ? [{ found: root, path: '' }] : [];
  const components = componentsOf(pattern);
  for (const [index, component] of components.entries()) {
    const directories = level.filter(({ found }) => found.stat.isDirectory());
    // At the end it matches names.
    if (deep && component === '**' && index < components.length - 1) {
      level = withSubdirectories(directories);
      continue;
    }
    const tokens = parsePattern(component);
    level = directories.flatMap((match) =>
      childNames(match.found).sort().filter((name) => matchesWhole(tokens, fromByteString(name))).map((name) => inside(match, name)));
  }
  return level.map(({ path }) => path);
}

/** Slashes in a class separate nothing. Two stars after two stars say nothing more, and would walk everything again. */
const componentsOf = (pattern: string): string[] =>
  (pattern.match(/(?:\\[^]|\[(?:\\[^]|[^\]])+\]|[^/])+/g) ?? []).filter((component, index, all) => component !== '**' || all[index - 1] !== '**');
