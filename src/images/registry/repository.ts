/** One repository of one registry: OCI distribution-spec, as far as pulling and pushing need it. */
import { STATUS_CODES } from 'node:http';
import { CaissonError, isClass, notFound, systemError } from '../../errors.ts';
import { type Digest, isDigest, sha256 } from '../../storage/digest.ts';
import { Authorizer } from './authorizer.ts';
import { parseChallenges } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import type { Endpoint } from './endpoints.ts';
import { acceptedManifests } from './manifest.ts';
import { refusal, RegistryError, UnexpectedAnswer } from './registry-error.ts';
import { type HttpRequest, inRequest, type Transport, TransportError } from './transport.ts';

/** Of manifests and indexes; registries themselves take 4 MiB. */
const maxManifest = 4 * 1024 * 1024;
const maxErrorBody = 64 * 1024;
const maxTags = 4 * 1024 * 1024;
/** Docker waits as long for the first answer of a registry, in milliseconds. */
const pingTimeout = 15_000;

export interface FetchedManifest {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly digest: Digest;
}

/** A blob's bytes from `offset` on; that is 0 when the registry does not serve parts. */
export interface OpenedBlob {
  readonly offset: number;
  /** Bytes of the whole blob, where the registry tells. */
  readonly size: number | undefined;
  readonly content: AsyncGenerator<Uint8Array>;
}

type Ask = Omit<HttpRequest, 'url' | 'tls' | 'signal'> & {
  readonly url: URL;
  readonly scopes?: readonly string[];
  /** Statuses that are answers rather than refusals. */
  readonly accept?: readonly number[];
};

export class Repository {
  readonly endpoint: Endpoint;
  /** Without the registry: `library/busybox`. */
  readonly name: string;
  readonly #transport: Transport;
  readonly #authorizer: Authorizer;
  readonly #scopes: readonly string[];

  /** `actions`: `pull` or `pull,push`. */
  constructor(transport: Transport, endpoint: Endpoint, name: string, actions: string, credentials: Credentials) {
    this.#transport = transport;
    this.endpoint = endpoint;
    this.name = name;
    this.#authorizer = new Authorizer(transport, endpoint, credentials);
    this.#scopes = [`repository:${name}:${actions}`];
  }

  /** Asks whether there is a registry, and what it wants to see of us. */
  async ping(signal: AbortSignal): Promise<void> {
    const { url, tls, headers } = this.endpoint;
    const response = await this.#transport.send({ method: 'GET', url: new URL(`${url.href}/`), tls, headers, signal, headTimeout: pingTimeout });
    if (response.status === 401) this.#authorizer.learn(response.headers.get('www-authenticate'));
    await response.body?.cancel();
  }

