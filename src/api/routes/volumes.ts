import type { Engine, VolumeService } from '../../engine/engine.ts';
import { unavailable } from '../../errors.ts';
import type { Exchange } from '../exchange.ts';
import { acceptedFilters, parseFilters } from '../filters.ts';
import { readJson } from '../json.ts';
import { volumeCloneRequest, volumeCreateRequest } from '../request-shapes.ts';
import { del, get, post, put } from '../router.ts';
import type { Route } from '../router.ts';

export function volumeRoutes({ volumes }: Engine): Route[] {
  return [
    get('/volumes', (exchange) => list(volumes, exchange)),
    post('/volumes/create', (exchange) => create(volumes, exchange)),
    post('/volumes/prune', (exchange) => prune(volumes, exchange)),
    get('/volumes/{name}', async (exchange) => exchange.json(200, await volumes.inspect(exchange.param))),
    // An extension.
    post('/volumes/{name}/clone', (exchange) => clone(volumes, exchange)),
    del('/volumes/{name}', (exchange) => remove(volumes, exchange)),
    put('/volumes/{name}', () => {
      throw unavailable('volume update only valid for cluster volumes, but swarm is unavailable');
    }),
  ];
}

async function list(volumes: VolumeService, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.query.get('filters'), acceptedFilters.volumes);
  exchange.json(200, await volumes.list(filters));
}

async function create(volumes: VolumeService, exchange: Exchange): Promise<void> {
  const request = (await readJson(exchange.request, volumeCreateRequest)) ?? {};
  if (request.ClusterVolumeSpec) {
    throw unavailable('This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.');
  }
  exchange.json(201, await volumes.create(request));
}

async function clone(volumes: VolumeService, exchange: Exchange): Promise<void> {
  exchange.json(201, await volumes.clone(exchange.param, (await readJson(exchange.request, volumeCloneRequest)) ?? {}));
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
