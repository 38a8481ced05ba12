/**
 * A registry that misbehaves on request, as a process of its own: it is started inside an engine's network namespace, where the
 * tests themselves are not. `bun fake-registry.ts DIRECTORY PORT` serves `DIRECTORY/blobs/<hex>` and
 * `DIRECTORY/manifests/<tag or hex>` in every repository; the first part of the repository's path says how. Each request is
 * appended to `DIRECTORY/log` as a line of JSON.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, watch } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import path from 'node:path';

const [, , directory = '.', port = '0'] = process.argv;

/** How often something was asked for. */
const counts = new Map<string, number>();
const count = (key: string): number => {
  const next = (counts.get(key) ?? 0) + 1;
  counts.set(key, next);
  return next;
};

const errorBody = (code: string, message: string, detail?: unknown) => JSON.stringify({ errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }] });

function send(response: ServerResponse, status: number, body: string | Buffer, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-length': String(Buffer.byteLength(body)), ...headers });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

const refuse = (response: ServerResponse, status: number, code: string, message: string, headers: Record<string, string> = {}) =>
  send(response, status, errorBody(code, message), { 'content-type': 'application/json', ...headers });

/** Resolves when a file appears: how a test lets a held answer go. */
function appears(file: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(path.dirname(file), () => {
      if (!existsSync(file)) return;
      watcher.close();
      resolve();
    });
    if (existsSync(file)) {
      watcher.close();
      resolve();
    }
  });
}

/** Blanks without end. */
function pour(response: ServerResponse): void {
  const timer = setInterval(() => response.write(Buffer.alloc(256 * 1024, 0x20)), 1);
  response.on('close', () => clearInterval(timer));
}

