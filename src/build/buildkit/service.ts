/** BuildKit's way in: what a connection of a client may call, and what becomes of a session of one. */
import { Builder, type BuilderParts } from './builder.ts';
import { Builds } from './builds.ts';
import type { CacheUsage } from './cache-usage.ts';
import type { SessionHeaders } from './client-session.ts';
import { controlMethods } from './control-service.ts';
import { gatewayMethods } from './gateway-service.ts';
import { dispatch } from './methods.ts';
import type { CallHandler, RpcPeer } from './rpc.ts';

export interface BuildkitService {
  /** Answers calls on `POST /grpc`. */
  readonly handler: CallHandler;
  /** `POST /session`: lasts until the client ends the connection. */
  serveSession(headers: SessionHeaders, peer: RpcPeer): Promise<void>;
}

export function createBuildkitService(parts: BuilderParts & { readonly usage: CacheUsage }): BuildkitService {
  const builder = new Builder(parts);
  const builds = new Builds(builder);
  return {
    handler: dispatch(new Map([...controlMethods(builds, builder, parts.usage), ...gatewayMethods(builds, builder)])),
    serveSession: (headers, peer) => builder.sessions.serve(headers, peer),
  };
}
