import { isClass } from '../errors.ts';
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import { startAfresh } from './start.ts';
import { stopContainer, type StopOptions } from './stop.ts';

/** `docker restart`: a container that is down is only started. */
export async function restartContainer(context: EngineContext, container: Container, options: StopOptions): Promise<void> {
  container.restarting = true;
  try {
    await stopContainer(context, container, options);
  } catch (error) {
    if (!isClass(error, 'not-modified')) throw error;
  } finally {
    container.restarting = false;
  }
  await startAfresh(context, container);
  context.events.publish('container', 'restart', container.id, container.eventAttributes());
}