function manifest(request: IncomingMessage, response: ServerResponse, behaviour: string, name: string): void {
  const key = name.startsWith('sha256:') ? name.slice(7) : name;
  const file = path.join(directory, 'manifests', key);
  if (behaviour === 'limited') return refuse(response, 429, 'TOOMANYREQUESTS', 'You have reached your pull rate limit.');
  if (behaviour === 'limited-html') return send(response, 429, 'slow down', { 'content-type': 'text/plain' });
  if (behaviour === 'limited-once' && count(request.url ?? '') === 1) return refuse(response, 429, 'TOOMANYREQUESTS', 'slow down', { 'retry-after': '0' });
  if (behaviour === 'broken') return send(response, 500, 'oops', { 'content-type': 'text/plain' });
  if (behaviour === 'broken-json') return refuse(response, 500, 'UNKNOWN', 'unknown error');
  if (behaviour === 'denied') return refuse(response, 403, 'DENIED', 'requested access to the resource is denied');
  if (behaviour === 'unauthorized') return refuse(response, 401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': `Basic realm="fake"` });
  if (behaviour === 'no-such-scope') {
    return refuse(response, 401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': 'Bearer realm="http://127.0.0.1:1/token",error="insufficient_scope"' });
  }
  if (behaviour === 'mute') return send(response, 404, '', {});
  if (behaviour === 'page') return send(response, 200, '<html>hello</html>', { 'content-type': 'text/html' });
  if (behaviour === 'endless-manifest') {
    if (request.method === 'HEAD') return send(response, 404, '');
    response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
    return pour(response);
  }
  if (behaviour === 'manifest-loop') return send(response, 307, '', { location: request.url ?? '' });
  if (!existsSync(file)) return refuse(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown');
  const body = readFileSync(file);
  const type = existsSync(`${file}.type`) ? readFileSync(`${file}.type`, 'utf8') : (/"mediaType":"([^"]+)"/.exec(body.toString('latin1'))?.[1] ?? 'application/vnd.oci.image.manifest.v1+json');
  const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
  const sent = behaviour === 'forged' && name.startsWith('sha256:') ? Buffer.concat([body, Buffer.from('\n')]) : body;
  send(response, 200, sent, { 'content-type': type, 'docker-content-digest': digest });
}

async function blob(request: IncomingMessage, response: ServerResponse, behaviour: string, digest: string): Promise<void> {
  const file = path.join(directory, 'blobs', digest.slice(7));
  if (!existsSync(file)) return refuse(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry');
  const whole = readFileSync(file);
  const isLayer = whole.length > 4096;
  if (request.method === 'HEAD') return send(response, 200, whole);
  if (behaviour === 'redirected') return send(response, 307, '', { location: `http://127.0.0.1:${port}/files/${digest.slice(7)}` });
  if (behaviour === 'blob-loop' && isLayer) return send(response, 307, '', { location: request.url ?? '' });
  if (behaviour === 'blob-missing' && isLayer) return refuse(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry');
  if (behaviour === 'blob-broken' && isLayer) return send(response, 503, 'unavailable');
  if (behaviour === 'blob-broken-once' && isLayer && count(request.url ?? '') === 1) return send(response, 503, 'unavailable');
  if (behaviour === 'config-missing' && !isLayer) return refuse(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry');
  const range = behaviour === 'no-range' ? undefined : /^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1];
  const from = Number(range ?? 0);
  let body = whole.subarray(from);
  if (behaviour === 'corrupt' && isLayer) {
    body = Buffer.from(body);
    body[Math.floor(body.length / 2)]! ^= 0xff;
  }
  if (behaviour === 'endless' && isLayer) {
    response.writeHead(200);
    return pour(response);
  }
  response.writeHead(range === undefined ? 200 : 206, {
    'content-length': String(body.length),
    ...(range === undefined ? {} : { 'content-range': `bytes ${from}-${whole.length - 1}/${whole.length}` }),
  });
  const half = body.subarray(0, Math.floor(body.length / 2));
  const cut = ((behaviour === 'cut-once' || behaviour === 'no-range') && isLayer && count(request.url ?? '') === 1) || (behaviour === 'cut' && isLayer);
  if (cut) {
    response.write(half, () => setTimeout(() => response.destroy(), 50));
    return;
  }
  if (behaviour === 'held' && isLayer) {
    response.write(half);
    response.on('close', () => response.writableFinished || appendFileSync(path.join(directory, 'aborted'), '.'));
    await appears(path.join(directory, 'gate'));
    response.end(body.subarray(half.length));
    return;
  }
  response.end(body);
}

function record(request: IncomingMessage): void {
  const { method, url, headers } = request;
  appendFileSync(path.join(directory, 'log'), `${JSON.stringify({ method, url, authorization: headers.authorization, range: headers.range, agent: headers['user-agent'], accept: headers.accept })}\n`);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  record(request);
  const url = new URL(request.url ?? '/', 'http://fake');
  if (url.pathname === '/v2/' || url.pathname === '/v1/_ping') return send(response, 200, '{}');
  if (url.pathname === '/v1/search') {
    const found = [{ name: 'busybox', description: 'small', star_count: 5, is_official: true }, { name: 'box', description: '', star_count: 2, is_official: false }];
    return send(response, 200, JSON.stringify({ query: url.searchParams.get('q'), num_results: 2, results: found }), { 'content-type': 'application/json' });
  }
  const file = /^\/files\/(\w+)$/.exec(url.pathname)?.[1];
  if (file !== undefined) return send(response, 200, readFileSync(path.join(directory, 'blobs', file)));
  const [, name = '', kind, last = ''] = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(url.pathname) ?? [];
  const behaviour = name.split('/')[0] as string;
  if (kind === 'manifests') return manifest(request, response, behaviour, last);
  if (kind === 'blobs') return blob(request, response, behaviour, last);
  refuse(response, 404, 'NAME_UNKNOWN', 'repository name not known to registry');
}

const server = http.createServer((request, response) => {
  response.on('error', () => undefined);
  answer(request, response).catch((error: unknown) => response.destroy(error as Error));
});
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
