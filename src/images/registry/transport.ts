/**
 * HTTP as registries are asked: redirects followed by hand (credentials stay with the host they were for), TLS by host,
 * proxies, and limits on how long a silent server is waited for. On the runtime's fetch, which keeps connections and has
 * backpressure both ways; `proxy`, `tls`, `decompress` and `timeout` are Bun's own options of it.
 */
import { CaissonError, systemError } from '../../errors.ts';
import { version } from '../../version.ts';
import { dialError } from './dial-error.ts';
import { type ProxySettings, proxyFor } from './proxy.ts';

/** How TLS is spoken with a host. PEM texts. */
export interface TlsSettings {
  /** Authorities beside the system's. */
  readonly authorities: readonly string[];
  readonly certificate?: { readonly chain: string; readonly key: string };
  /** Do not verify: an insecure registry. */
  readonly insecure: boolean;
}

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array>;
  readonly tls: TlsSettings;
  readonly signal: AbortSignal;
  /** Milliseconds until the head of the answer must be there; default: the transport's. */
  readonly headTimeout?: number;
}

export interface Limits {
  /** Milliseconds that a server may take for the head of its answer. */
  readonly head: number;
  /** Milliseconds that a body may stand still. */
  readonly stall: number;
}

const defaultLimits: Limits = { head: 60_000, stall: 60_000 };

/** Go's net/http follows as many. */
const maxRedirects = 10;

/** The connection, or the server, failed. */
export class TransportError extends CaissonError {
  /** Another attempt is of no use. */
  readonly final: boolean;

  constructor(message: string, cause?: unknown, final = false) {
    super('system', message, { operation: 'ask registry', cause });
    this.final = final;
  }
}

export class Transport {
  readonly #limits: Limits;
  readonly #proxies: ProxySettings;

  constructor(proxies: ProxySettings, limits: Limits = defaultLimits) {
    this.#proxies = proxies;
    this.#limits = limits;
  }

  /** The answer after redirects, its body not read. Throws TransportError in Go's words; the signal's reason when aborted. */
  async send(request: HttpRequest): Promise<Response> {
    let { url } = request;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#once({ ...request, url, ...trusted(request, url) });
      const next = redirection(request, response, url);
      if (next === undefined) return response;
      await response.body?.cancel();
      if (redirects === maxRedirects) throw new TransportError(inRequest(request.method, url, `stopped after ${maxRedirects} redirects`), undefined, true);
      url = next;
    }
  }

  /** A body as it comes. Throws TransportError when it breaks off or stands still. */
  async *body(response: Response, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const reader = response.body?.getReader();
    if (!reader) return;
    const stop = (): void => void reader.cancel().catch(() => undefined);
    signal.addEventListener('abort', stop, { once: true });
    try {
      for (;;) {
        const { done, value } = await within(reader.read(), this.#limits.stall);
        signal.throwIfAborted();
        if (done) return;
        yield value;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof TransportError ? error : new TransportError('unexpected EOF', error);
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
    }
  }

  /** A whole body of at most `limit` bytes. Throws system when it is larger. */
  async bytes(response: Response, limit: number, signal: AbortSignal): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.body(response, signal)) {
      size += chunk.length;
      if (size > limit) throw systemError(`the answer of ${new URL(response.url).host} is larger than ${limit} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  async #once(request: HttpRequest): Promise<Response> {
    const { url, signal } = request;
    const proxy = proxyFor(url, this.#proxies);
    const timeout = new AbortController();
    // Sending a body takes as long as it takes; it is the answer that is waited for.
    const streaming = typeof request.body === 'object' && Symbol.asyncIterator in request.body;
    const timer = streaming ? undefined : setTimeout(() => timeout.abort(), request.headTimeout ?? this.#limits.head);
    try {
      return await fetch(url, {
        method: request.method,
        headers: { 'User-Agent': `caisson/${version} (linux)`, 'Accept-Encoding': 'identity', ...request.headers },
        ...(request.body === undefined ? {} : { body: request.body }),
        redirect: 'manual',
        decompress: false,
        signal: AbortSignal.any([signal, timeout.signal]),
        tls: tlsOptions(request.tls),
        proxy: proxy === undefined ? false : proxy.href,
        // Bun ends requests after five minutes otherwise.
        timeout: false,
      } as BunFetchRequestInit);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof CaissonError) throw error;
      if (timeout.signal.aborted) throw failed(request, url, 'net/http: timeout awaiting response headers', error);
      throw failed(request, url, await dialError(url, error, proxy), error);
    } finally {
      clearTimeout(timer);
    }
  }
}

const failed = ({ method }: HttpRequest, url: URL, why: string, cause?: unknown) => new TransportError(inRequest(method, url, why), cause);

/** `Get "http://host/v2/": connection refused`, as Go's url.Error. */
export function inRequest(method: string, url: URL, why: string): string {
  return `${method[0]}${method.slice(1).toLowerCase()} ${JSON.stringify(withoutSecrets(url))}: ${why}`;
}

function withoutSecrets(url: URL): string {
  if (url.password === '') return url.href;
  const shown = new URL(url.href);
  shown.password = 'xxxxx';
  return shown.href;
}

/** Where an answer sends us; undefined when it does not. */
function redirection(request: HttpRequest, { status, headers }: Response, url: URL): URL | undefined {
  const location = headers.get('location');
  const follows = request.method === 'GET' || request.method === 'HEAD';
  if (!follows || location === null || ![301, 302, 303, 307, 308].includes(status)) return undefined;
  const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
  if (next?.protocol !== 'http:' && next?.protocol !== 'https:') {
    throw failed(request, url, `unsupported protocol scheme ${JSON.stringify(next?.protocol.replace(/:$/, '') ?? '')}`);
  }
  return next;
}

/** Another host gets neither credentials nor our client certificate. */
function trusted(request: HttpRequest, url: URL): Pick<HttpRequest, 'headers' | 'tls'> {
  const headers = request.headers ?? {};
  if (url.host === request.url.host && url.protocol === request.url.protocol) return { headers, tls: request.tls };
  const kept = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization');
  const { certificate: _, ...tls } = request.tls;
  return { headers: Object.fromEntries(kept), tls: url.hostname === request.url.hostname ? request.tls : tls };
}

function tlsOptions({ authorities, certificate, insecure }: TlsSettings): object {
  return {
    rejectUnauthorized: !insecure,
    ...(authorities.length === 0 ? {} : { ca: authorities }),
    ...(certificate === undefined ? {} : { cert: certificate.chain, key: certificate.key }),
  };
}

async function within<Value>(promise: Promise<Value>, milliseconds: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TransportError('net/http: the server has stopped sending')), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
