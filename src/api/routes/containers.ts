/** Containers: their lives, and what is known of them. Streams are in container-streams.ts. */
import type { ContainerService, Engine } from '../../engine/engine.ts';
import { invalidParameter } from '../../errors.ts';
import type { Exchange } from '../exchange.ts';
import { acceptedFilters, parseFilters } from '../filters.ts';
import { readJson, requireJson } from '../json.ts';
import { configFields, createRequest, updateConfig } from '../request-shapes.ts';
import { del, get, post } from '../router.ts';
import type { Route } from '../router.ts';
import { gateContainerInspect, gateContainerSummary, gateCreateRequest, gateUpdate } from '../version-gates.ts';
import { terminalSize } from './terminal-size.ts';

export function containerRoutes({ containers }: Engine): Route[] {
  return [
    post('/containers/create', (exchange) => create(containers, exchange)),
    get('/containers/json', (exchange) => list(containers, exchange)),
    post('/containers/prune', (exchange) => prune(containers, exchange)),
    get('/containers/{id}/json', (exchange) => inspect(containers, exchange)),
    post('/containers/{id}/start', (exchange) => start(containers, exchange)),
    post('/containers/{id}/stop', action((id, exchange) => containers.stop(id, ending(exchange)))),
    post('/containers/{id}/restart', action((id, exchange) => containers.restart(id, ending(exchange)))),
    post('/containers/{id}/kill', action((id, { query }) => containers.kill(id, query.get('signal')))),
    post('/containers/{id}/pause', action((id) => containers.pause(id))),
    post('/containers/{id}/unpause', action((id) => containers.unpause(id))),
    post('/containers/{id}/rename', action((id, { query }) => containers.rename(id, query.get('name')))),
    post('/containers/{id}/update', (exchange) => update(containers, exchange)),
    post('/containers/{id}/resize', (exchange) => resize(containers, exchange)),
    get('/containers/{id}/top', (exchange) => top(containers, exchange)),
    del('/containers/{id}', (exchange) => remove(containers, exchange)),
  ];
}

async function create(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { query, request, version } = exchange;
  const body = await requireJson(request, createRequest);
  if (body === null || !Object.keys(body).some((name) => configFields.has(name))) {
    throw invalidParameter('config cannot be empty in order to create a container');
  }
  gateCreateRequest(body, version);
  const platform = version >= 41 ? query.get('platform') : '';
  exchange.json(201, await containers.create(query.get('name') || undefined, body, { platform, plainReadOnlyBinds: version < 44 }));
}

async function list(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { query, version } = exchange;
  const limit = Math.max(query.int('limit') ?? 0, 0);
  const summaries = await containers.list({
    all: query.bool('all'),
    limit,
    size: query.bool('size'),
    filters: parseFilters(query.get('filters'), acceptedFilters.containers),
  });
  exchange.json(200, summaries.map((summary) => gateContainerSummary(summary, version)));
}

async function inspect(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { query, param, version } = exchange;
  exchange.json(200, gateContainerInspect(await containers.inspect(param, { size: query.bool('size') }), version));
}

async function start(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { framing } = exchange.request.head;
  // As Docker: "null" and "{}" from old clients are not a configuration.
  if (framing.kind === 'chunked' || (framing.kind === 'length' && framing.bytes > 7)) {
    throw invalidParameter(
      'starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24',
    );
  }
  await containers.start(exchange.param);
  exchange.noContent();
}

/** What stop and restart take; `signal` came with 1.42. */
function ending({ query, version }: Exchange): { timeout?: number; signal?: string } {
  const timeout = query.int('t');
  const signal = version >= 42 ? query.get('signal') : '';
  return { ...(timeout === undefined ? {} : { timeout }), ...(signal === '' ? {} : { signal }) };
}

async function update(containers: ContainerService, exchange: Exchange): Promise<void> {
  const resources = (await readJson(exchange.request, updateConfig)) ?? {};
  gateUpdate(resources, exchange.version);
  exchange.json(200, await containers.update(exchange.param, resources));
}

async function resize(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { rows, columns } = terminalSize(exchange.query);
  await containers.resize(exchange.param, rows, columns);
  exchange.empty(200);
}

async function top(containers: ContainerService, exchange: Exchange): Promise<void> {
  exchange.json(200, await containers.top(exchange.param, exchange.query.get('ps_args')));
}

async function remove(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { query, param } = exchange;
  await containers.remove(param, { force: query.bool('force'), volumes: query.bool('v'), link: query.bool('link') });
  exchange.noContent();
}

async function prune(containers: ContainerService, exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.query.get('filters'), acceptedFilters.containersPrune);
  exchange.json(200, await containers.prune(filters));
}

/** A handler that does something to a container and answers 204. */
function action(act: (id: string, exchange: Exchange) => Promise<void>): Route['handler'] {
  return async (exchange) => {
    await act(exchange.param, exchange);
    exchange.noContent();
  };
}
