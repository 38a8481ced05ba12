/** Which containers an image is in use by. */
import type { UsedBy } from '../images/service.ts';
import { isAlive } from './container-state.ts';
import type { EngineContext } from './context.ts';

export function usersOf({ registry }: EngineContext): UsedBy {
  return (imageId) => registry.all()
    .filter((container) => container.record.imageId === imageId)
    .map((container) => ({ id: container.id, running: isAlive(container.state) }));
}
