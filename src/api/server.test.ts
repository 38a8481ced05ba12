/** The API over a real unix socket, with a stub engine behind it. Bytes are compared with what dockerd 28.5 answers. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { CreateRequest } from '../engine/docker-types.ts';
import { notFound, notModified, systemError } from '../errors.ts';
import type { ProgressRecord, PullRequest } from '../images/service.ts';
import type { ApiServer } from './server.ts';
import type { Logger } from '../engine/logger.ts';
import { createApiServer } from './server.ts';
import { ask, parseAnswer, RawClient } from './testing/raw-client.ts';
import { containerId, stdoutFrame, stubEngine } from './testing/stub-engine.ts';
import type { Overrides } from './testing/stub-engine.ts';

const directory = mkdtempSync(join(tmpdir(), 'caisson-api-'));
const socket = join(directory, 'main.sock');
const faults: string[] = [];
const logger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (message, facts) => void faults.push(`${message}: ${String(facts?.['error'])}`),
};
let main: ApiServer;
let count = 0;

beforeAll(async () => {
  main = createApiServer({ engine: stubEngine(), logger, version: '0.1.0' });
  await main.listen(`unix://${socket}`);
});

afterAll(async () => {
  await main.close();
  rmSync(directory, { recursive: true });
});

/** Runs `body` against a server of its own with parts of the engine replaced. */
async function withEngine(overrides: Overrides, body: (socket: string) => Promise<void>): Promise<void> {
  const path = join(directory, `${++count}.sock`);
  const server = createApiServer({ engine: stubEngine(overrides), logger, version: '0.1.0' });
  await server.listen(`unix://${path}`);
  try {
    await body(path);
  } finally {
    await server.close();
  }
}

const message = (body: string): unknown => (body.startsWith('{') ? (JSON.parse(body) as { message?: unknown }).message : body.trimEnd());

test('ping, as the docker CLI negotiates', async () => {
  const get = await ask(socket, 'GET', '/_ping');
  expect([get.status, get.body]).toEqual([200, 'OK']);
  const expected = {
    'api-version': '1.51', 'docker-experimental': 'false', ostype: 'linux', server: 'Caisson/0.1.0 (linux)',
    'builder-version': '2', swarm: 'inactive',
    'cache-control': 'no-cache, no-store, must-revalidate', pragma: 'no-cache',
    'content-type': 'text/plain; charset=utf-8',
  };
  expect(Object.fromEntries(get.headers)).toMatchObject(expected);
  const head = await ask(socket, 'HEAD', '/_ping');
  expect([head.status, head.body, head.headers.get('content-length')]).toEqual([200, '', '0']);
  expect(Object.fromEntries(head.headers)).toMatchObject(expected);
});

test.each([
  ['GET', '/nope', 404, 'page not found'],
  ['POST', '/version', 404, 'page not found'],
  ['DELETE', '/v1.51/info', 404, 'page not found'],
  ['GET', '/v1.40', 404, 'page not found'],
  ['GET', '/v1.99/info', 400, 'client version 1.99 is too new. Maximum supported API version is 1.51'],
  ['GET', '/v1.10/info', 400, 'client version 1.10 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version'],
  ['GET', '/containers/a/b/json', 404, 'No such container: a/b'],
  ['GET', '/containers/a%2fb/json', 404, 'No such container: a/b'],
  ['GET', '/containers/json?limit=abc', 400, 'strconv.Atoi: parsing "abc": invalid syntax'],
  ['GET', '/containers/json?filters=x', 400, 'invalid filter'],
  ['GET', '/containers/json?filters=%7B%22foo%22:%5B%22x%22%5D%7D', 400, "invalid filter 'foo'"],
  ['GET', '/containers/echo/logs', 400, 'Bad parameters: you must choose at least one stream'],
  ['POST', '/containers/echo/wait?condition=foo', 400, 'invalid condition: "foo"'],
  ['POST', '/containers/echo/resize?h=abc', 400, 'invalid resize height "abc": invalid syntax'],
  ['POST', '/containers/echo/resize?h=10&w=-1', 400, 'invalid resize width "-1": value out of range'],
  ['POST', '/containers/echo/exec', 400, 'No exec command specified'],
  ['POST', '/containers/create', 400, 'invalid JSON: got EOF while reading request body'],
  ['POST', '/containers/create?name=;;', 400, 'invalid semicolon separator in query'],
  ['GET', '/events?since=abc', 400, 'strconv.ParseInt: parsing "abc": invalid syntax'],
  ['GET', '/events?since=10&until=5', 400, '`since` time (10) cannot be after `until` time (5)'],
  ['GET', '/networks/nope', 404, 'network nope not found'],
  ['GET', '/networks/none?verbose=x', 400, 'invalid value for verbose: x: strconv.ParseBool: parsing "x": invalid syntax'],
  ['GET', '/swarm', 503, 'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'],
  ['GET', '/plugins/x/json', 404, 'plugin "x" not found'],
  ['GET', '/containers/echo/checkpoints', 501, 'checkpointing is not implemented by Caisson yet'],
])('%s %s: %d', async (method, target, status, text) => {
  const answer = await ask(socket, method, target);
  expect([answer.status, message(answer.body)]).toEqual([status, text]);
  // Clients that old do not know errors in JSON.
  expect(answer.headers.get('content-type')).toBe(target.startsWith('/v1.10') ? 'text/plain; charset=utf-8' : 'application/json');
});

