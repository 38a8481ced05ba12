/** Whose ids a container's root has, and mounts of it that no plan makes. */
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
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

/** For drivers whose roots plans do not mount. */
export function mountByDriver(context: EngineContext, container: Container): Promise<void> | undefined {
  const remap = remapOf(context, container);
  return context.storage.mountRoot?.(container.id, container.record.topLayer, { uid: remap?.uidMappings ?? [], gid: remap?.gidMappings ?? [] });
}
