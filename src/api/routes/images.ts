/** Images. Archives going in and out are in image-archives.ts. */
import type { Engine, ImageEndpoints } from '../../engine/engine.ts';
import { invalidParameter } from '../../errors.ts';
import type { Exchange } from '../exchange.ts';
import { acceptedFilters, parseFilters } from '../filters.ts';
import { readJson } from '../json.ts';
import { platformParameter } from '../platform.ts';
import { containerConfig } from '../request-shapes.ts';
import { del, get, post } from '../router.ts';
import type { Route } from '../router.ts';
import { gateImageInspect, gateImageSummary } from '../version-gates.ts';

export function imageRoutes({ images }: Engine): Route[] {
  return [
    get('/images/json', (exchange) => list(images, exchange)),
    get('/images/{name}/json', (exchange) => inspect(images, exchange)),
    get('/images/{name}/history', (exchange) => history(images, exchange)),
    post('/images/{name}/tag', (exchange) => tag(images, exchange)),
    del('/images/{name}', (exchange) => remove(images, exchange)),
    post('/images/prune', (exchange) => prune(images, exchange)),
    post('/commit', (exchange) => commit(images, exchange)),
  ];
}

async function list(images: ImageEndpoints, exchange: Exchange): Promise<void> {
  const { query, version } = exchange;
  const filters = parseFilters(query.get('filters'), acceptedFilters.images);
  const pattern = version < 41 ? query.get('filter') : '';
  const summaries = await images.list({
    all: query.bool('all'),
    filters: pattern === '' ? filters : { ...filters, reference: [...(filters['reference'] ?? []), pattern] },
    sharedSize: version >= 42 && query.bool('shared-size'),
    containerCount: version >= 51,
  });
  exchange.json(200, summaries.map((summary) => gateImageSummary(summary, version)));
}

async function inspect(images: ImageEndpoints, exchange: Exchange): Promise<void> {
  const { query, param, version } = exchange;
  const platform = version >= 49 ? platformParameter(query.get('platform')) : undefined;
  if (platform !== undefined && query.bool('manifests')) {
    throw invalidParameter('conflicting options: manifests and platform options cannot both be set');
  }
  exchange.json(200, gateImageInspect(await images.inspect(param, platform), version));
}

async function history(images: ImageEndpoints, exchange: Exchange): Promise<void> {
  const { query, param, version } = exchange;
  const platform = version >= 48 ? platformParameter(query.get('platform')) : undefined;
  exchange.json(200, await images.history(param, platform));
}

function tag(images: ImageEndpoints, exchange: Exchange): void {
  const { query, param } = exchange;
  images.service.tag(param, query.get('repo'), query.get('tag'));
  // Docker's answer for no name is 200, and nothing has happened.
  exchange.empty(query.get('repo') === '' ? 200 : 201);
}

async function remove(images: ImageEndpoints, exchange: Exchange): Promise<void> {
  const { query, param } = exchange;
  if (param.trim() === '') throw invalidParameter('image name cannot be blank');
  exchange.json(200, await images.remove(param, { force: query.bool('force'), prune: !query.bool('noprune') }));
}

async function prune(images: ImageEndpoints, exchange: Exchange): Promise<void> {
  exchange.json(200, await images.prune(parseFilters(exchange.query.get('filters'), acceptedFilters.imagesPrune)));
}

async function commit(images: ImageEndpoints, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const config = await readJson(exchange.request, containerConfig);
  const id = await images.commit({
    container: query.get('container'),
    repo: query.get('repo'),
    tag: query.get('tag'),
    author: query.get('author'),
    comment: query.get('comment'),
    changes: query.all('changes'),
    pause: query.boolOr('pause', true),
    config,
  });
  exchange.json(201, { Id: id });
}
