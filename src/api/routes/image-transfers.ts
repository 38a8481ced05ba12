/** Images from and to registries. */
import type { Engine } from '../../engine/engine.ts';
import type { Logger } from '../../engine/logger.ts';
import { hostPlatform } from '../../images/config.ts';
import { parsePlatform, type Platform } from '../../images/platform.ts';
import { parseReference, type Reference, taggedReference } from '../../images/reference.ts';
import { decodeAuthHeader } from '../../images/registry/credentials.ts';
import { isDigest } from '../../storage/digest.ts';
import type { Exchange } from '../exchange.ts';
import { platformParameter } from '../platform.ts';
import { sendProgress } from '../progress.ts';

/** `POST /images/create` with `fromImage`. Until there is progress to show, failures are plain answers. */
export async function pull({ images }: Engine, exchange: Exchange, logger: Logger): Promise<void> {
  const { query, request, version } = exchange;
  const records = images.service.pull({
    reference: wanted(query.get('fromImage'), query.get('tag')),
    platform: version >= 32 ? platformOf(query.get('platform')) : undefined,
    credentials: decodeAuthHeader(request.header('x-registry-auth')),
    signal: request.signal,
  });
  await sendProgress(exchange, records, logger, { failuresAnswered: true, operation: 'pull image' });
}

/** `POST /images/{name}/push`. The stream begins whatever happens, and ends with what went wrong. */
export async function push({ images }: Engine, exchange: Exchange, logger: Logger): Promise<void> {
  const { query, request, version, param } = exchange;
  const platform = version >= 46 ? platformParameter(query.get('platform')) : undefined;
  const tag = query.get('tag');
  const named = parseReference(param);
  const records = images.service.push({
    reference: tag === '' ? named : { ...taggedReference(named.name, tag), digest: undefined },
    platform,
    credentials: decodeAuthHeader(request.header('x-registry-auth')),
    signal: request.signal,
  });
  await sendProgress(exchange, records, logger, { failuresAnswered: false, operation: 'push image' });
}

/** What is in `tag` (it may be a digest) comes before what the name says. */
function wanted(image: string, tag: string): Reference {
  const reference = parseReference(image);
  if (tag === '') return reference;
  const name = { ...reference, tag: undefined, digest: undefined };
  return isDigest(tag) ? { ...name, digest: tag } : taggedReference(reference.name, tag);
}

function platformOf(text: string): Platform | undefined {
  return text === '' ? undefined : parsePlatform(text, hostPlatform());
}
