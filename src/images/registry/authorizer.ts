/**
 * Who we are to one registry: answers its challenges with Basic, or with a token from the server that it names
 * (distribution, docs/spec/auth/token.md and oauth.md).
 */
import { systemError } from '../../errors.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { basic, type Credentials } from './credentials.ts';
import { refusal } from './registry-error.ts';
import type { Endpoint } from './endpoints.ts';
import type { HttpRequest, Transport } from './transport.ts';

/** Token answers are a few kilobytes; a cloud's can be longer. */
const maxToken = 1024 * 1024;
/** A token that does not say how long it lives, lives so long (token.md). Seconds. */
const leastLife = 60;
const clientId = 'docker';

interface Token {
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

export interface TokenAnswer {
  readonly token: string;
  /** Stands for username and password from now on; empty when the server gave none. */
  readonly refreshToken: string;
  /** Seconds. */
  readonly life: number;
}

type TokenRequest = Omit<HttpRequest, 'tls' | 'signal'>;

export class Authorizer {
  readonly #transport: Transport;
  readonly #endpoint: Endpoint;
  readonly #credentials: Credentials;
  #challenges: readonly Challenge[] = [];
  readonly #tokens = new Map<string, Token>();

  constructor(transport: Transport, endpoint: Endpoint, credentials: Credentials) {
    this.#transport = transport;
    this.#endpoint = endpoint;
    this.#credentials = credentials;
  }

  /** Notes what the registry asks for. */
  learn(header: string | null): void {
    this.#challenges = parseChallenges(header ?? '').filter(({ scheme }) => scheme === 'bearer' || scheme === 'basic');
  }

  /** Forgets the tokens, one of which was refused: it may have expired. False when there were none. */
  forget(): boolean {
    const had = this.#tokens.size > 0;
    this.#tokens.clear();
    return had;
  }

  /** The header for a request that needs these scopes; undefined when nothing was asked for, or there is nothing to show. */
  async header(scopes: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    if (this.#credentials.registryToken !== '') return `Bearer ${this.#credentials.registryToken}`;
    const bearer = this.#challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer) return `Bearer ${await this.#token(bearer, scopes, signal)}`;
    if (!this.#challenges.some(({ scheme }) => scheme === 'basic')) return undefined;
    if (this.#credentials.username === '') throw systemError('no basic auth credentials', { operation: 'authenticate' });
    return basic(this.#credentials);
  }

  /** What a login shows: a token for nothing in particular, or name and password. */
  async login(signal: AbortSignal): Promise<{ authorization: string | undefined; identityToken: string }> {
    const bearer = this.#challenges.find(({ scheme }) => scheme === 'bearer');
    if (!bearer) return { authorization: await this.header([], signal), identityToken: '' };
    const { token, refreshToken } = await this.#fetchToken(bearer, [], true, signal);
    return { authorization: `Bearer ${token}`, identityToken: refreshToken || this.#credentials.identityToken };
  }

  /** A token from the server that the challenge names. `offline` asks for a refresh token, too. */
  async #fetchToken({ parameters }: Challenge, scopes: readonly string[], offline: boolean, signal: AbortSignal): Promise<TokenAnswer> {
    const realm = parameters.get('realm') ?? '';
    if (!/^https?:\/\//.test(realm) || !URL.canParse(realm)) throw systemError(`no token realm: the registry named ${JSON.stringify(realm)}`);
    const service = parameters.get('service') ?? '';
    const { identityToken } = this.#credentials;
    const request: TokenRequest = identityToken === '' ? this.#byGet(realm, service, scopes, offline) : refreshRequest(realm, service, scopes, identityToken);
    const response = await this.#transport.send({ ...request, tls: this.#tlsFor(realm), signal });
    const body = await this.#transport.bytes(response, maxToken, signal);
    if (!response.ok) throw refusal(response.status, response.headers.get('content-type') ?? '', body);
    return parseToken(body);
  }

  async #token(challenge: Challenge, scopes: readonly string[], signal: AbortSignal): Promise<string> {
    const key = scopes.join(' ');
    const known = this.#tokens.get(key);
    if (known && known.expires > Date.now()) return known.text;
    const { token, life } = await this.#fetchToken(challenge, scopes, false, signal);
    // A little earlier than it ends, as requests take their time.
    this.#tokens.set(key, { text: token, expires: Date.now() + life * 900 });
    return token;
  }

  #byGet(realm: string, service: string, scopes: readonly string[], offline: boolean): TokenRequest {
    const url = new URL(realm);
    const { username } = this.#credentials;
    if (service !== '') url.searchParams.append('service', service);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    if (offline) {
      url.searchParams.append('offline_token', 'true');
      url.searchParams.append('client_id', clientId);
    }
    if (username !== '') url.searchParams.append('account', username);
    const headers: Record<string, string> = username === '' ? {} : { Authorization: basic(this.#credentials) };
    return { method: 'GET', url, headers };
  }

  /** A token server on the registry's own host is spoken to like the registry. */
  #tlsFor(realm: string) {
    const { tls, url } = this.#endpoint;
    return new URL(realm).hostname === url.hostname ? tls : { authorities: [], insecure: false };
  }
}

function refreshRequest(realm: string, service: string, scopes: readonly string[], identityToken: string): TokenRequest {
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: identityToken, service, client_id: clientId });
  if (scopes.length > 0) form.set('scope', scopes.join(' '));
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  return { method: 'POST', url: new URL(realm), headers, body: form.toString() };
}

/** Throws system when there is no token in it. */
function parseToken(body: Uint8Array): TokenAnswer {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(body));
  } catch (error) {
    throw systemError(`unable to decode token response: ${(error as Error).message}`, { cause: error });
  }
  const fields = typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : '');
  const token = text('token') || text('access_token');
  // It goes into a header: whatever is not printable would make another one of it.
  if (!/^[\x21-\x7e]+$/.test(token)) throw systemError('authorization server did not include a token in the response');
  const life = Number(fields['expires_in']);
  return { token, refreshToken: text('refresh_token'), life: Math.max(leastLife, Number.isFinite(life) ? life : 0) };
}
