/** The API as programs see it: versions, headers, errors, and answers that fit Docker's public description. */
import { beforeAll, describe, expect } from 'bun:test';
import Docker from 'dockerode';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { Client } from '../support/http.ts';
import { TEST_PATIENCE } from '../support/patience.ts';
import { missing, requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { ApiDescription } from '../support/swagger.ts';

const { subject, it, needs } = useEngine();
const recent = requires(...needs, 'engine-28');
const described = requires(...needs, 'engine-28', 'api-specification');

describe('versions', () => {
  it('answers ping with its version and kind', async () => {
    const { status, headers, body } = await subject.api.request('GET', '/_ping');
    expect([status, body.toString()]).toEqual([200, 'OK']);
    expect(headers).toMatchObject({ 'api-version': expect.stringMatching(/^1\.\d+$/), ostype: 'linux', 'cache-control': 'no-cache, no-store, must-revalidate' });
    const head = await subject.api.request('HEAD', '/_ping');
    expect([head.status, head.body.length]).toEqual([200, 0]);
  });

  recent('speaks 1.24 to 1.51', async () => {
    const version = await subject.api.json<{ ApiVersion: string; MinAPIVersion: string }>('GET', '/version');
    expect(version).toMatchObject({ ApiVersion: '1.51', MinAPIVersion: '1.24' });
    for (const prefix of ['/v1.24', '/v1.41', '/v1.51']) expect((await subject.api.request('GET', `${prefix}/containers/json`)).status).toBe(200);
  });

  recent('refuses versions outside', async () => {
    const old = await subject.api.request('GET', '/v1.23/version');
    expect(old.status).toBe(400);
    // Clients of that age read plain text.
    expect(old.body.toString()).toContain('client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version');
    const future = await subject.api.request('GET', '/v1.99/version');
    expect([future.status, future.body.toString().trim()]).toEqual([400, '{"message":"client version 1.99 is too new. Maximum supported API version is 1.51"}']);
  });

  it('negotiates with a docker command that wants an older one', async () => {
    const result = await subject.docker('run', '--rm', 'busybox', 'echo', 'older', { env: { DOCKER_API_VERSION: '1.40' } });
    expect(result).toMatchObject({ code: 0, stdout: 'older\n' });
  });

  it('answers an unknown route with JSON', async () => {
    for (const [method, target] of [['GET', '/no/such/route'], ['GET', '/v1.41/no/such/route'], ['POST', '/version']] as const) {
      const { status, headers, body } = await subject.api.request(method, target);
      expect([target, status]).toEqual([target, method === 'POST' ? expect.any(Number) : 404]);
      expect([404, 405]).toContain(status);
      if (method === 'GET') {
        expect(headers['content-type']).toBe('application/json');
        expect(JSON.parse(body.toString())).toEqual({ message: 'page not found' });
      }
    }
  });

  it('gives JSON a content type and a length', async () => {
    const { headers } = await subject.api.request('GET', '/containers/json');
    expect(headers['content-type']).toBe('application/json');
  });
});

describe("Docker's description", () => {
  let description: ApiDescription;
  let container: string;
  beforeAll(async () => {
    if (missing(...needs, 'engine-28', 'api-specification') !== undefined) return;
    description = new ApiDescription();
    container = await subject.output('run', '-d', '--name', 'described', '--label', 'a=b', '-e', 'A=1', '-v', '/tmp:/data:ro', '--tmpfs', '/scratch', 'busybox', 'sleep', '1000');
  }, TEST_PATIENCE);

  /** Sends a request and holds the answer against the description. */
  async function fits(method: string, route: string, target: string, body?: unknown): Promise<unknown> {
    const answer = await subject.api.request(method, target, body);
    const parsed: unknown = answer.body.length === 0 ? undefined : JSON.parse(answer.body.toString());
    expect(description.statuses(method, route)).toContain(answer.status);
    if (parsed !== undefined) expect(description.problems(method, route, answer.status, parsed)).toEqual([]);
    return parsed;
  }

  const reads: [route: string, target?: string][] = [
    ['/version'],
    ['/info'],
    ['/containers/json', '/containers/json?all=1&size=1'],
    ['/containers/{id}/json', '/containers/described/json?size=1'],
    ['/containers/{id}/top', '/containers/described/top'],
    ['/images/json', '/images/json?digests=1'],
    ['/images/{name}/json', '/images/busybox/json'],
    ['/images/{name}/history', '/images/busybox/history'],
    ['/containers/{id}/json', '/containers/stranger/json'],
    ['/images/{name}/json', '/images/stranger/json'],
  ];
  for (const [route, target = route] of reads) {
    described(`fits GET ${target}`, async () => {
      await fits('GET', route, target);
    });
  }

  described('fits the answers to what changes things', async () => {
    const created = (await fits('POST', '/containers/create', '/containers/create?name=changed', { Image: 'busybox', Cmd: ['sleep', '1000'] })) as { Id: string };
    await fits('POST', '/containers/{id}/start', `/containers/${created.Id}/start`);
    await fits('POST', '/containers/{id}/start', `/containers/${created.Id}/start`);
    const exec = (await fits('POST', '/containers/{id}/exec', `/containers/${created.Id}/exec`, { Cmd: ['true'] })) as { Id: string };
    await fits('GET', '/exec/{id}/json', `/exec/${exec.Id}/json`);
    await fits('POST', '/containers/{id}/kill', `/containers/${created.Id}/kill`);
    await fits('POST', '/containers/{id}/wait', `/containers/${created.Id}/wait`);
    await fits('POST', '/containers/{id}/rename', `/containers/${created.Id}/rename?name=changed-again`);
    await fits('DELETE', '/containers/{id}', `/containers/${created.Id}`);
    await fits('POST', '/containers/create', '/containers/create', { Image: 'stranger' });
    await fits('POST', '/images/{name}/tag', '/images/busybox/tag?repo=described&tag=1');
    await fits('DELETE', '/images/{name}', '/images/described:1');
    await fits('POST', '/containers/prune', '/containers/prune');
  });

  described('fits the events', async () => {
    const { body } = await Client.stream(subject.engine.socket, 'GET', `/events?since=1&filters=${encodeURIComponent(JSON.stringify({ container: [container], event: ['start'] }))}`);
    const first = await body.next();
    await body.return(undefined);
    expect(description.problems('GET', '/events', 200, JSON.parse(String(first.value)))).toEqual([]);
  });
});

describe('dockerode', () => {
  const docker = () => new Docker({ socketPath: subject.engine.socket });

  it('runs a container and collects its output', async () => {
    const output = new PassThrough();
    const chunks: Buffer[] = [];
    output.on('data', (chunk: Buffer) => chunks.push(chunk));
    const [result] = (await docker().run('busybox', ['sh', '-c', 'echo out; exit 5'], output, { Tty: false, HostConfig: { AutoRemove: true } })) as [{ StatusCode: number }];
    expect(result.StatusCode).toBe(5);
    expect(Buffer.concat(chunks).subarray(8).toString()).toBe('out\n');
  });

  it('attaches, writes and half-closes', async () => {
    const container = await docker().createContainer({ Image: 'busybox', Cmd: ['wc', '-c'], OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true });
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, hijack: true });
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = once(stream, 'end');
    await container.start();
    stream.end(Buffer.alloc(500_000));
    await ended;
    expect(Buffer.concat(chunks).subarray(8).toString()).toBe('500000\n');
    await container.remove();
  });

  it('executes, lists, inspects, stops and removes', async () => {
    const container = await docker().createContainer({ Image: 'busybox', Cmd: ['sleep', '1000'], name: 'by-dockerode' });
    await container.start();
    const exec = await container.exec({ Cmd: ['echo', 'inside'], AttachStdout: true });
    const stream = await exec.start({});
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(stream, 'end');
    expect(Buffer.concat(chunks).subarray(8).toString()).toBe('inside\n');
    expect((await exec.inspect()).ExitCode).toBe(0);
    expect((await docker().listContainers({ filters: { name: ['by-dockerode'] } })).map(({ Id }) => Id)).toEqual([container.id]);
    expect((await container.inspect()).State.Running).toBe(true);
    await container.stop({ t: 0 });
    await container.remove();
    expect(await container.inspect().catch((error: { statusCode: number }) => error.statusCode)).toBe(404);
  });
});

leavesNothingBehind(subject);
