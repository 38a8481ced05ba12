import type { Engine, VolumeCreateRequest, VolumeService } from '../../engine/engine.ts';
import { unavailable } from '../../errors.ts';
import type { Exchange } from '../exchange.ts';
import { acceptedFilters, parseFilters } from '../filters.ts';
import { readJson } from '../json.ts';
import { volumeCreateRequest } from '../request-shapes.ts';
import type { Route } from '../router.ts';

export function volumeRoutes({ volumes }: Engine): Route[] {
  return [
    {
      method: 'GET',
      path: '/volumes',
      handler: async (exchange) => exchange.json(200, await volumes.list(parseFilters(exchange.query.get('filters'), acceptedFilters.volumes))),
    },
    { method: 'POST', path: '/volumes/create', handler: (exchange) => create(volumes, exchange) },
    { method: 'POST', path: '/volumes/prune', handler: (exchange) => prune(volumes, exchange) },
    { method: 'GET', path: '/volumes/{name}', handler: async (exchange) => exchange.json(200, await volumes.inspect(exchange.param)) },
    { method: 'DELETE', path: '/volumes/{name}', handler: (exchange) => remove(volumes, exchange) },
    {
      method: 'PUT',
      path: '/volumes/{name}',
      handler: () => {
        throw unavailable('volume update only valid for cluster volumes, but swarm is unavailable');
      },
    },
  ];
}

async function create(volumes: VolumeService, exchange: Exchange): Promise<void> {
  const request = (await readJson<VolumeCreateRequest>(exchange.request, volumeCreateRequest)) ?? {};
  exchange.json(201, await volumes.create(request));
}

async function remove(volumes: VolumeService, exchange: Exchange): Promise<void> {
  await volumes.remove(exchange.param, exchange.query.bool('force'));
  exchange.noContent();
}

async function prune(volumes: VolumeService, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.query.get('filters'), acceptedFilters.volumesPrune);
  // Before 1.42 named volumes were pruned, too.
  exchange.json(200, await volumes.prune(exchange.version < 42 ? { ...filters, all: ['true'] } : filters));
}
