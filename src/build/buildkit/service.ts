/** BuildKit's way in: what a connection of a client may call, and what becomes of a session of one. */
import { Builder, type BuilderParts } from './builder.ts';
import { Builds } from './builds.ts';
import type { CacheUsage } from './cache-usage.ts';
import type { Send } from '../classic/build.ts';
import type { SessionHeaders } from './client-session.ts';
import { controlMethods } from './control-service.ts';
import { buildForDocker, type DockerBuildRequest } from './docker-build.ts';
import { gatewayMethods } from './gateway-service.ts';
import { dispatch } from './methods.ts';
import type { CallHandler, RpcPeer } from './rpc.ts';
import { Uploads } from './uploads.ts';

export interface BuildkitService {
  /** Answers calls on `POST /grpc`. */
  readonly handler: CallHandler;
  /** `POST /session`: lasts until the client ends the connection. */
  serveSession(headers: SessionHeaders, peer: RpcPeer): Promise<void>;
  /** `POST /build?version=2`. */
  build(request: DockerBuildRequest, send: Send): Promise<void>;
  /** The context of a build that another request asks for. Resolves when it has been read. */
  upload(ref: string, archive: AsyncIterable<Uint8Array>): Promise<void>;
  /** `POST /build/cancel`. Ends what `build` has begun under this ref; nothing when there is no such build. */
  cancel(ref: string): void;
}

export function createBuildkitService(parts: BuilderParts & { readonly usage: CacheUsage }): BuildkitService {
  const builder = new Builder(parts);
  const builds = new Builds(builder);
  const uploads = new Uploads();
  return {
    handler: dispatch(new Map([...controlMethods(builds, builder, parts.usage), ...gatewayMethods(builds, builder)])),
    build: (request, send) => buildForDocker(builder, uploads, request, send),
    upload: (ref, archive) => uploads.offer(ref, archive),
    cancel: (ref) => builder.cancel(ref),
    serveSession: (headers, peer) => builder.sessions.serve(headers, peer),
  };
}
