/** `moby.buildkit.v1.Control`, and the health service beside it. */
import type { Builder } from './builder.ts';
import type { Builds } from './builds.ts';
import { serverStream, unary } from './methods.ts';
import {
  buildHistoryRequest, diskUsageRequest, diskUsageResponse, empty, infoResponse, listWorkersResponse, pruneRequest, solveRequest, solveResponse, statusRequest,
  updateBuildHistoryRequest, usageRecord,
} from './proto/control.ts';
import { field, int32, message } from './proto/codec.ts';
import { type CallHandler, RpcError, rpcCode } from './rpc.ts';
import type { CacheUsage } from './cache-usage.ts';
import { builderVersion, workerRecordOf } from './worker.ts';

/** grpc.health.v1.HealthCheckResponse. */
const healthResponse = message({ status: field(1, int32) });
const serving = 1;

export function controlMethods(builds: Builds, builder: Builder, usage: CacheUsage): [string, CallHandler][] {
  const method = (name: string, handler: CallHandler): [string, CallHandler] => [`/moby.buildkit.v1.Control/${name}`, handler];
  return [
    method('Solve', unary(solveRequest, solveResponse, async (request, { signal }) => ({ exporterResponse: new Map(Object.entries(await builds.solve(request, signal))) }))),
    method('Status', serverStream(statusRequest, ({ ref }, { signal }) => builds.status(ref, signal))),
    method('ListWorkers', unary(empty, listWorkersResponse, () => ({ record: [workerRecordOf(builder.host)] }))),
    method('Info', unary(empty, infoResponse, () => ({ version: builderVersion }))),
    method('DiskUsage', unary(diskUsageRequest, diskUsageResponse, () => ({ record: usage.records() }))),
    method('Prune', serverStream(pruneRequest, async function* (request) {
      for (const record of await usage.prune(request)) yield usageRecord.encode(record);
    })),
    method('ListenBuildHistory', serverStream(buildHistoryRequest, (request, { signal }) => builds.history.events(request, signal))),
    method('UpdateBuildHistory', unary(updateBuildHistoryRequest, empty, (request) => {
      if (!request.finalize && !builds.history.update(request.ref, request)) throw new RpcError(rpcCode.notFound, `no record found for ref ${request.ref}`);
      return {};
    })),
    ['/grpc.health.v1.Health/Check', unary(empty, healthResponse, () => ({ status: serving }))],
  ];
}
