/** Whose ids a container's root has, and mounts of it that no plan makes. */
import type { Digest } from '../storage/driver.ts';
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import { imageRootsOf } from './image-mounts.ts';
import type { UserNamespaceRemap } from './settings.ts';

/** From the container's ids to those that its files have on disk; null when they are the same. */
export const remapOnDisk = (context: EngineContext, container: Container): UserNamespaceRemap | null =>
  (context.storage.ids.onDisk === 'container' ? null : remapOf(context, container));

/** From the container's ids to those that its own files have in a view of its root; null when they are the same. */
export const remapInView = (context: EngineContext, container: Container): UserNamespaceRemap | null =>
  (context.storage.ids.inView === 'container' ? null : remapOf(context, container));

/** The container's id maps; null when its ids are the host's. */
export function remapOf({ settings }: EngineContext, { record }: Container): UserNamespaceRemap | null {
  return record.hostConfig.UsernsMode === 'host' ? null : settings.usernsRemap;
}

/** For drivers whose roots plans do not mount: the container's, and those of images that it mounts. */
export function mountByDriver(context: EngineContext, container: Container): Promise<void> | undefined {
  const { storage } = context;
  if (storage.mountRoot === undefined) return undefined;
  const remap = remapOf(context, container);
  const mount = (root: string, topLayer: Digest | null, plain: boolean) =>
    storage.mountRoot?.(root, topLayer, { plain, uid: remap?.uidMappings ?? [], gid: remap?.gidMappings ?? [] });
  return Promise.all([mount(container.id, container.record.topLayer, false), ...imageRootsOf(container.record).map(({ root, topLayer }) => mount(root, topLayer, true))]).then(() => undefined);
}

/** Undoes that when nothing was launched. */
export function unmountByDriver({ storage }: EngineContext, { id, record }: Container): void {
  for (const root of [id, ...imageRootsOf(record).map((image) => image.root)]) storage.unmountRoot?.(root);
}