test.each([
  ['{}', {}, 'config cannot be empty in order to create a container'],
  ['null', {}, 'config cannot be empty in order to create a container'],
  ['{"HostConfig":{}}', {}, 'config cannot be empty in order to create a container'],
  ['{"Image":"x"}', { 'Content-Type': 'text/plain' }, "unsupported Content-Type header (text/plain): must be 'application/json'"],
  ['{"Image":"x"}', { 'Content-Type': '' }, 'malformed Content-Type header (): mime: no media type'],
  ['{"Image":"x","HostConfig":{"Mounts":[{"Type":"bind","TmpfsOptions":{}}]}}', {}, 'TmpfsOptions must not be specified on mount type "bind"'],
])('create refuses %s', async (body, headers, text) => {
  const answer = await ask(socket, 'POST', '/containers/create', body, headers);
  expect([answer.status, message(answer.body)]).toEqual([400, text]);
});

test('statuses of success', async () => {
  expect((await ask(socket, 'POST', '/containers/create?name=x', '{"Image":"x"}')).status).toBe(201);
  const start = await ask(socket, 'POST', '/containers/echo/start');
  expect([start.status, start.body, start.headers.has('content-length')]).toEqual([204, '', false]);
  expect((await ask(socket, 'POST', '/containers/echo/start', '{"HostConfig":{}}')).status).toBe(400);
  expect((await ask(socket, 'POST', '/images/x/tag?repo=y')).status).toBe(201);
  expect((await ask(socket, 'POST', '/exec/e0/start', '{"Detach":true}')).status).toBe(200);
  expect((await ask(socket, 'OPTIONS', '/anything')).status).toBe(200);
  const redirect = await ask(socket, 'GET', '/v1.41//containers/../info?x=1');
  expect([redirect.status, redirect.headers.get('location')]).toEqual([301, '/v1.41/info?x=1']);
  expect(JSON.parse((await ask(socket, 'GET', '/networks')).body)).toHaveLength(3);
});

test('not-modified has no body; what nobody put into words is a logged 500', async () => {
  const containers = {
    start: async () => Promise.reject(notModified('container already started')),
    pause: async () => Promise.reject(systemError('freezer is on strike')),
    unpause: async () => Promise.reject(new TypeError('x is not a function')),
  };
  await withEngine({ containers }, async (path) => {
    const start = await ask(path, 'POST', '/containers/echo/start');
    expect([start.status, start.body]).toEqual([304, '']);
    faults.length = 0;
    expect((await ask(path, 'POST', '/containers/echo/pause')).status).toBe(500);
    expect(faults).toEqual([]);
    expect((await ask(path, 'POST', '/containers/echo/unpause')).status).toBe(500);
    expect(faults).toEqual(['POST /containers/echo/unpause: TypeError: x is not a function']);
  });
});

test('the engine gets what the client of its version means', async () => {
  const seen: CreateRequest[] = [];
  const containers = { create: async (_name: string | undefined, request: CreateRequest) => (seen.push(request), { Id: containerId, Warnings: [] }) };
  await withEngine({ containers }, async (path) => {
    const body = '{"image":"x","HostConfig":{"AutoRemove":true,"PidsLimit":-1,"ConsoleSize":[1,2],"Annotations":{"a":"b"}}}';
    await ask(path, 'POST', '/v1.24/containers/create', body);
    await ask(path, 'POST', '/containers/create', body);
  });
  expect(seen[0]?.HostConfig).toEqual({ PidsLimit: null, IpcMode: 'shareable', CgroupnsMode: 'host' });
  expect(seen[1]?.HostConfig).toEqual({ AutoRemove: true, PidsLimit: null, ConsoleSize: [1, 2], Annotations: { a: 'b' } });
  expect(seen[1]?.Image).toBe('x');
});

