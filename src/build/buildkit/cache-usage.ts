/** The build cache as BuildKit's clients see it: the engine above knows what is in use, and frees layers. */
import type { Sparse, ValueOf } from './proto/codec.ts';
import type { pruneRequest, usageRecord } from './proto/control.ts';

export type UsageRecord = Sparse<ValueOf<typeof usageRecord>>;

export interface CacheUsage {
  records(): UsageRecord[];
  /** Resolves to what has gone. */
  prune(request: ValueOf<typeof pruneRequest>): Promise<UsageRecord[]>;
}
