/** `docker container prune`. */
import { invalidParameter } from '../errors.ts';
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import type { Filters } from './engine.ts';
import { matchesLabel } from './events.ts';
import { removeContainer } from './remove.ts';
import { parseGoDuration } from './spec/go-duration.ts';
import { nowNanoseconds, parseBound, parseTime } from './timestamps.ts';

export async function pruneContainers(context: EngineContext, filters: Filters, sizeOf: (container: Container) => Promise<number>) {
  if ((filters['until']?.length ?? 0) > 1) throw invalidParameter('more than one until filter specified');
  const until = untilBound(filters['until']?.[0]);
  const deleted: string[] = [];
  let reclaimed = 0;
  for (const container of context.registry.all()) {
    const { record } = container;
    const idle = record.state.status === 'exited' || record.state.status === 'created' || record.state.status === 'dead';
    if (!idle || container.removing || !labelsMatch(record.config.Labels ?? {}, filters)) continue;
    if (until !== undefined && (parseTime(record.created) ?? 0n) >= until) continue;
    const size = await sizeOf(container);
    await removeContainer(context, container, { force: false, volumes: false });
    reclaimed += size;
    deleted.push(record.id);
  }
  context.events.publish('container', 'prune', '', { reclaimed: String(reclaimed) });
  return { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed };
}

export function labelsMatch(labels: Readonly<Record<string, string>>, filters: Filters): boolean {
  return (filters['label'] ?? []).every((label) => matchesLabel(labels, label))
    && !(filters['label!'] ?? []).some((label) => matchesLabel(labels, label));
}

/** A time, or a Go duration before now (`24h`, `1h30m`). Nanoseconds since the epoch. */
export function untilBound(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  const duration = parseGoDuration(text);
  if (duration !== undefined) return nowNanoseconds() - duration;
  const value = parseBound(text);
  if (value === 'invalid') throw invalidParameter(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
  return value;
}
