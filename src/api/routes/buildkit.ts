/** BuildKit's way in: connections that become HTTP/2. What speaks it is loaded when the first one comes. */
import type { Duplex } from 'node:stream';
import type { SessionHeaders } from '../../build/buildkit/client-session.ts';
import type { CallHandler } from '../../build/buildkit/rpc.ts';
import type { BuildkitService } from '../../build/buildkit/service.ts';
import type { BuildService, Engine } from '../../engine/engine.ts';
import type { Logger } from '../../engine/logger.ts';
import { invalidParameter } from '../../errors.ts';
import type { Exchange } from '../exchange.ts';
import { post } from '../router.ts';
import type { Route } from '../router.ts';

const sessionHeader = 'x-docker-expose-session-';

export function buildkitRoutes({ builds }: Engine, logger: Logger): Route[] {
  return [
    post('/grpc', (exchange) => grpc(builds, exchange, logger)),
    post('/session', (exchange) => session(builds, exchange)),
  ];
}

/** The client calls. */
async function grpc(builds: BuildService, exchange: Exchange, logger: Logger): Promise<void> {
  const [service, { serveGrpc }] = await Promise.all([builds.buildkit(), import('../grpc/server.ts')]);
  const handler = await withSessions(service);
  await serveGrpc(upgrade(exchange), handler, (error) => logger.error('unexpected failure of a call', { error }));
}

/** A call may be the connection of a session, too. */
async function withSessions(service: BuildkitService): Promise<CallHandler> {
  const [{ connectGrpc }, { sessionPath, sessionStream }] = await Promise.all([import('../grpc/client.ts'), import('../grpc/session-stream.ts')]);
  return (call) => (call.path === sessionPath
    ? service.serveSession(sessionHeaders((name) => call.metadata(name)), connectGrpc(sessionStream(call)))
    : service.handler(call));
}

/** The client is called. */
async function session(builds: BuildService, exchange: Exchange): Promise<void> {
  checkUpgrade(exchange);
  const headers = sessionHeaders((name) => exchange.request.header(name));
  const [service, { connectGrpc }] = await Promise.all([builds.buildkit(), import('../grpc/client.ts')]);
  await service.serveSession(headers, connectGrpc(upgrade(exchange)));
}

/** `header` gives all values of a name, with commas between them. */
function sessionHeaders(header: (name: string) => string | undefined): SessionHeaders {
  const id = header(`${sessionHeader}uuid`) ?? '';
  if (id === '') throw invalidParameter('no session id in the request');
  const methods = new Set((header(`${sessionHeader}grpc-method`) ?? '').split(',').map((method) => method.trim()));
  return { id, sharedKey: header(`${sessionHeader}sharedkey`) ?? '', methods };
}

function checkUpgrade({ request }: Exchange): void {
  const protocol = request.header('upgrade') ?? '';
  if (protocol === '') throw invalidParameter('no upgrade proto in request');
  if (protocol.toLowerCase() !== 'h2c') throw invalidParameter(`protocol ${protocol} not supported`);
}

function upgrade(exchange: Exchange): Duplex {
  checkUpgrade(exchange);
  return exchange.response.hijack('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n').stream;
}
