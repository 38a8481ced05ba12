/** Images as archives: load, save, import; and pull, which has no registry to ask yet. */
import type { Engine, ImageEndpoints } from '../../engine/engine.ts';
import { invalidParameter, notFound } from '../../errors.ts';
import { answerFor } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { ClientGone } from '../http/http-error.ts';
import { platformParameter } from '../platform.ts';
import type { Logger } from '../../engine/logger.ts';
import { get, post } from '../router.ts';
import type { Route } from '../router.ts';

export function imageArchiveRoutes({ images }: Engine, logger: Logger): Route[] {
  return [
    post('/images/load', (exchange) => load(images, exchange, logger)),
    get('/images/get', (exchange) => save(images, exchange, exchange.query.all('names'))),
    get('/images/{name}/get', (exchange) => save(images, exchange, [exchange.param])),
    post('/images/create', (exchange) => create(images, exchange)),
  ];
}

/** Failures are part of the stream, as Docker has it: progress may have been told already. */
async function load(images: ImageEndpoints, exchange: Exchange, logger: Logger): Promise<void> {
  const { query, request, version } = exchange;
  const quiet = query.boolOr('quiet', true);
  const platform = version >= 48 ? platformParameter(query.get('platform')) : undefined;
  const records = images.service.load(request.body, { quiet, ...(platform ? { platform } : {}) })[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await records.next();
      if (next.done === true) break;
      if (!exchange.response.started) exchange.startJson();
      await exchange.progress(next.value);
    }
    if (!exchange.response.started) exchange.startJson();
  } catch (error) {
    await records.return?.().catch(() => undefined);
    if (error instanceof ClientGone) throw error;
    const { message, expected } = answerFor(error);
    if (!expected) logger.error('load images', { error });
    if (!exchange.response.started) exchange.startJson();
    await exchange.progress({ errorDetail: { message }, error: message });
  }
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

async function create(images: ImageEndpoints, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const image = query.get('fromImage');
  if (image !== '') throw pullRefusal(image, query.get('tag'));
  const source = query.get('fromSrc');
  if (source !== '-') {
    throw invalidParameter(
      `cannot import from ${JSON.stringify(source)}: Caisson does not download archives; `
        + 'send the archive itself (fromSrc=-, "docker import FILE")',
    );
  }
  const id = await images.service.import(exchange.request.body, {
    repo: query.get('repo'),
    tag: query.get('tag'),
    message: query.get('message') || 'Imported from -',
    changes: query.all('changes'),
    platform: exchange.version >= 32 ? query.get('platform') : '',
  });
  exchange.startJson();
  await exchange.progress({ status: id });
}

/** Says what to do instead: this is what `docker run` shows for an image that is not here. */
function pullRefusal(image: string, tag: string): Error {
  const separator = tag.includes(':') ? '@' : ':';
  const name = tag === '' ? image : `${image}${separator}${tag}`;
  return notFound(
    `No such image: ${name}, and Caisson does not pull from registries yet. Load it from an archive: `
      + `"docker save ${name} -o image.tar" where the image is, then "docker load -i image.tar" here; `
      + `or make it of a root file system: "docker import rootfs.tar ${name.replace(/@.*/, '')}"`,
    { operation: 'pull image', object: name },
  );
}
