/** Images. Archives going in and out are in image-archives.ts. */
import type { Engine, ImageEndpoints } from '../../engine/engine.ts';
import { invalidParameter } from '../../errors.ts';
import type { Exchange } from '../exchange.ts';
import { acceptedFilters, parseFilters } from '../filters.ts';
import { del, get, post } from '../router.ts';
import type { Route } from '../router.ts';
import { gateImageInspect, gateImageSummary } from '../version-gates.ts';

export function imageRoutes({ images }: Engine): Route[] {
  return [
    get('/images/json', (exchange) => list(images, exchange)),
    get('/images/{name}/json', (exchange) => inspect(images, exchange)),
    get('/images/{name}/history', async (exchange) => exchange.json(200, await images.history(exchange.param))),
    post('/images/{name}/tag', (exchange) => tag(images, exchange)),
    del('/images/{name}', (exchange) => remove(images, exchange)),
  ];
}

async function list(images: ImageEndpoints, exchange: Exchange): Promise<void> {
  const { query, version } = exchange;
  const filters = parseFilters(query.get('filters'), acceptedFilters.images);
  const pattern = version < 41 ? query.get('filter') : '';
  const summaries = await images.list({
    all: query.bool('all'),
    digests: query.bool('digests'),
    filters: pattern === '' ? filters : { ...filters, reference: [...(filters['reference'] ?? []), pattern] },
  });
  exchange.json(200, summaries.map((summary) => gateImageSummary(summary, version)));
}

async function inspect(images: ImageEndpoints, exchange: Exchange): Promise<void> {
  exchange.json(200, gateImageInspect(await images.inspect(exchange.param), exchange.version));
}

async function tag(images: ImageEndpoints, exchange: Exchange): Promise<void> {
  const { query, param } = exchange;
  await images.tag(param, query.get('repo'), query.get('tag'));
  exchange.empty(201);
}

async function remove(images: ImageEndpoints, exchange: Exchange): Promise<void> {
  const { query, param } = exchange;
  if (param.trim() === '') throw invalidParameter('image name cannot be blank');
  exchange.json(200, await images.remove(param, { force: query.bool('force'), prune: !query.bool('noprune') }));
}
