/** Images as archives: load, save, import. `POST /images/create` is both import and pull. */
import type { Engine, ImageEndpoints } from '../../engine/engine.ts';
import { invalidParameter } from '../../errors.ts';
import { fetchUrl } from '../../images/fetch-url.ts';
import { importDownloaded, importUrl } from '../../images/import-url.ts';
import type { Exchange } from '../exchange.ts';
import { platformParameter } from '../platform.ts';
import { sendProgress } from '../progress.ts';
import type { Logger } from '../../engine/logger.ts';
import { get, post } from '../router.ts';
import type { Route } from '../router.ts';
import { pull, push } from './image-transfers.ts';

export function imageArchiveRoutes(engine: Engine, logger: Logger): Route[] {
  const { images } = engine;
  return [
    post('/images/load', (exchange) => load(images, exchange, logger)),
    get('/images/get', (exchange) => save(images, exchange, exchange.query.all('names'))),
    get('/images/{name}/get', (exchange) => save(images, exchange, [exchange.param])),
    post('/images/{name}/push', (exchange) => push(engine, exchange, logger)),
    post('/images/create', (exchange) => (exchange.query.get('fromImage') === '' ? create(images, exchange, logger) : pull(engine, exchange, logger))),
  ];
}

/** Failures are part of the stream, as Docker has it: progress may have been told already. */
async function load(images: ImageEndpoints, exchange: Exchange, logger: Logger): Promise<void> {
  const { query, request, version } = exchange;
  const quiet = query.boolOr('quiet', true);
  const platform = version >= 48 ? platformParameter(query.get('platform')) : undefined;
  const records = images.service.load(request.body, { quiet, ...(platform ? { platform } : {}) });
  await sendProgress(exchange, records, logger, { failuresAnswered: false, operation: 'load images' });
}

async function save(images: ImageEndpoints, exchange: Exchange, names: readonly string[]): Promise<void> {
  if (names.length === 0) {
    throw invalidParameter('no image given: name at least one to save');
  }
  const platform = exchange.version >= 48 ? platformParameter(exchange.query.get('platform')) : undefined;
  const archive = images.service.save(names, platform);
  exchange.response.start(200, { 'Content-Type': 'application/x-tar' });
  await exchange.stream(archive, (chunk) => chunk);
}

async function create(images: ImageEndpoints, exchange: Exchange, logger: Logger): Promise<void> {
  const { query } = exchange;
  const source = query.get('fromSrc');
  const request = {
    repo: query.get('repo'),
    tag: query.get('tag'),
    message: query.get('message') || `Imported from ${source}`,
    changes: query.all('changes'),
    platform: exchange.version >= 32 ? query.get('platform') : '',
  };
  if (source !== '-') {
    const url = importUrl(source);
    const records = importDownloaded(images.service, url, await fetchUrl(url, exchange.request.signal), request);
    return sendProgress(exchange, records, logger, { failuresAnswered: false, operation: 'import image' });
  }
  const id = await images.service.import(exchange.request.body, request);
  exchange.startJson();
  await exchange.progress({ status: id });
}
