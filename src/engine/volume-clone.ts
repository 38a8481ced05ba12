/** `POST /volumes/{name}/clone`: what is in a volume at one moment, as a new one. */
import { closeSync, constants, openSync } from 'node:fs';
import { invalidParameter } from '../errors.ts';
import { copyTree } from '../storage/copy-tree.ts';
import type { Volume } from '../volumes/local-volumes.ts';
import { whilePaused } from './commit.ts';
import type { Container } from './container.ts';
import { isAlive } from './container-state.ts';
import type { EngineContext } from './context.ts';
import type { VolumeCloneRequest } from './engine.ts';

export async function cloneVolume(context: EngineContext, source: string, { Name, Labels }: VolumeCloneRequest): Promise<Volume> {
  const volume = context.volumes.get(source);
  if (!Name) throw invalidParameter('the new volume needs a name');
  const writers = context.registry.all()
    .filter(({ state, record }) => isAlive(state) && record.mounts.some((mount) => mount.Name === source && mount.Type === 'volume' && mount.RW))
    // All who freeze several take them in one order, and never wait for each other.
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return context.volumes.clone(volume, { name: Name, ...(Labels ? { labels: Labels } : {}) }, (from, to) => whileAllPaused(context, writers, () => copyDirectory(from, to)));
}

/** Whoever writes into the volume stands still meanwhile. */
function whileAllPaused(context: EngineContext, [first, ...rest]: readonly Container[], action: () => Promise<void>): Promise<void> {
  if (first === undefined) return action();
  return first.exclusively(() => whilePaused(context, first, true, () => whileAllPaused(context, rest, action)));
}

async function copyDirectory(from: string, to: string): Promise<void> {
  const open = (path: string) => openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const source = open(from);
  try {
    const target = open(to);
    try {
      await copyTree(source, target, { whiteouts: 'none' });
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}