test('responses change with versions', async () => {
  const [old, current] = [JSON.parse((await ask(socket, 'GET', '/v1.43/images/json')).body), JSON.parse((await ask(socket, 'GET', '/images/json')).body)];
  expect(old[0].VirtualSize).toBe(1234);
  expect(current[0]).not.toHaveProperty('VirtualSize');
  expect(JSON.parse((await ask(socket, 'GET', '/v1.24/info')).body)).toMatchObject({ ExecutionDriver: '<not supported>', SecurityOptions: ['seccomp'] });
});

test('wait sends its head before there is a result', async () => {
  const result = Promise.withResolvers<{ StatusCode: number }>();
  await withEngine({ containers: { wait: async () => ({ result: result.promise }) } }, async (path) => {
    const client = new RawClient(path).write('POST /v1.51/containers/x/wait HTTP/1.1\r\nHost: d\r\n\r\n');
    const head = await client.until('\r\n\r\n');
    expect(head).toStartWith('HTTP/1.1 200 OK\r\n');
    expect(head).toContain('Transfer-Encoding: chunked\r\n');
    result.resolve({ StatusCode: 3 });
    expect(await client.until('0\r\n\r\n')).toBe('11\r\n{"StatusCode":3}\n\r\n0\r\n\r\n');
    client.socket.destroy();
  });
});

test.each([
  ['/v1.51', 'Upgrade: tcp\r\nConnection: Upgrade\r\n', false, 'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'],
  ['/v1.51', 'Upgrade: tcp\r\nConnection: Upgrade\r\n', true, 'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'],
  ['/v1.41', 'Upgrade: tcp\r\nConnection: Upgrade\r\n', false, 'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'],
  ['/v1.51', '', false, 'HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n'],
])('exec start hijacks: %s %j tty %p', async (version, headers, tty, head) => {
  const body = JSON.stringify({ Detach: false, Tty: tty });
  const early = 'early';
  const client = new RawClient(socket).write(
    `POST ${version}/exec/e0/start HTTP/1.1\r\nHost: d\r\n${headers}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}${early}`,
  );
  expect(await client.until('\r\n\r\n')).toBe(head);
  await client.until(early);
  client.write('late').end();
  expect(await client.rest()).toBe(tty ? 'late' : stdoutFrame(Buffer.from('late')).toString('latin1'));
});

test('half-close reaches the session, which may still write', async () => {
  const session = { tty: true, run: (client: Duplex) => new Promise<void>((resolve) => {
    client.resume().on('end', () => setTimeout(() => client.end('after the end', resolve), 20));
  }) };
  await withEngine({ containers: { attach: async () => session } }, async (path) => {
    const client = new RawClient(path).write('POST /containers/x/attach?stream=1 HTTP/1.1\r\nHost: d\r\n\r\n');
    await client.until('\r\n\r\n');
    expect(await client.end().rest()).toBe('after the end');
    // The same with an end that came before the answer.
    const early = new RawClient(path).write('POST /containers/x/attach?stream=1 HTTP/1.1\r\nHost: d\r\n\r\n').end();
    expect(await early.rest()).toEndWith('\r\n\r\nafter the end');
  });
});

test('a refused attach is an ordinary answer', async () => {
  const answer = await ask(socket, 'POST', '/containers/nope/attach', undefined, { Upgrade: 'tcp', Connection: 'Upgrade, close' });
  expect([answer.status, message(answer.body)]).toEqual([404, 'No such container: nope']);
});

test('a client that leaves ends its events', async () => {
  const stopped = Promise.withResolvers<void>();
  const events = async ({ signal }: { signal: AbortSignal }) => {
    signal.addEventListener('abort', () => stopped.resolve());
    return (async function* () {
      yield { Type: 'container', Action: 'start', Actor: { ID: 'x', Attributes: {} }, scope: 'local' as const, time: 1, timeNano: 1 };
      await new Promise(() => undefined);
    })();
  };
  await withEngine({ system: { events } }, async (path) => {
    const client = new RawClient(path).write('GET /events HTTP/1.1\r\nHost: d\r\n\r\n');
    expect(await client.until('\n\r\n')).toContain('200 OK');
    await client.until('"Action":"start"');
    client.socket.destroy();
    await stopped.promise;
  });
});

