/** moby.buildkit.v1: the service that clients call, and what it tells of a build. */
import { bool, bytes, field, int32, int64, map, message, optional, repeated, type Sparse, string, type ValueOf } from './codec.ts';
import { status, timestamp } from './google.ts';
import { definition, definitions, platform, range, sourceInfo } from './ops.ts';

const version = message({ package: field(1, string), version: field(2, string), revision: field(3, string) });
const gcPolicy = message({
  all: field(1, bool), keepDuration: field(2, int64), filters: repeated(4, string), reservedSpace: field(3, int64), maxUsedSpace: field(5, int64),
  minFreeSpace: field(6, int64),
});
export const workerRecord = message({
  id: field(1, string), labels: map(2, string), platforms: repeated(3, platform), gcPolicy: repeated(4, gcPolicy), version: optional(5, version),
});
export const listWorkersResponse = message({ record: repeated(1, workerRecord) });
export const infoResponse = message({ version: optional(1, version) });

const exporter = message({ type: field(1, string), attrs: map(2, string) });
const cacheEntry = message({ type: field(1, string), attrs: map(2, string) });
const cacheOptions = message({ exports: repeated(4, cacheEntry), imports: repeated(5, cacheEntry) });

export const solveRequest = message({
  ref: field(1, string), definition: optional(2, definition), exporterDeprecated: field(3, string), exporterAttrsDeprecated: map(4, string), session: field(5, string),
  frontend: field(6, string), frontendAttrs: map(7, string), cache: optional(8, cacheOptions), entitlements: repeated(9, string), frontendInputs: definitions(10),
  internal: field(11, bool), exporters: repeated(13, exporter), enableSessionExporter: field(14, bool),
});
export type SolveRequest = ValueOf<typeof solveRequest>;
export const solveResponse = message({ exporterResponse: map(1, string) });

export const statusRequest = message({ ref: field(1, string) });

const vertex = message({
  digest: field(1, string), inputs: repeated(2, string), name: field(3, string), cached: field(4, bool), started: optional(5, timestamp),
  completed: optional(6, timestamp), error: field(7, string),
});
export type VertexRecord = Sparse<ValueOf<typeof vertex>>;
const vertexStatus = message({
  id: field(1, string), vertex: field(2, string), name: field(3, string), current: field(4, int64), total: field(5, int64), timestamp: optional(6, timestamp),
  started: optional(7, timestamp), completed: optional(8, timestamp),
});
export type StatusRecord = Sparse<ValueOf<typeof vertexStatus>>;
const vertexLog = message({ vertex: field(1, string), timestamp: optional(2, timestamp), stream: field(3, int64), msg: field(4, bytes) });
export type LogRecord = Sparse<ValueOf<typeof vertexLog>>;
const vertexWarning = message({
  vertex: field(1, string), level: field(2, int64), short: field(3, bytes), detail: repeated(4, bytes), url: field(5, string), info: optional(6, sourceInfo),
  ranges: repeated(7, range),
});
export type WarningRecord = Sparse<ValueOf<typeof vertexWarning>>;
export const statusResponse = message({
  vertexes: repeated(1, vertex), statuses: repeated(2, vertexStatus), logs: repeated(3, vertexLog), warnings: repeated(4, vertexWarning),
});

export const usageRecord = message({
  id: field(1, string), mutable: field(2, bool), inUse: field(3, bool), size: field(4, int64), createdAt: optional(6, timestamp), lastUsedAt: optional(7, timestamp),
  usageCount: field(8, int64), description: field(9, string), recordType: field(10, string), shared: field(11, bool), parents: repeated(12, string),
});
export const diskUsageRequest = message({ filter: repeated(1, string), ageLimit: field(2, int64) });
export const diskUsageResponse = message({ record: repeated(1, usageRecord) });
export const pruneRequest = message({
  filter: repeated(1, string), all: field(2, bool), keepDuration: field(3, int64), reservedSpace: field(4, int64), maxUsedSpace: field(5, int64),
  minFreeSpace: field(6, int64),
});

export const buildHistoryRequest = message({
  activeOnly: field(1, bool), ref: field(2, string), earlyExit: field(3, bool), filter: repeated(4, string), limit: field(5, int32),
});
const buildHistoryRecord = message({
  ref: field(1, string), frontend: field(2, string), frontendAttrs: map(3, string), exporters: repeated(4, exporter), error: optional(5, status),
  createdAt: optional(6, timestamp), completedAt: optional(7, timestamp), exporterResponse: map(9, string), generation: field(12, int32), pinned: field(14, bool),
  numCachedSteps: field(15, int32), numTotalSteps: field(16, int32), numCompletedSteps: field(17, int32), numWarnings: field(19, int32),
});
export type HistoryRecord = Sparse<ValueOf<typeof buildHistoryRecord>>;
export const historyEventType = { started: 0, complete: 1, deleted: 2 } as const;
export const buildHistoryEvent = message({ type: field(1, int32), record: optional(2, buildHistoryRecord) });
export const updateBuildHistoryRequest = message({ ref: field(1, string), pinned: field(2, bool), delete: field(3, bool), finalize: field(4, bool) });

export const empty = message({});
