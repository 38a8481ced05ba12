/** Containers on networks: `POST /networks/{id}/connect` and `disconnect`. */
import type { ContainerService, Engine } from '../../engine/engine.ts';
import type { Exchange } from '../exchange.ts';
import { readJson } from '../json.ts';
import { networkConnectRequest, networkDisconnectRequest } from '../request-shapes.ts';
import { post } from '../router.ts';
import type { Route } from '../router.ts';

export function networkConnectionRoutes({ containers }: Engine): Route[] {
  return [
    post('/networks/{id}/connect', (exchange) => connect(containers, exchange)),
    post('/networks/{id}/disconnect', (exchange) => disconnect(containers, exchange)),
  ];
}

async function connect(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { Container = '', EndpointConfig } = (await readJson(exchange.request, networkConnectRequest)) ?? {};
  await containers.connect(Container, exchange.param, EndpointConfig ?? {});
  exchange.empty(200);
}

async function disconnect(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { Container = '', Force = false } = (await readJson(exchange.request, networkDisconnectRequest)) ?? {};
  await containers.disconnect(Container, exchange.param, Force);
  exchange.empty(200);
}
