/** Which files of each context a build needs: the client is asked for no others. */
import { posix } from 'node:path';
import type { Digest } from '../../storage/digest.ts';
import type { Vertex } from '../graph/vertex.ts';

export interface ContextUse {
  readonly context: Vertex;
  /** Relative, perhaps with wildcards; empty for everything. */
  readonly paths: readonly string[];
}

/** By the contexts' names; empty for the build's own. */
export function contextPaths(tree: Vertex): ReadonlyMap<string, ContextUse> {
  const found = new Map<string, { readonly context: Vertex; readonly paths: Set<string> }>();
  const visited = new Set<Digest>();
  const visit = (vertex: Vertex): void => {
    if (visited.has(vertex.digest)) return;
    visited.add(vertex.digest);
    for (const [index, input] of vertex.inputs.entries()) {
      visit(input);
      if (input.operation.kind !== 'context') continue;
      const { name } = input.operation;
      const use = found.get(name) ?? { context: input, paths: new Set<string>() };
      found.set(name, use);
      for (const path of pathsUsed(vertex, index)) use.paths.add(posix.join('/', path));
    }
  };
  visit(tree);
  return new Map([...found].map(([name, { context, paths }]) => [name, { context, paths: relative(paths) }]));
}

function pathsUsed({ operation }: Vertex, input: number): string[] {
  switch (operation.kind) {
    case 'copy': return operation.sources.flatMap((source) => (source.input === input ? [source.path] : []));
    case 'run': return operation.mounts.flatMap((mount) => (mount.input === input ? [mount.source] : []));
    default: return [];
  }
}

function relative(paths: ReadonlySet<string>): string[] {
  return paths.has('/') ? [] : [...paths].map((path) => path.slice(1).replace(/\/$/, '')).sort();
}