  /**
   * Whether the registry takes who we are: throws unauthorized when it does not. Answers the token that stands for the password
   * from now on, empty for none.
   */
  async login(signal: AbortSignal): Promise<string> {
    const { url, tls, headers } = this.endpoint;
    await this.ping(signal);
    const target = new URL(`${url.href}/`);
    const shown = async <Result>(work: Promise<Result>): Promise<Result> => work.catch((error: unknown) => {
      throw error instanceof CaissonError ? new AuthenticationError(inRequest('GET', target, error.message), error) : error;
    });
    const { authorization, identityToken } = await shown(this.#authorizer.login(signal));
    const response = await this.#transport.send({
      method: 'GET', url: target, tls, signal, headers: { ...headers, ...(authorization === undefined ? {} : { Authorization: authorization }) },
    });
    await response.body?.cancel();
    if (response.status !== 200) {
      throw systemError(`login attempt to ${target.href} failed with status: ${response.status} ${STATUS_CODES[response.status] ?? ''}`.trimEnd());
    }
    return identityToken;
  }

  /** The digest of a tag; undefined when the registry does not tell, for whatever reason. */
  async resolve(tag: string, signal: AbortSignal): Promise<Digest | undefined> {
    const response = await this.#ask({ method: 'HEAD', url: this.#url(`manifests/${tag}`), headers: { Accept: acceptedManifests }, accept: clientErrors }, signal);
    const digest = response.headers.get('docker-content-digest');
    return response.ok && isDigest(digest) ? digest : undefined;
  }

  /** A manifest by tag or digest, which it is checked against. */
  async manifest(reference: string, signal: AbortSignal): Promise<FetchedManifest> {
    const response = await this.#ask({ method: 'GET', url: this.#url(`manifests/${reference}`), headers: { Accept: acceptedManifests } }, signal);
    const bytes = await this.#transport.bytes(response, maxManifest, signal);
    const digest = sha256(bytes);
    if (isDigest(reference) && digest !== reference) {
      throw systemError(`manifest verification failed for digest ${reference}`, { operation: 'fetch manifest', object: reference });
    }
    return { bytes, digest, contentType: response.headers.get('content-type') ?? '' };
  }

  async openBlob(digest: Digest, offset: number, signal: AbortSignal): Promise<OpenedBlob> {
    const headers: Record<string, string> = offset > 0 ? { Range: `bytes=${offset}-` } : {};
    const response = await this.#askForBlob({ method: 'GET', url: this.#url(`blobs/${digest}`), headers, accept: [416] }, signal);
    if (response.status === 416) {
      await response.body?.cancel();
      return this.openBlob(digest, 0, signal);
    }
    const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '') ?? [];
    const length = response.headers.get('content-length');
    const partial = response.status === 206 && Number(from) === offset;
    if (response.status === 206 && !partial) {
      await response.body?.cancel();
      throw systemError(`the registry sent another part of ${digest} than it was asked for`, { object: digest });
    }
    const size = Number(partial ? total : (length ?? Number.NaN));
    return { offset: partial ? offset : 0, size: Number.isSafeInteger(size) ? size : undefined, content: this.#transport.body(response, signal) };
  }

  /** A small blob, whole, checked against its digest. */
  async blob(digest: Digest, limit: number, signal: AbortSignal): Promise<Uint8Array> {
    const response = await this.#askForBlob({ method: 'GET', url: this.#url(`blobs/${digest}`) }, signal);
    const bytes = await this.#transport.bytes(response, limit, signal);
    if (sha256(bytes) !== digest) throw systemError(`image config verification failed for digest ${digest}`, { object: digest });
    return bytes;
  }

  /** Bytes of a blob that the registry has; undefined when it has none of that digest, or does not say. */
  async blobSize(digest: Digest, signal: AbortSignal): Promise<number | undefined> {
    const response = await this.#ask({ method: 'HEAD', url: this.#url(`blobs/${digest}`), accept: clientErrors }, signal);
    const length = response.headers.get('content-length');
    return response.ok && length !== null ? Number(length) : undefined;
  }

  /** Every tag, in the registry's order. */
  async tags(signal: AbortSignal): Promise<string[]> {
    const tags: string[] = [];
    const seen = new Set<string>();
    for (let url: URL | undefined = this.#url('tags/list'); url !== undefined && !seen.has(url.href);) {
      seen.add(url.href);
      const response = await this.#ask({ method: 'GET', url }, signal);
      const bytes = await this.#transport.bytes(response, maxTags, signal);
      tags.push(...tagsIn(bytes));
      if (tags.length > maxTags / 16) throw systemError(`${this.name} has more tags than can be listed`);
      url = nextPage(response.headers.get('link'), url);
    }
    return tags;
  }

  /** Begins an upload, or makes a blob of another repository one of this. Undefined: it is there already (mounted). */
  async startUpload(mount: { digest: Digest; from: string } | undefined, signal: AbortSignal): Promise<URL | undefined> {
    const url = this.#url('blobs/uploads/');
    const scopes = mount ? [...this.#scopes, `repository:${mount.from}:pull`] : this.#scopes;
    if (mount) {
      url.searchParams.set('from', mount.from);
      url.searchParams.set('mount', mount.digest);
    }
    const response = await this.#ask({ method: 'POST', url, headers: { 'Content-Length': '0' }, scopes }, signal);
    await response.body?.cancel();
    return response.status === 201 ? undefined : this.#location(response, url);
  }

  /** Sends content to an upload as it comes. Answers where it goes on. */
  async sendChunk(upload: URL, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<URL> {
    const headers = { 'Content-Type': 'application/octet-stream' };
    const response = await this.#ask({ method: 'PATCH', url: upload, headers, body: content }, signal);
    await response.body?.cancel();
    return this.#location(response, upload);
  }

  /** Ends an upload; `content` is what has not been sent before. */
  async finishUpload(upload: URL, digest: Digest, content: Uint8Array, signal: AbortSignal): Promise<void> {
    const url = new URL(upload.href);
    url.searchParams.set('digest', digest);
    const headers = { 'Content-Type': 'application/octet-stream' };
    const response = await this.#ask({ method: 'PUT', url, headers, body: content }, signal);
    await response.body?.cancel();
  }

  /** An upload that is not wanted any more; a registry that cannot do that sweeps it some day. */
  async cancelUpload(upload: URL, signal: AbortSignal): Promise<void> {
    const response = await this.#ask({ method: 'DELETE', url: upload, accept: clientErrors }, signal);
    await response.body?.cancel();
  }

  async putManifest(reference: string, bytes: Uint8Array, mediaType: string, signal: AbortSignal): Promise<void> {
    const response = await this.#ask({ method: 'PUT', url: this.#url(`manifests/${reference}`), headers: { 'Content-Type': mediaType }, body: bytes }, signal);
    await response.body?.cancel();
  }

  #url(path: string): URL {
    return new URL(`${this.endpoint.url.href}/${this.name}/${path}`);
  }

  #location(response: Response, base: URL): URL {
    const location = response.headers.get('location') ?? '';
    if (location === '' || !URL.canParse(location, base.href)) throw systemError('the registry did not say where to upload to');
    return new URL(location, base);
  }

  async #askForBlob(ask: Ask, signal: AbortSignal): Promise<Response> {
    try {
      return await this.#ask(ask, signal);
    } catch (error) {
      if (error instanceof RegistryError && error.status === 404) throw notFound('unknown blob', { cause: error });
      throw error;
    }
  }

  /** Throws the refusal that an answer is; a token that was refused is asked for anew, once. */
  async #ask(ask: Ask, signal: AbortSignal): Promise<Response> {
    for (let renewed = false; ; renewed = true) {
      const response = await this.#sendOnce(ask, signal);
      if (response.ok || ask.accept?.includes(response.status)) return response;
      const challenge = response.headers.get('www-authenticate');
      // A body that streams cannot be sent twice.
      const repeatable = !(typeof ask.body === 'object' && Symbol.asyncIterator in ask.body);
      if (response.status === 401 && !renewed && repeatable && !oauthRefusal(401, challenge) && this.#authorizer.forget()) {
        await response.body?.cancel();
        continue;
      }
      const body = await this.#transport.bytes(response, maxErrorBody, signal);
      throw oauthRefusal(response.status, challenge) ?? refusal(response.status, response.headers.get('content-type') ?? '', body);
    }
  }

  async #authorization(method: string, url: URL, scopes: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    try {
      return await this.#authorizer.header(scopes, signal);
    } catch (error) {
      if (!(error instanceof CaissonError)) throw error;
      throw new AuthenticationError(inRequest(method, url, error.message), error);
    }
  }

  async #sendOnce({ url, scopes = this.#scopes, headers, accept: _, ...request }: Ask, signal: AbortSignal): Promise<Response> {
    const own = url.host === this.endpoint.url.host;
    const authorization = own ? await this.#authorization(request.method, url, scopes, signal) : undefined;
    return this.#transport.send({
      ...request,
      url,
      headers: { ...(own ? this.endpoint.headers : {}), ...headers, ...(authorization === undefined ? {} : { Authorization: authorization }) },
      tls: this.endpoint.tls,
      signal,
    });
  }
}

