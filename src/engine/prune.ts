/** `docker container prune`. */
import { invalidParameter } from '../errors.ts';
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import type { Filters } from './engine.ts';
import { matchesLabel } from './events.ts';
import { removeContainer } from './remove.ts';
import { parseBound, parseTime } from './timestamps.ts';

export async function pruneContainers(context: EngineContext, filters: Filters, sizeOf: (container: Container) => number) {
  const until = untilBound(filters['until']?.[0]);
  const deleted: string[] = [];
  let reclaimed = 0;
  for (const container of context.registry.all()) {
    const { record } = container;
    const idle = record.state.status === 'exited' || record.state.status === 'created' || record.state.status === 'dead';
    if (!idle || container.removing || !labelsMatch(record.config.Labels ?? {}, filters)) continue;
    if (until !== undefined && (parseTime(record.created) ?? 0n) >= until) continue;
    const size = sizeOf(container);
    await removeContainer(context, container, { force: false, volumes: false });
    reclaimed += size;
    deleted.push(record.id);
  }
  context.events.publish('container', 'prune', '', { reclaimed: String(reclaimed) });
  return { ContainersDeleted: deleted, SpaceReclaimed: reclaimed };
}

function labelsMatch(labels: Readonly<Record<string, string>>, filters: Filters): boolean {
  return (filters['label'] ?? []).every((label) => matchesLabel(labels, label))
    && !(filters['label!'] ?? []).some((label) => matchesLabel(labels, label));
}

/** A time, or a Go duration before now (`24h`, `1h30m`). Nanoseconds since the epoch. */
function untilBound(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  if (/^(\d+(\.\d+)?(h|ms|m|s))+$/.test(text)) {
    let ms = 0;
    for (const [, amount, , unit] of text.matchAll(/(\d+(\.\d+)?)(h|ms|m|s)/g)) ms += Number(amount) * (units[unit ?? ''] ?? 0);
    return BigInt(Math.round(Date.now() - ms)) * 1_000_000n;
  }
  const value = parseBound(text);
  if (value === 'invalid') throw invalidParameter(`invalid value for filter until: ${text}`);
  return value;
}
