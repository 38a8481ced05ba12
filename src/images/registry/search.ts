/** `docker search`: the search of Docker Hub, and of registries that have the same (`/v1/search`). */
import { invalidParameter, systemError } from '../../errors.ts';
import { defaultDomain } from '../reference.ts';
import { anonymous, basic, type Credentials } from './credentials.ts';
import { isInsecure, type RegistrySettings } from './endpoints.ts';
import { tlsOf } from './host-config.ts';
import type { TlsSettings, Transport } from './transport.ts';

export interface SearchRequest {
  /** `[registry/]words`. */
  readonly term: string;
  /** 1 to 100. */
  readonly limit: number;
  readonly credentials: Credentials;
  readonly signal: AbortSignal;
}

/** Docker's registry.SearchResult. */
export interface SearchResult {
  readonly star_count: number;
  readonly is_official: boolean;
  readonly name: string;
  readonly is_automated: boolean;
  readonly description: string;
}

interface Index {
  readonly url: URL;
  readonly tls: TlsSettings;
}

const hubIndex = 'https://index.docker.io/v1/';
const maxAnswer = 4 * 1024 * 1024;

export async function search(settings: RegistrySettings, transport: Transport, request: SearchRequest): Promise<SearchResult[]> {
  const { limit, credentials, signal } = request;
  const { domain, words } = splitTerm(request.term);
  const { url, tls } = await indexOf(settings, transport, domain, signal);
  const target = new URL(`search?q=${encodeURIComponent(words).replaceAll('%20', '+')}&n=${limit}`, url.href);
  const headers: Record<string, string> = { 'X-Docker-Token': 'true' };
  if (credentials !== anonymous && credentials.username !== '') headers['Authorization'] = basic(credentials);
  const response = await transport.send({ method: 'GET', url: target, tls, headers, signal });
  const body = await transport.bytes(response, maxAnswer, signal);
  if (response.status !== 200) throw systemError(`Unexpected status code ${response.status}`);
  return resultsIn(body).slice(0, limit);
}

function splitTerm(term: string): { domain: string; words: string } {
  if (term.includes('://')) throw invalidParameter(`invalid repository name: repository name (${term}) should not have a scheme`, { object: term });
  const slash = term.indexOf('/');
  const first = term.slice(0, Math.max(slash, 0));
  const isHost = /^[a-zA-Z0-9.:[\]-]+$/.test(first) && (/[.:]/.test(first) || first === 'localhost');
  const domain = isHost && first !== 'index.docker.io' ? first : defaultDomain;
  const words = isHost ? term.slice(slash + 1) : term;
  return { domain, words: domain === defaultDomain && words.startsWith('library/') ? words.slice('library/'.length) : words };
}

/** Registries other than Docker Hub are asked first whether they are there. */
async function indexOf(settings: RegistrySettings, transport: Transport, domain: string, signal: AbortSignal): Promise<Index> {
  if (domain === defaultDomain) return { url: new URL(hubIndex), tls: tlsOf(settings.certificates, 'index.docker.io', false) };
  const insecure = await isInsecure(settings, domain);
  const tls = tlsOf(settings.certificates, domain, insecure);
  const attempt = async (scheme: string): Promise<Index | Error> => {
    const url = new URL(`${scheme}://${domain}/v1/`);
    try {
      await (await transport.send({ method: 'GET', url: new URL('_ping', url.href), tls, signal })).body?.cancel();
      return { url, tls };
    } catch (error) {
      signal.throwIfAborted();
      return error as Error;
    }
  };
  const https = await attempt('https');
  if (!(https instanceof Error)) return https;
  if (!insecure) {
    throw invalidParameter(
      `invalid registry endpoint https://${domain}/v1/: ${https.message}. If this private registry supports only HTTP or HTTPS with an unknown CA certificate, `
        + `please add \`--insecure-registry ${domain}\` to the daemon's arguments. In the case of HTTPS, if you have access to the registry's CA certificate, `
        + `no need for the flag; simply place the CA certificate at ${settings.certificates}/${domain}/ca.crt`,
    );
  }
  const http = await attempt('http');
  if (!(http instanceof Error)) return http;
  throw invalidParameter(`invalid registry endpoint "http://${domain}/v1/". HTTPS attempt: ${https.message}. HTTP attempt: ${http.message}`);
}

function resultsIn(body: Uint8Array): SearchResult[] {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(body));
  } catch (error) {
    throw systemError(`error decoding registry search results: ${(error as Error).message}`, { cause: error });
  }
  const results: unknown = typeof json === 'object' && json !== null && 'results' in json ? json.results : [];
  return Array.isArray(results) ? results.flatMap(resultOf) : [];
}

function resultOf(json: unknown): SearchResult[] {
  if (typeof json !== 'object' || json === null) return [];
  const { star_count: stars, is_official: official, name, is_automated: automated, description } = json as Record<string, unknown>;
  if (typeof name !== 'string') return [];
  return [{
    star_count: typeof stars === 'number' ? Math.trunc(stars) : 0,
    is_official: official === true,
    name,
    is_automated: automated === true,
    description: typeof description === 'string' ? description : '',
  }];
}
