import { isClass, systemError } from '../errors.ts';
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import { startAfresh } from './start.ts';
import { stopContainer, type StopOptions } from './stop.ts';

/** `docker restart`: a container that is down is only started. `ref`: how the client named it. Whatever goes wrong is a failure of the engine, as Docker has it. */
export async function restartContainer(context: EngineContext, container: Container, ref: string, options: StopOptions): Promise<void> {
  try {
    await restart(context, container, options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw systemError(`Cannot restart container ${ref}: ${why}`, { operation: 'restart container', object: container.id, cause });
  }
}

async function restart(context: EngineContext, container: Container, options: StopOptions): Promise<void> {
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