/** We could not show who we are: the token server refused, or there is no name to give. */
export class AuthenticationError extends CaissonError {
  /** Without the request that it was for. */
  readonly reason: string;

  constructor(request: string, cause: CaissonError) {
    super(cause.class, request, { operation: 'authenticate', cause });
    this.reason = cause.message;
  }
}

const clientErrors = Array.from({ length: 200 }, (_, index) => 400 + index);

/** What a challenge says about a token that was sent (RFC 6750, section 3.1). */
function oauthRefusal(status: number, header: string | null): CaissonError | undefined {
  for (const { scheme, parameters } of parseChallenges(header ?? '')) {
    if (scheme !== 'bearer') continue;
    const description = parameters.get('error_description');
    if (parameters.get('error') === 'invalid_token') return new RegistryError(status, 'UNAUTHORIZED', description ?? 'authentication required');
    if (parameters.get('error') === 'insufficient_scope') {
      return new RegistryError(status, 'DENIED', description ?? 'requested access to the resource is denied');
    }
  }
  return undefined;
}

function tagsIn(bytes: Uint8Array): string[] {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw systemError(`the registry's list of tags is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
  const tags: unknown = typeof json === 'object' && json !== null && 'tags' in json ? json.tags : undefined;
  return Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === 'string') : [];
}

/** `Link: </v2/…>; rel="next"` (RFC 8288). Another host's list is not this repository's. */
function nextPage(header: string | null, base: URL): URL | undefined {
  const target = /<([^>]*)>\s*;\s*rel="?next"?/.exec(header ?? '')?.[1];
  if (target === undefined || !URL.canParse(target, base.href)) return undefined;
  const url = new URL(target, base);
  return url.host === base.host ? url : undefined;
}

/** True for a refusal that another attempt will not change. */
export function isFinal(error: unknown): boolean {
  if (error instanceof AuthenticationError) return true;
  if (error instanceof TransportError) return error.final;
  if (error instanceof UnexpectedAnswer) return error.status < 500;
  if (error instanceof RegistryError) return error.status !== 429 && error.code !== 'UNKNOWN' && error.code !== 'UNAVAILABLE';
  return isClass(error, 'not-found') || isClass(error, 'invalid-parameter');
}
