/** The transport against servers that misbehave, and through a proxy. */
import { afterAll, expect, test } from 'bun:test';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { noProxies } from './proxy.ts';
import { Transport, TransportError } from './transport.ts';

const servers: net.Server[] = [];
afterAll(() => servers.forEach((server) => server.close()));

/** Serves on a loopback port; answers its base URL. */
async function serve(answer: http.RequestListener): Promise<string> {
  const server = http.createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const tls = { authorities: [], insecure: false };
const { signal } = new AbortController();
const transport = new Transport(noProxies, { head: 60_000, stall: 100 });
/** Of a server that never answers at all. */
const impatient = new Transport(noProxies, { head: 100, stall: 100 });
const get = (url: string, headers: Record<string, string> = {}, through = transport) => through.send({ method: 'GET', url: new URL(url), headers, tls, signal });
const failure = async (work: Promise<unknown>) => {
  const error = await work.then(() => undefined, (error: unknown) => error);
  expect(error).toBeInstanceOf(TransportError);
  return (error as Error).message;
};

test('a server that does not answer is given up', async () => {
  const base = await serve(() => undefined);
  expect(await failure(get(`${base}/v2/`, {}, impatient))).toBe(`Get "${base}/v2/": net/http: timeout awaiting response headers`);
});

test('a body that stands still is given up', async () => {
  const base = await serve((_, response) => void response.writeHead(200, { 'content-length': '10' }).write('half'));
  const response = await get(base);
  expect(await failure(transport.bytes(response, 100, signal))).toBe('net/http: the server has stopped sending');
});

test('a body that breaks off is no whole body', async () => {
  const base = await serve((_, response) => void response.writeHead(200, { 'content-length': '10' }).write('half', () => response.destroy()));
  expect(await failure(get(base).then((response) => transport.bytes(response, 100, signal)))).toContain('EOF');
});

test('a body that does not end is cut off', async () => {
  const base = await serve((_, response) => {
    const timer = setInterval(() => response.write(Buffer.alloc(65_536)), 1);
    response.on('close', () => clearInterval(timer));
  });
  const response = await get(base);
  expect(await transport.bytes(response, 1000, signal).catch((error: Error) => error.message)).toContain('is larger than 1000 bytes');
});

test('redirects end somewhere, and somewhere known', async () => {
  const base = await serve((request, response) => void response.writeHead(307, { location: request.url === '/file' ? 'file:///etc/passwd' : '/again' }).end());
  expect(await failure(get(`${base}/loop`))).toBe(`Get "${base}/again": stopped after 10 redirects`);
  expect(await failure(get(`${base}/file`))).toBe(`Get "${base}/file": unsupported protocol scheme "file"`);
});

test('credentials do not follow to another host, a range does', async () => {
  const seen: http.IncomingHttpHeaders[] = [];
  const target = await serve((request, response) => {
    seen.push(request.headers);
    response.end('here');
  });
  const base = await serve((request, response) => {
    seen.push(request.headers);
    response.writeHead(302, { location: `${target}/blob` }).end();
  });
  const response = await get(base, { Authorization: 'Basic secret', Range: 'bytes=5-' });
  expect(await response.text()).toBe('here');
  expect(seen.map(({ authorization, range }) => [authorization, range])).toEqual([['Basic secret', 'bytes=5-'], [undefined, 'bytes=5-']]);
});

test('what is compressed is handed on as it is', async () => {
  const base = await serve((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip'));
  expect((await transport.bytes(await get(base), 100, signal)).toString()).toBe('not gzip');
});

test('a refused connection is told with its address', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  expect(await failure(get(`http://127.0.0.1:${port}/v2/`))).toBe(`Get "http://127.0.0.1:${port}/v2/": dial tcp 127.0.0.1:${port}: connect: connection refused`);
});

test('asks through the proxy, but for what is local', async () => {
  const asked: string[] = [];
  const proxy = await serve((request, response) => {
    asked.push(request.url ?? '');
    response.end('proxied');
  });
  const direct = await serve((_, response) => void response.end('direct'));
  const proxied = new Transport({ http: proxy, https: '', none: 'inside.test' });
  expect(await (await get('http://registry.test/v2/', {}, proxied)).text()).toBe('proxied');
  expect(asked).toEqual(['http://registry.test/v2/']);
  expect(await (await get(direct, {}, proxied)).text()).toBe('direct');
});

test('whoever asked may give up', async () => {
  const base = await serve(() => undefined);
  const abort = new AbortController();
  const work = transport.send({ method: 'GET', url: new URL(base), tls, signal: abort.signal });
  abort.abort(new Error('given up'));
  expect(await work.catch((error: Error) => error.message)).toBe('given up');
});
