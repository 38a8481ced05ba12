/** `docker commit`: a container's changes and its configuration as a new image. */
import { applyChanges } from '../images/changes.ts';
import type { PackOptions } from '../storage/pack.ts';
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import type { ContainerConfig } from './docker-types.ts';
import type { CommitRequest } from './engine.ts';
import { conflict, isClass } from '../errors.ts';
import { containerId } from './files/id-map.ts';
import { remapOnDisk } from './root-mounts.ts';
import { wholeConfig } from './image-inspect.ts';
import { mergeImageConfig } from './spec/process.ts';
import { pauseContainer, unpauseContainer } from './stop.ts';

/** Returns the image's id. */
export async function commitContainer(context: EngineContext, request: CommitRequest): Promise<string> {
  const container = context.registry.get(request.container);
  return container.exclusively(() => commit(context, container, request));
}

async function commit(context: EngineContext, container: Container, request: CommitRequest): Promise<string> {
  checkCommittable(container);
  const { record } = container;
  const { author, comment, repo, tag } = request;
  const config = configOf(container, request);
  return whilePaused(context, container, request.pause, async () => {
    const { id, reference } = await context.images.commit({
      container: record.id,
      parent: record.imageId === '' ? null : record.imageId,
      topLayer: record.topLayer,
      owner: ownerInside(context, container),
      containerConfig: wholeConfig(record.config),
      config,
      author, comment, repo, tag,
    });
    context.events.publish('container', 'commit', record.id, container.eventAttributes({ comment, imageID: id, imageRef: reference }));
    return id;
  });
}

function checkCommittable(container: Container): void {
  const refuse = (why: string) => conflict(`You cannot commit container ${container.id} which is ${why}`, { object: container.id });
  if (container.state.status === 'dead') throw refuse('Dead');
  if (container.removing) throw refuse('being removed');
}

/** The changes are made to what the request says, or else to the container's own; what is left open comes from the container. */
function configOf({ record }: Container, { config, changes }: CommitRequest): Record<string, unknown> {
  const changed: ContainerConfig = applyChanges({ ...(config ?? record.config) }, changes);
  return wholeConfig(mergeImageConfig(changed, record.config));
}

/** Undefined when ids inside are those on disk. */
export function ownerInside(context: EngineContext, container: Container): PackOptions['owner'] {
  const remap = remapOnDisk(context, container);
  if (remap === null) return undefined;
  const { uidMappings, gidMappings } = remap;
  return ({ uid, gid }) => ({ uid: containerId(uidMappings, uid), gid: containerId(gidMappings, gid) });
}

/**
 * Freezes it for an action, if asked to. A container that does not run, or is frozen already, is left as it is. Call inside
 * `container.exclusively`.
 */
export async function whilePaused<T>(context: EngineContext, container: Container, pause: boolean, action: () => Promise<T>): Promise<T> {
  if (!pause || container.state.status !== 'running') return action();
  container.record.pausedForCommit = true;
  await pauseContainer(context, container);
  try {
    return await action();
  } finally {
    await resumeAfterCommit(context, container);
  }
}

/** Thaws a container that a commit has frozen, at its end or, when the daemon was killed meanwhile, at the next start. */
export async function resumeAfterCommit(context: EngineContext, container: Container): Promise<void> {
  delete container.record.pausedForCommit;
  try {
    await unpauseContainer(context, container);
  } catch (error) {
    // It was killed, or somebody else has thawed it.
    if (!isClass(error, 'conflict')) throw error;
    context.registry.saveIfPossible(container);
  }
}
