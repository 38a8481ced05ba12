/** Containers: their lives, and what is known of them. Streams are in container-streams.ts. */
import type { CreateRequest, HostConfig } from '../../engine/docker-types.ts';
import type { ContainerService, Engine } from '../../engine/engine.ts';
import { invalidParameter } from '../../errors.ts';
import type { Exchange } from '../exchange.ts';
import { acceptedFilters, parseFilters } from '../filters.ts';
import { readJson, requireJson } from '../json.ts';
import { configFields, createRequest, updateConfig } from '../request-shapes.ts';
import type { Route } from '../router.ts';
import { gateContainerInspect, gateContainerSummary, gateCreateRequest, gateUpdate } from '../version-gates.ts';
import { terminalSize } from './terminal-size.ts';

export function containerRoutes({ containers }: Engine): Route[] {
  return [
    { method: 'POST', path: '/containers/create', handler: (exchange) => create(containers, exchange) },
    { method: 'GET', path: '/containers/json', handler: (exchange) => list(containers, exchange) },
    { method: 'POST', path: '/containers/prune', handler: (exchange) => prune(containers, exchange) },
    { method: 'GET', path: '/containers/{id}/json', handler: (exchange) => inspect(containers, exchange) },
    { method: 'POST', path: '/containers/{id}/start', handler: (exchange) => start(containers, exchange) },
    { method: 'POST', path: '/containers/{id}/stop', handler: (exchange) => done(exchange, containers.stop(exchange.param, ending(exchange))) },
    { method: 'POST', path: '/containers/{id}/restart', handler: (exchange) => done(exchange, containers.restart(exchange.param, ending(exchange))) },
    { method: 'POST', path: '/containers/{id}/kill', handler: (exchange) => done(exchange, containers.kill(exchange.param, exchange.query.get('signal'))) },
    { method: 'POST', path: '/containers/{id}/pause', handler: (exchange) => done(exchange, containers.pause(exchange.param)) },
    { method: 'POST', path: '/containers/{id}/unpause', handler: (exchange) => done(exchange, containers.unpause(exchange.param)) },
    { method: 'POST', path: '/containers/{id}/rename', handler: (exchange) => done(exchange, containers.rename(exchange.param, exchange.query.get('name'))) },
    { method: 'POST', path: '/containers/{id}/update', handler: (exchange) => update(containers, exchange) },
    { method: 'POST', path: '/containers/{id}/resize', handler: (exchange) => resize(containers, exchange) },
    { method: 'GET', path: '/containers/{id}/top', handler: (exchange) => top(containers, exchange) },
    { method: 'DELETE', path: '/containers/{id}', handler: (exchange) => remove(containers, exchange) },
  ];
}

async function create(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { query, request, version } = exchange;
  const body = await requireJson<CreateRequest>(request, createRequest);
  if (body === null || !Object.keys(body).some((name) => configFields.has(name))) {
    throw invalidParameter('config cannot be empty in order to create a container');
  }
  gateCreateRequest(body, version);
  const created = await containers.create(query.get('name') || undefined, body, version >= 41 ? query.get('platform') : '');
  exchange.json(201, created);
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
    throw invalidParameter('starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24');
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
  const resources = (await readJson<HostConfig>(exchange.request, updateConfig)) ?? {};
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
  exchange.json(200, await containers.prune(parseFilters(exchange.query.get('filters'), acceptedFilters.containersPrune)));
}

async function done(exchange: Exchange, action: Promise<void>): Promise<void> {
  await action;
  exchange.noContent();
}