test('a long log arrives whole', async () => {
  const line = `${'x'.repeat(90)}\n`;
  const logs = async () => ({ tty: true, frames: (async function* () { for (let index = 0; index < 20_000; index++) yield Buffer.from(line); })() });
  await withEngine({ containers: { logs } }, async (path) => {
    const answer = await ask(path, 'GET', '/containers/x/logs?stdout=1');
    expect(answer.body).toBe(line.repeat(20_000));
    expect(answer.headers.get('content-type')).toBe('application/vnd.docker.raw-stream');
  });
});

test('load streams its body in and its progress out; failures are part of the stream', async () => {
  const service = {
    load: (tar: AsyncIterable<Uint8Array>, options?: { quiet?: boolean }) => (async function* () {
      let bytes = 0;
      for await (const chunk of tar) bytes += chunk.length;
      if (!options?.quiet) yield { status: 'Loading layer', progressDetail: { current: bytes } };
      yield { stream: `Loaded ${bytes}\n` };
      if (bytes === 3) throw systemError('layer digest does not match');
    })(),
  };
  await withEngine({ service }, async (path) => {
    const client = new RawClient(path).write('POST /images/load HTTP/1.1\r\nHost: d\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n');
    const piece = 'z'.repeat(100_000);
    for (let index = 0; index < 20; index++) client.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
    client.write('0\r\n\r\n');
    expect(parseAnswer(await client.rest()).body).toBe('{"stream":"Loaded 2000000\\n"}\r\n');
    const failed = await ask(path, 'POST', '/images/load?quiet=0', 'abc', { 'Content-Type': 'application/x-tar' });
    expect(failed.body).toBe(
      '{"status":"Loading layer","progressDetail":{"current":3}}\r\n{"stream":"Loaded 3\\n"}\r\n'
        + '{"errorDetail":{"message":"layer digest does not match"},"error":"layer digest does not match"}\r\n',
    );
  });
});

test('an upload that is cut off fails its reader', async () => {
  const failure = Promise.withResolvers<unknown>();
  const service = {
    import: async (tar: AsyncIterable<Uint8Array>) => {
      try {
        await Array.fromAsync(tar);
      } catch (error) {
        failure.resolve(error);
        throw error;
      }
      return 'sha256:none' as never;
    },
  };
  await withEngine({ service }, async (path) => {
    const client = new RawClient(path).write('POST /images/create?fromSrc=-&repo=x HTTP/1.1\r\nHost: d\r\nContent-Length: 1000\r\n\r\nabc');
    await Bun.sleep(20);
    client.socket.destroy();
    expect(await failure.promise).toMatchObject({ message: 'unexpected EOF' });
    const ended = new RawClient(path).write('POST /images/create?fromSrc=-&repo=x HTTP/1.1\r\nHost: d\r\nContent-Length: 1000\r\n\r\nabc').end();
    const answer = parseAnswer(await ended.rest());
    expect([answer.status, message(answer.body)]).toEqual([400, 'unexpected EOF']);
  });
});

test('a pull that fails at once is an answer; one that has begun tells it in its stream', async () => {
  async function* pull({ reference }: PullRequest): AsyncGenerator<ProgressRecord> {
    if (reference.tag === 'late') yield { status: 'Pulling from library/alpine', id: 'late' };
    throw notFound('manifest unknown');
  }
  await withEngine({ service: { pull } }, async (path) => {
    const early = await ask(path, 'POST', '/images/create?fromImage=alpine&tag=early');
    expect([early.status, message(early.body)]).toEqual([404, 'manifest unknown']);
    const late = await ask(path, 'POST', '/images/create?fromImage=alpine&tag=late');
    expect(late.status).toBe(200);
    expect(late.body.trim().split('\r\n').map((line) => JSON.parse(line) as object)).toEqual([
      { status: 'Pulling from library/alpine', id: 'late' },
      { errorDetail: { message: 'manifest unknown' }, error: 'manifest unknown' },
    ]);
  });
});

test('pipelined requests are answered in turn, however the bytes are cut', async () => {
  const requests = 'GET /_ping HTTP/1.1\r\nHost: d\r\n\r\nPOST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n{"Image":"x"}\r\n0\r\n\r\n'
    + 'HEAD /_ping HTTP/1.1\r\nHost: d\r\n\r\nGET /nope HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n';
  for (const size of [1, 3, 64, 10_000]) {
    const client = new RawClient(socket);
    for (let at = 0; at < requests.length; at += size) {
      client.write(requests.slice(at, at + size));
      if (size < 64 && at % 30 === 0) await Bun.sleep(0);
    }
    const text = await client.rest();
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['200', '201', '200', '404']);
  }
});

