/** Attach, logs, stats, wait: requests that last. */
import type { ContainerService, Engine } from '../../engine/engine.ts';
import { invalidParameter } from '../../errors.ts';
import type { Exchange } from '../exchange.ts';
import { jsonType, multiplexedStream, rawStream } from '../exchange.ts';
import { encodeNumbers } from '../json-numbers.ts';
import { get, post } from '../router.ts';
import type { Route } from '../router.ts';
import { unlessAborted } from '../unless-aborted.ts';

const waitConditions = ['not-running', 'next-exit', 'removed'];

export function containerStreamRoutes({ containers }: Engine): Route[] {
  return [
    post('/containers/{id}/attach', (exchange) => attach(containers, exchange)),
    get('/containers/{id}/attach/ws', (exchange) => attachWebSocket(containers, exchange)),
    get('/containers/{id}/logs', (exchange) => logs(containers, exchange)),
    get('/containers/{id}/stats', (exchange) => stats(containers, exchange)),
    post('/containers/{id}/wait', (exchange) => wait(containers, exchange)),
  ];
}

async function attach(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const session = await containers.attach(exchange.param, {
    stdin: query.bool('stdin'),
    stdout: query.bool('stdout'),
    stderr: query.bool('stderr'),
    logs: query.bool('logs'),
    stream: query.bool('stream'),
    detachKeys: query.get('detachKeys'),
  });
  await exchange.attach(session);
}

/** Before 1.42 it was always all three streams. */
async function attachWebSocket(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { query, version } = exchange;
  const all = version < 42;
  const session = await containers.attach(exchange.param, {
    stdin: all || query.bool('stdin'),
    stdout: all || query.bool('stdout'),
    stderr: all || query.bool('stderr'),
    logs: query.bool('logs'),
    stream: query.bool('stream'),
    detachKeys: query.get('detachKeys'),
  });
  await exchange.attachWebSocket(session);
}

async function logs(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { query, request, response, version } = exchange;
  const [stdout, stderr] = [query.bool('stdout'), query.bool('stderr')];
  if (!stdout && !stderr) throw invalidParameter('Bad parameters: you must choose at least one stream');
  const { tty, frames } = await containers.logs(exchange.param, {
    stdout,
    stderr,
    follow: query.bool('follow'),
    timestamps: query.bool('timestamps'),
    details: query.bool('details'),
    tail: query.get('tail') || 'all',
    since: query.get('since'),
    until: query.get('until'),
    signal: request.signal,
  });
  response.start(200, { 'Content-Type': !tty && version >= 42 ? multiplexedStream : rawStream });
  await exchange.stream(frames, (frame) => frame);
}

async function stats(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { query, request, response, version } = exchange;
  const stream = query.boolOr('stream', true);
  const oneShot = version >= 41 && query.bool('one-shot');
  if (stream && oneShot) throw invalidParameter('cannot have stream=true and one-shot=true');
  const samples = containers.stats(exchange.param, { stream, oneShot, signal: request.signal });
  if (stream) {
    exchange.startJson();
    return exchange.stream(samples, encodeNumbers);
  }
  for await (const sample of samples) response.send(200, jsonType, encodeNumbers(sample));
}

async function wait(containers: ContainerService, exchange: Exchange): Promise<void> {
  const { query, request, version } = exchange;
  const condition = (version >= 30 && query.get('condition')) || 'not-running';
  if (!waitConditions.includes(condition)) throw invalidParameter(`invalid condition: ${JSON.stringify(condition)}`);
  const { result } = await containers.wait(exchange.param, condition);
  // The client starts the container once it has seen the head. Before 1.30 the head came with the result.
  if (version < 30) return exchange.json(200, await result);
  exchange.startJson();
  const status = await unlessAborted(result, request.signal);
  if (status !== undefined) await exchange.record(status);
}
