/** Which containers an image is in use by. */
import type { UsedBy } from '../images/service.ts';
import { isAlive } from './container-state.ts';
import type { EngineContext } from './context.ts';

export function usersOf({ registry }: EngineContext): UsedBy {
  return (imageId) => registry.all()
    .filter(({ record }) => record.imageId === imageId || record.mounts.some(({ Type, details }) => Type === 'image' && details.image?.id === imageId))
    // One that only mounts it does not keep it from being removed by force: its layers stay.
    .map((container) => ({ id: container.id, running: container.record.imageId === imageId && isAlive(container.state) }));
}
