/** What is asked of registries: log-ins, searches, descriptions of images. */
import type { Engine } from '../../engine/engine.ts';
import { invalidParameter, systemError } from '../../errors.ts';
import { credentialsOf, decodeAuthHeader } from '../../images/registry/credentials.ts';
import type { SearchResult } from '../../images/registry/search.ts';
import type { Exchange } from '../exchange.ts';
import { parseFilters } from '../filters.ts';
import { decodeJson } from '../json.ts';
import { atoi } from '../query.ts';
import { get, post, type Route } from '../router.ts';
import { string, struct } from '../schema.ts';

const maxBody = 1024 * 1024;
const defaultLimit = 25;
const maxLimit = 100;

const authConfig = struct('', {
  username: string, password: string, auth: string, email: string, serveraddress: string, identitytoken: string, registrytoken: string,
});

export function registryRoutes(engine: Engine): Route[] {
  return [
    post('/auth', (exchange) => login(engine, exchange)),
    get('/images/search', (exchange) => search(engine, exchange)),
    get('/distribution/{name}/json', (exchange) => describe(engine, exchange)),
  ];
}

async function login({ images }: Engine, exchange: Exchange): Promise<void> {
  const { request } = exchange;
  const body = request.bodyless ? '' : (await request.body.collect(maxBody)).toString('utf8');
  const identityToken = await images.service.registries.login(credentialsOf(decode(body)), request.signal);
  exchange.json(200, { IdentityToken: identityToken, Status: 'Login Succeeded' });
}

/** Docker reads this body with less ceremony than others, and takes what is wrong with it for its own fault. */
function decode(body: string): Readonly<Record<string, unknown>> {
  try {
    return (decodeJson(body, authConfig) as Record<string, unknown> | null) ?? {};
  } catch (error) {
    const { message } = error as Error;
    throw systemError(body === '' ? 'EOF' : message.replace(/^invalid JSON: /, ''), { cause: error });
  }
}

async function search({ images }: Engine, exchange: Exchange): Promise<void> {
  const { query, request } = exchange;
  const wanted = matcher(parseFilters(query.get('filters')));
  const results = await images.service.registries.search({
    term: query.get('term'),
    limit: limitOf(query.get('limit')),
    credentials: decodeAuthHeader(request.header('x-registry-auth')),
    signal: request.signal,
  });
  exchange.json(200, results.filter(wanted));
}

function limitOf(text: string): number {
  let limit: number;
  try {
    limit = text === '' ? 0 : atoi(text);
  } catch (error) {
    throw invalidParameter(`invalid limit specified: ${(error as Error).message}`, { cause: error });
  }
  if (limit === 0) return defaultLimit;
  if (limit < 1 || limit > maxLimit) throw invalidParameter(`limit ${limit} is outside the range of [1, ${maxLimit}]`);
  return limit;
}

function matcher(filters: Readonly<Record<string, readonly string[]>>): (result: SearchResult) => boolean {
  const unknown = Object.keys(filters).find((name) => !['is-automated', 'is-official', 'stars'].includes(name));
  if (unknown !== undefined) throw invalidParameter(`invalid filter '${unknown}'`);
  const automated = flagOf(filters, 'is-automated');
  const official = flagOf(filters, 'is-official');
  const stars = Math.max(0, ...(filters['stars'] ?? []).map(starsOf));
  return (result) =>
    (automated === undefined || result.is_automated === automated)
    && (official === undefined || result.is_official === official)
    && result.star_count >= stars;
}

function flagOf(filters: Readonly<Record<string, readonly string[]>>, name: string): boolean | undefined {
  const values = filters[name];
  if (values === undefined || values.length === 0) return undefined;
  const meaning = values.map((value) => (['1', 'true'].includes(value) ? true : ['0', 'false'].includes(value) ? false : undefined));
  if (meaning.includes(undefined) || new Set(meaning).size > 1) throw invalidParameter(`invalid filter '${name}=[${values.join(' ')}]'`);
  return meaning[0];
}

function starsOf(text: string): number {
  try {
    return atoi(text);
  } catch (error) {
    throw invalidParameter(`invalid filter 'stars=${text}': ${(error as Error).message}`, { cause: error });
  }
}

async function describe({ images }: Engine, exchange: Exchange): Promise<void> {
  const { param, request } = exchange;
  exchange.json(200, await images.service.registries.describe(param, decodeAuthHeader(request.header('x-registry-auth')), request.signal));
}
