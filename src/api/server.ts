/** The Docker Engine API: HTTP in, engine calls out. */
import type { Engine } from '../engine/engine.ts';
import { answerFor } from './errors.ts';
import { Exchange, jsonType } from './exchange.ts';
import { ClientGone } from './http/http-error.ts';
import { listen, parseHost } from './http/listener.ts';
import type { Listener } from './http/listener.ts';
import type { HttpRequest } from './http/request.ts';
import type { HttpResponse } from './http/response.ts';
import type { Logger } from '../engine/logger.ts';
import { parseQuery } from './query.ts';
import { cleanPath, parseTarget, Router } from './router.ts';
import { buildRoutes } from './routes/build.ts';
import { buildkitRoutes } from './routes/buildkit.ts';
import { containerArchiveRoutes } from './routes/container-archive.ts';
import { containerRoutes } from './routes/containers.ts';
import { containerStreamRoutes } from './routes/container-streams.ts';
import { execRoutes } from './routes/exec.ts';
import { imageArchiveRoutes } from './routes/image-archives.ts';
import { registryRoutes } from './routes/registries.ts';
import { imageRoutes } from './routes/images.ts';
import { containerPortRoutes } from './routes/container-ports.ts';
import { networkConnectionRoutes } from './routes/network-connections.ts';
import { networkRoutes } from './routes/networks.ts';
import { systemRoutes } from './routes/system.ts';
import { unservedRoutes } from './routes/unserved.ts';
import { volumeRoutes } from './routes/volumes.ts';
import { formatVersion, maxVersion, negotiate, refusalOfOld } from './version.ts';

const plainText = { 'Content-Type': 'text/plain; charset=utf-8' } as const;

export interface ApiServerOptions {
  readonly engine: Engine;
  readonly logger: Logger;
  /** Called with each request, before it is handled and when it has been: some take hours. */
  readonly onRequest?: () => void;
  /** Caisson's version, for the `Server` header. */
  readonly version: string;
}

export interface ApiServer {
  /**
   * Listens on `unix:///path` or `tcp://address:port`; may be called for several hosts.
   * @throws conflict when another daemon is alive there, invalid-parameter for another kind of host
   */
  listen(host: string): Promise<void>;
  /** Stops listening and cuts all connections; containers do not notice. */
  close(): Promise<void>;
}

export function createApiServer({ engine, logger, version, onRequest }: ApiServerOptions): ApiServer {
  const router = new Router([
    ...systemRoutes(engine),
    ...containerRoutes(engine),
    ...containerStreamRoutes(engine),
    ...containerArchiveRoutes(engine),
    ...execRoutes(engine),
    ...imageRoutes(engine),
    ...imageArchiveRoutes(engine, logger),
    ...buildRoutes(engine, logger),
    ...buildkitRoutes(engine, logger),
    ...registryRoutes(engine),
    ...volumeRoutes(engine),
    ...networkRoutes(engine),
    ...containerPortRoutes(engine),
    ...networkConnectionRoutes(engine),
    ...unservedRoutes(),
  ]);
  const listeners: Listener[] = [];
  const options = {
    handler: async (request: HttpRequest, response: HttpResponse) => {
      onRequest?.();
      try {
        await handle(router, logger, request, response);
      } finally {
        onRequest?.();
      }
    },
    onHandlerFault: (error: unknown) => logger.error('unexpected failure while answering a request', { error }),
    commonHeaders:
      `Api-Version: ${formatVersion(maxVersion)}\r\nDocker-Experimental: false\r\nOstype: linux\r\n`
      + `Server: Caisson/${version} (linux)\r\n`,
  };
  return {
    async listen(host) {
      const address = parseHost(host);
      if (address.kind === 'tcp') {
        logger.warn(`${host} is not encrypted, and whoever can reach it is as good as root on this machine`);
      }
      listeners.push(await listen(address, options));
    },
    async close() {
      await Promise.all(listeners.splice(0).map((listener) => listener.close()));
    },
  };
}

async function handle(router: Router, logger: Logger, request: HttpRequest, response: HttpResponse): Promise<void> {
  try {
    await route(router, request, response);
  } catch (error) {
    if (error instanceof ClientGone) return;
    const { status, message, expected } = answerFor(error);
    // What the client cannot be told any more, or what nobody has put into words, is for the log.
    if (!expected || response.state !== 'fresh') logger.error(`${request.method} ${request.head.target}`, { error });
    if (response.state === 'streaming') response.breakOff();
    else if (status === 304) response.send(status, {}, '');
    else if (response.state === 'fresh') response.send(status, jsonType, `${JSON.stringify({ message })}\n`);
  }
}

async function route(router: Router, request: HttpRequest, response: HttpResponse): Promise<void> {
  const { path, version, query } = parseTarget(request.head.target);
  const clean = cleanPath(path);
  if (clean !== undefined) {
    const prefix = version === undefined ? '' : `/v${version}`;
    return response.send(301, { Location: prefix + encodeURI(clean) + (query === '' ? '' : `?${query}`) }, '');
  }
  if (request.method === 'OPTIONS') return response.send(200, {}, '');
  const match = router.find(request.method, path);
  // An unknown path is unknown in every version, and a known path with another method is unknown, too.
  if (match === undefined) {
    return response.send(404, jsonType, '{"message":"page not found"}\n');
  }
  const refusal = version === undefined ? undefined : refusalOfOld(version);
  if (refusal !== undefined) return response.send(400, plainText, `${refusal}\n`);
  const minor = version === undefined ? maxVersion : negotiate(version);
  await match.route.handler(new Exchange(request, response, parseQuery(query), minor, match.param));
}
