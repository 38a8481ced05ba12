/** `docker rm`: process, mounts, cgroups, files, names; nothing stays behind. */
import { conflict, isClass, systemError } from '../errors.ts';
import { discardTree } from '../storage/remove.ts';
import { cgroupPathOf } from './cgroup-path.ts';
import type { Container } from './container.ts';
import { imageRootsOf, rootsOf } from './image-mounts.ts';
import { endedOf, exitCodeOf, isAlive } from './container-state.ts';
import type { EngineContext } from './context.ts';
import { containerPaths } from './paths.ts';
import { killAndWait } from './stop.ts';

export interface RemoveOptions {
  readonly force: boolean;
  /** Remove its anonymous volumes too. */
  readonly volumes: boolean;
}

/** The caller has seen that nobody else removes it. */
export async function removeContainer(context: EngineContext, container: Container, options: RemoveOptions): Promise<void> {
  checkStopped(container, options.force);
  container.removing = true;
  try {
    container.cancelRestart?.();
    // At once, so that a `stop` that still waits for its timeout ends now.
    if (isAlive(container.state)) await killAndWait(context, container);
    await container.exclusively(() => settle(context, container, options.force));
  } catch (cause) {
    container.removing = false;
    if (isClass(cause, 'conflict')) throw cause;
    markDead(context, container);
    const message = cause instanceof Error ? cause.message : String(cause);
    container.settleWaiters(['removed'], { StatusCode: exitCodeOf(container.state), Error: { Message: message } });
    throw systemError(message, {
      operation: 'remove container', object: container.id, cause,
    });
  }
  forget(context, container);
  context.disposal.add(container.id, () => removeFiles(context, container));
  if (options.volumes) context.volumes.removeAnonymous(container.record.mounts.flatMap((mount) => (mount.Type === 'volume' ? mount.Name ?? [] : [])), inUse(context));
}

/**
 * A start that was under way when the removal began has come to its end before this runs; later ones are refused. What it started is
 * killed only by force.
 */
async function settle(context: EngineContext, container: Container, force: boolean): Promise<void> {
  checkStopped(container, force);
  if (isAlive(container.state)) await killAndWait(context, container);
  await container.released;
}

/** Whatever stopped the removal, it is never started again; the next `rm` or the next daemon finishes it. */
function markDead(context: EngineContext, container: Container): void {
  container.record.state = { ...endedOf(container.state), status: 'dead' };
  context.registry.saveIfPossible(container);
}

function checkStopped(container: Container, force: boolean): void {
  const { status } = container.state;
  if (force || !(isAlive(container.state) || status === 'restarting')) return;
  const why = status === 'paused'
    ? 'container is paused and must be unpaused first'
    : `container is ${status}: stop the container before removing or force remove`;
  throw conflict(why, { object: container.id });
}

async function removeFiles(context: EngineContext, container: Container): Promise<void> {
  const { directory } = containerPaths(context.settings.dataRoot, container.id);
  await Promise.all([...rootsOf(container.record).map((root) => context.storage.removeRoot(root)), discardTree(directory)]);
  await freeLayers(context, container);
  for (const { id } of [{ id: container.record.imageId }, ...imageRootsOf(container.record)]) if (id !== '') context.collector?.used(id);
}

/** An image that was removed by force has left its layers to the container. */
async function freeLayers({ images }: EngineContext, { record }: Container): Promise<void> {
  const used = [{ id: record.imageId, topLayer: record.topLayer }, ...imageRootsOf(record)];
  for (const { id, topLayer } of used) if (id !== '' && topLayer !== null && !images.has(id)) await images.free(topLayer);
}

function forget(context: EngineContext, container: Container): void {
  for (const exec of container.execs.keys()) context.execs.delete(exec);
  for (const pending of container.pendingAttachments) pending.connect(null);
  context.registry.remove(container);
  releaseCgroupParent(context, container);
  context.events.publish('container', 'destroy', container.id, container.eventAttributes());
  container.settleWaiters(['removed', 'not-running', 'next-exit'], { StatusCode: exitCodeOf(container.state) });
}

/** A parent of its own that was made for it goes with the last container that names it. */
function releaseCgroupParent(context: EngineContext, container: Container): void {
  const { CgroupParent } = container.record.hostConfig;
  const isNamed = (other: Container) => other.record.hostConfig.CgroupParent === CgroupParent;
  if (!CgroupParent || context.registry.all().some(isNamed)) return;
  context.cgroups.releaseParents(cgroupPathOf(context, container));
}

/** Tells whether any container still has the volume. */
export function inUse(context: EngineContext): (volume: string) => boolean {
  return (volume) => context.registry.all().some((container) => container.record.mounts.some((mount) => mount.Name === volume));
}
