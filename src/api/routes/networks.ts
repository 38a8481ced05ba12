import type { Engine, NetworkService } from '../../engine/engine.ts';
import { invalidParameter } from '../../errors.ts';
import type { Exchange } from '../exchange.ts';
import { acceptedFilters, parseFilters } from '../filters.ts';
import { readJson } from '../json.ts';
import { networkCreateRequest } from '../request-shapes.ts';
import { del, get, post } from '../router.ts';
import type { Route } from '../router.ts';
import { gateNetworkCreate } from '../version-gates.ts';

export function networkRoutes({ networks }: Engine): Route[] {
  return [
    get('/networks', (exchange) => list(networks, exchange)),
    get('/networks/', (exchange) => list(networks, exchange)),
    get('/networks/{id}', (exchange) => inspect(networks, exchange)),
    del('/networks/{id}', (exchange) => remove(networks, exchange)),
    post('/networks/create', (exchange) => create(networks, exchange)),
    post('/networks/prune', (exchange) => prune(networks, exchange)),
  ];
}

async function list(networks: NetworkService, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.query.get('filters'), acceptedFilters.networks);
  exchange.json(200, await networks.list(filters));
}

async function inspect(networks: NetworkService, exchange: Exchange): Promise<void> {
  const verbose = exchange.query.get('verbose');
  // Nothing more is known of a network without swarm; the value is checked as Docker does.
  if (verbose !== '' && !/^(?:[01tf]|true|false|TRUE|FALSE|True|False|T|F)$/.test(verbose)) {
    throw invalidParameter(`invalid value for verbose: ${verbose}: strconv.ParseBool: parsing ${JSON.stringify(verbose)}: invalid syntax`);
  }
  exchange.json(200, await networks.inspect(exchange.param, exchange.query.get('scope')));
}

async function create(networks: NetworkService, exchange: Exchange): Promise<void> {
  const request = (await readJson(exchange.request, networkCreateRequest)) ?? {};
  gateNetworkCreate(request, exchange.version);
  exchange.json(201, await networks.create(request));
}

async function remove(networks: NetworkService, exchange: Exchange): Promise<void> {
  await networks.remove(exchange.param);
  exchange.noContent();
}

async function prune(networks: NetworkService, exchange: Exchange): Promise<void> {
  exchange.json(200, await networks.prune(parseFilters(exchange.query.get('filters'), acceptedFilters.networksPrune)));
}
