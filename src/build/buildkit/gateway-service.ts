/** `moby.buildkit.v1.frontend.LLBBridge`: a client that drives its build itself asks for Dockerfiles to be built, and says which result it wants. */
import type { Builds } from './builds.ts';
import { unary } from './methods.ts';
import type { Builder } from './builder.ts';
import { empty } from './proto/control.ts';
import { evaluateRequest, pongResponse, returnRequest, solveRequest, solveResponse } from './proto/gateway.ts';
import { definitionOf } from './result-definition.ts';
import { type CallHandler, type IncomingCall, RpcError, rpcCode } from './rpc.ts';
import { workerRecordOf } from './worker.ts';

/** Where a client says which build its call belongs to. */
const buildIdHeader = 'buildkit-controlapi-buildid';

const enabled = (ids: readonly string[]) => ids.map((id) => ({ id, enabled: true }));

/** What the gateway can do (BuildKit's frontend/gateway/pb/caps.go). */
const frontendCaps = enabled([
  'solve.base', 'resolveimage', 'readfile', 'return', 'returnmap', 'readdir', 'statfile', 'importcaches', 'proto.refarray', 'reference.output', 'frontend.inputs',
  'gateway.solve.metadata', 'gateway.evaluate', 'gateway.solve.evaluate', 'gateway.warnings', 'frontend.caps', 'source.metaresolver', 'resolveimage.resolvemode',
]);

/** What a build can be made of (BuildKit's solver/pb/caps.go): clients ask before they send. */
const llbCaps = enabled([
  'source.image', 'source.image.resolvemode', 'source.local', 'source.local.unique', 'source.local.sessionid', 'source.local.includepatterns',
  'source.local.followpaths', 'source.local.excludepatterns', 'source.local.sharedkeyhint', 'source.local.differ', 'source.http', 'source.http.checksum',
  'source.http.perm', 'source.http.uidgid', 'exec.meta.base', 'exec.meta.proxyenv', 'exec.meta.network', 'exec.meta.security', 'exec.meta.setsdefaultpath',
  'exec.meta.ulimit', 'exec.meta.cgroup.parent', 'exec.mount.bind', 'exec.mount.bind.readwrite-nooutput', 'exec.mount.cache', 'exec.mount.cache.sharing',
  'exec.mount.selector', 'exec.mount.tmpfs', 'exec.mount.tmpfs.size', 'exec.mount.secret', 'exec.mount.ssh', 'exec.secretenv', 'file.base', 'file.rm.wildcard',
  'file.copy.includeexcludepatterns', 'constraints', 'platform', 'meta.ignorecache', 'meta.description', 'meta.exportcache',
  'exporter.multiple', 'gc.freespacefilter', 'history.filter',
]);

export function gatewayMethods(builds: Builds, builder: Builder): [string, CallHandler][] {
  const method = (name: string, handler: CallHandler): [string, CallHandler] => [`/moby.buildkit.v1.frontend.LLBBridge/${name}`, handler];
  return [
    method('Ping', unary(empty, pongResponse, async (_, call) => {
      await builds.get(buildOf(call));
      return { frontendApiCaps: frontendCaps, llbCaps, workers: [workerRecordOf(builder.host)] };
    })),
    method('Solve', unary(solveRequest, solveResponse, async (request, call) => {
      const { id, metadata } = await builds.request(buildOf(call), request);
      return { result: { ...(id === undefined ? {} : { ref: { id, def: definitionOf(id) } }), metadata } };
    })),
    method('Evaluate', unary(evaluateRequest, empty, async ({ ref }) => {
      const planned = builder.result(ref);
      if (planned === undefined) throw new RpcError(rpcCode.notFound, `no such ref: ${ref}`);
      await planned.solve();
      return {};
    })),
    method('Return', unary(returnRequest, empty, async ({ result, error }, call) => {
      await builds.return(buildOf(call), error ? { error: new RpcError(error.code, error.message, error.details) } : { result: result?.ref?.id || undefined });
      return {};
    })),
  ];
}

function buildOf(call: IncomingCall): string {
  const ref = call.metadata(buildIdHeader);
  if (ref === undefined) throw new RpcError(rpcCode.unknown, `forwarding ${call.path.split('/').at(-1)}: no buildid found in context`);
  return ref;
}