test('malformed requests are refused and the connection closed', async () => {
  const cases: [string, number][] = [
    ['GARBAGE\r\n\r\n', 400],
    ['GET / HTTP/1.1\nHost: d\n\n', 400],
    ['GET /_ping HTTP/1.1\r\n\r\n', 400],
    [`GET /${'a'.repeat(200_000)}`, 431],
    [`GET / HTTP/1.1\r\nHost: d\r\n${'X: y\r\n'.repeat(40_000)}`, 431],
    ['POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400],
    ['POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n' + 'x'.repeat(9_000_000), 413],
  ];
  for (const [bytes, status] of cases) {
    const client = new RawClient(socket).write(bytes);
    const answer = parseAnswer(await client.rest());
    expect([bytes.slice(0, 20), answer.status, answer.headers.get('connection')]).toEqual([bytes.slice(0, 20), status, 'close']);
    expect(message(answer.body)).toBeString();
    client.socket.destroy();
  }
});

test('100 Continue is sent when the body is wanted, and only then', async () => {
  const head = 'HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 13\r\n\r\n';
  const wanted = new RawClient(socket).write(`POST /containers/create ${head}`);
  expect(await wanted.until('\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  expect(await wanted.write('{"Image":"x"}').until('\r\n\r\n')).toStartWith('HTTP/1.1 201');
  wanted.socket.destroy();
  const refused = new RawClient(socket).write(`POST /nope ${head}`);
  expect(await refused.rest()).toStartWith('HTTP/1.1 404');
});

test('HTTP/1.0 clients get no chunks', async () => {
  const client = new RawClient(socket).write('GET /containers/echo/logs?stdout=1 HTTP/1.0\r\n\r\n');
  const text = await client.rest();
  expect(text).not.toContain('Transfer-Encoding');
  expect(text).toEndWith(`\r\n\r\n${stdoutFrame(Buffer.from('a line\n')).toString('latin1')}`);
});

test('random bytes never bring the server down', async () => {
  const pieces = ['GET ', '/_ping', ' HTTP/1.1\r\n', 'Host: d\r\n', '\r\n', 'POST /exec/e0/start HTTP/1.1\r\n', 'Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', '5\r\n', '0\r\n\r\n', '\0', 'Content-Type: application/json\r\n', '{"Tty":true}', 'Upgrade: tcp\r\n', '%', '?', '\xff\xfe'];
  let seed = 12345;
  const random = (below: number): number => ((seed = (seed * 1103515245 + 12345) % 2147483648), seed % below);
  faults.length = 0;
  await Promise.all(Array.from({ length: 400 }, async (_, round) => {
    const client = new RawClient(socket);
    for (let index = random(20); index >= 0; index--) {
      client.write(round % 3 === 0 ? Buffer.from(Array.from({ length: random(200) }, () => random(256))) : (pieces[random(pieces.length)] as string));
    }
    client.end();
    await client.rest();
  }));
  expect(faults).toEqual([]);
  expect((await ask(socket, 'GET', '/_ping')).status).toBe(200);
});

test('the socket is for root and its group; a stale one is replaced, a live one is not', async () => {
  expect(statSync(socket).mode & 0o777).toBe(0o660);
  const second = createApiServer({ engine: stubEngine(), logger, version: '0.1.0' });
  expect(await refusal(second.listen(`unix://${socket}`))).toContain(`another daemon is listening on ${socket}`);
  const file = join(directory, 'file');
  writeFileSync(file, '');
  expect(await refusal(second.listen(`unix://${file}`))).toContain('it exists and is not a socket');
  expect(await refusal(second.listen('http://x'))).toContain('invalid host "http://x"');
  expect(await refusal(second.listen(`unix:///${'x'.repeat(120)}`))).toContain('longer than the kernel allows');
  const stale = join(directory, 'stale.sock');
  await leaveStaleSocket(stale);
  await second.listen(`unix://${stale}`);
  expect((await ask(stale, 'GET', '/_ping')).status).toBe(200);
  await second.close();
});

/** A socket file nobody listens on, as a killed daemon leaves it. */
async function leaveStaleSocket(path: string): Promise<void> {
  const moved = `${path}.moved`;
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(moved, resolve));
  renameSync(moved, path);
  await new Promise((resolve) => server.close(resolve));
}

/** The sentence an attempt is refused with. */
function refusal(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(() => 'not refused', (error: Error) => error.message);
}
