/** The build cache as people see it: `docker builder prune`, `docker system df`. */
import type { CacheUsage, UsageRecord } from '../../build/buildkit/cache-usage.ts';
import { timestampOf } from '../../build/buildkit/timestamps.ts';
import { invalidParameter } from '../../errors.ts';
import type { Digest } from '../../storage/driver.ts';
import type { BuildCacheRow, BuildCacheStore } from '../../store/build-cache.ts';
import type { EngineContext } from '../context.ts';
import type { BuildPruneRequest, Filters } from '../engine.ts';
import { untilBound } from '../prune.ts';

/** Contexts that wait for the next build. */
export interface KeptContexts {
  /** Resolves to the bytes that have gone. */
  prune(): Promise<number>;
}

/** Docker's BuildCache records, the least recently used first. */
export function buildUsage(cache: BuildCacheStore): object[] {
  return cache.all().filter(({ hasTree }) => hasTree).map((row) => ({
    ID: shownId(row),
    Type: 'regular',
    Description: row.description,
    InUse: false,
    Shared: false,
    Size: row.size,
    CreatedAt: new Date(row.createdAt).toISOString(),
    LastUsedAt: row.uses === 0 ? null : new Date(row.usedAt).toISOString(),
    UsageCount: row.uses,
  }));
}

/** The same for BuildKit's clients. */
export function cacheUsage(context: EngineContext, cache: BuildCacheStore, contexts: KeptContexts): CacheUsage {
  return {
    records: () => cache.all().filter(({ hasTree }) => hasTree).map(usageRecord),
    async prune({ filter, keepDuration, reservedSpace, maxUsedSpace }) {
      const before = cache.all().filter(({ hasTree }) => hasTree);
      const until: Filters = keepDuration > 0 ? { 'unused-for': [`${keepDuration / 1e9}s`] } : {};
      await pruneBuildCache(context, cache, contexts, { all: true, keepStorage: reservedSpace || maxUsedSpace, filters: { ...filtersOf(filter), ...until } });
      return before.filter(({ key }) => cache.get(key) === undefined).map(usageRecord);
    },
  };
}

function usageRecord(row: BuildCacheRow): UsageRecord {
  const { description, size, createdAt, usedAt, uses } = row;
  return {
    id: shownId(row), mutable: false, inUse: false, size, createdAt: timestampOf(createdAt), ...(uses === 0 ? {} : { lastUsedAt: timestampOf(usedAt) }), usageCount: uses,
    description, recordType: 'regular', shared: false,
  };
}

/** `id==abc`, `type==regular`: containerd's filters, of which equality is what clients send. */
function filtersOf(filter: readonly string[]): Record<string, string[]> {
  const filters: Record<string, string[]> = {};
  for (const term of filter.flatMap((each) => each.split(','))) {
    const [, name, value] = /^(\w+)(?:==|~=)"?([^"]*)"?$/.exec(term) ?? [];
    if (name !== undefined) (filters[name] ??= []).push(value!);
  }
  return filters;
}

/** Docker's ids of such records have 25 characters. */
const shownId = ({ key }: BuildCacheRow): string => key.slice('sha256:'.length, 'sha256:'.length + 25);

/** Removes records, the least recently used first, and the layers that nothing else needs; without conditions the kept contexts, too. */
export async function pruneBuildCache(
  { images, storage }: EngineContext, cache: BuildCacheStore, contexts: KeptContexts, { keepStorage, filters }: BuildPruneRequest,
): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }> {
  const matches = matcher(filters);
  const rows = cache.all();
  let kept = rows.reduce((sum, { size }) => sum + size, 0);
  const gone: BuildCacheRow[] = [];
  for (const row of rows) {
    if (keepStorage > 0 && kept <= keepStorage) break;
    if (!matches(row)) continue;
    gone.push(row);
    kept -= row.size;
  }
  cache.delete(gone.map(({ key }) => key));
  const before = totalSize(storage.layers());
  for (const layer of new Set(gone.flatMap(({ topLayer }) => topLayer ?? []))) await images.free(layer as Digest);
  const ofContexts = keepStorage > 0 || Object.keys(filters).length > 0 ? 0 : await contexts.prune();
  const deleted = gone.filter(({ hasTree }) => hasTree).map(shownId);
  return { CachesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: before - totalSize(storage.layers()) + ofContexts };
}

const totalSize = (layers: readonly { readonly size: number }[]): number => layers.reduce((sum, { size }) => sum + size, 0);

const known = new Set(['until', 'unused-for', 'id', 'parent', 'type', 'description', 'inuse', 'shared', 'private']);

function matcher(filters: Filters): (row: BuildCacheRow) => boolean {
  for (const name of Object.keys(filters)) if (!known.has(name)) throw invalidParameter(`invalid filter '${name}'`);
  const until = untilBound(filters['until']?.[0] ?? filters['unused-for']?.[0]);
  const ids = filters['id'] ?? [];
  return (row) => (until === undefined || BigInt(row.usedAt) * 1_000_000n <= until) && (ids.length === 0 || ids.some((id) => shownId(row).startsWith(id)));
}
