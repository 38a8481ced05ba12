/** The volumes of a container, as its start and its end see them. */
import type { Volume } from '../volumes/local-volumes.ts';
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';

export const volumesOf = ({ volumes }: EngineContext, { record }: Container): Volume[] =>
  record.mounts.flatMap(({ Type, Name }) => (Type === 'volume' && Name !== undefined ? volumes.find(Name) ?? [] : []));

export function publishMounted({ events }: EngineContext, { record }: Container): void {
  for (const { Type, Name, Destination, Propagation, RW } of record.mounts) {
    if (Type !== 'volume' || Name === undefined) continue;
    events.publish('volume', 'mount', Name, {
      container: record.id, destination: Destination, driver: 'local', propagation: Propagation, 'read/write': String(RW),
    });
  }
}

export function publishUnmounted({ events }: EngineContext, { record }: Container): void {
  for (const { Type, Name } of record.mounts) {
    if (Type === 'volume' && Name !== undefined) events.publish('volume', 'unmount', Name, { container: record.id, driver: 'local' });
  }
}
