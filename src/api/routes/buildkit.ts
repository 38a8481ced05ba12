/** BuildKit's way in: connections that become HTTP/2. What speaks it is loaded when the first one comes. */
import type { Duplex } from 'node:stream';
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
  const [{ handler }, { serveGrpc }] = await Promise.all([builds.buildkit(), import('../grpc/server.ts')]);
  await serveGrpc(upgrade(exchange), handler, (error) => logger.error('unexpected failure of a call', { error }));
}

/** The client is called. */
async function session(builds: BuildService, exchange: Exchange): Promise<void> {
  const { request } = exchange;
  const id = request.header(`${sessionHeader}uuid`) ?? '';
  if (id === '') throw invalidParameter('no session id in the request');
  const methods = new Set((request.header(`${sessionHeader}grpc-method`) ?? '').split(',').map((method) => method.trim()));
  const sharedKey = request.header(`${sessionHeader}sharedkey`) ?? '';
  const [service, { connectGrpc }] = await Promise.all([builds.buildkit(), import('../grpc/client.ts')]);
  await service.serveSession({ id, sharedKey, methods }, connectGrpc(upgrade(exchange)));
}

function upgrade({ request, response }: Exchange): Duplex {
  if (request.header('upgrade')?.toLowerCase() !== 'h2c') throw invalidParameter('the connection has to be upgraded to h2c');
  return response.hijack('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n').stream;
}
