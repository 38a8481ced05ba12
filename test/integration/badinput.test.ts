/** Wrong, absurd and hostile input: a clear error, nothing half-made left behind, and the daemon alive. */
import { afterEach, describe, expect } from 'bun:test';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client, demultiplex } from '../support/http.ts';
import { busybox } from '../support/paths.ts';
import { missing, requires } from '../support/requirements.ts';
import { leavesNothingBehind, Subject, useEngine } from '../support/subject.ts';
import { tar, type TarEntry } from '../support/tar.ts';

const { subject, it, needs } = useEngine();
const ourOwn = requires(...needs, 'caisson');
const recent = requires(...needs, 'engine-28');

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

/** Status and message of an error answer. */
async function refusal(method: string, target: string, body?: unknown, headers?: Record<string, string>): Promise<{ status: number; message: string }> {
  const answer = await subject.api.request(method, target, body, headers);
  const { message } = JSON.parse(answer.body.toString()) as { message: unknown };
  expect(typeof message).toBe('string');
  return { status: answer.status, message: message as string };
}

const json = { 'content-type': 'application/json' };
const containerCount = async () => (await subject.api.json<unknown[]>('GET', '/containers/json?all=1')).length;

afterEach(async () => {
  if (missing(...needs) === undefined && subject.engine.isRunning) expect((await subject.api.request('GET', '/_ping')).body.toString()).toBe('OK');
});

describe('bodies', () => {
  const create = (body: unknown, headers = json) => refusal('POST', '/containers/create', body, headers);

  recent('refuses malformed JSON', async () => {
    const before = await containerCount();
    for (const text of ['{', '{"Image": }', 'not json', '["Image"]', '{"Image":"busybox"} trailing']) expect({ text, status: (await create(text)).status }).toEqual({ text, status: 400 });
    expect(await containerCount()).toBe(before);
  });

  recent('refuses fields of the wrong type', async () => {
    for (const body of [{ Image: 5 }, { Image: 'busybox', Env: 'A=1' }, { Image: 'busybox', HostConfig: [] }, { Image: 'busybox', HostConfig: { Memory: 'much' } }, { Image: 'busybox', Tty: 'yes' }, { Image: 'busybox', Labels: ['a'] }]) {
      expect({ body, status: (await create(body)).status }).toEqual({ body, status: 400 });
    }
  });

  recent('refuses an empty body and an empty configuration', async () => {
    expect((await create('')).status).toBe(400);
    expect((await create('null')).status).toBe(400);
    expect((await create({})).status).toBe(400);
  });

  it('refuses another content type', async () => {
    expect((await create('{"Image":"busybox"}', { 'content-type': 'text/plain' })).status).toBe(400);
  });

  recent('survives JSON nested a hundred thousand deep', async () => {
    expect((await create(`{"Image":"busybox","Labels":${'{"a":'.repeat(100_000)}`)).status).toBe(400);
  });

  recent('survives numbers without measure', async () => {
    for (const resources of [{ Memory: 1e30 }, { NanoCpus: -5 }, { CpuQuota: 5 }, { ShmSize: -1 }, { Memory: 4095 }]) {
      expect({ resources, status: (await create({ Image: 'busybox', HostConfig: resources })).status }).toEqual({ resources, status: 400 });
    }
  });

  it('has no use for more processors than there are', async () => {
    const { status, message } = await create({ Image: 'busybox', HostConfig: { NanoCpus: 5000e9 } });
    expect(status).toBe(400);
    expect(message).toMatch(/^range of CPUs is from 0\.01 to \d+\.00, as there are only \d+ CPUs available$/i);
  });
});

describe('names and references', () => {
  it('refuses container names that are none', async () => {
    for (const name of ['-dash', 'a', 'with space', 'sl/ash', '../up', 'ünï', 'a\0b']) {
      const { status, message } = await refusal('POST', `/containers/create?name=${encodeURIComponent(name)}`, { Image: 'busybox' });
      expect({ name, status }).toEqual({ name, status: 400 });
      expect(message).toBe(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
    }
  });

  it('refuses image references that are none', async () => {
    for (const image of ['UPPER', 'a b', '../up', ':tag', 'name:', 'a@sha256:12']) {
      const { status, message } = await refusal('POST', '/containers/create', { Image: image });
      expect({ image, status }).toEqual({ image, status: 400 });
      expect(message).toContain('invalid reference format');
    }
  });

  recent('answers 404 for what does not exist', async () => {
    expect(await refusal('GET', '/containers/stranger/json')).toEqual({ status: 404, message: 'No such container: stranger' });
    expect(await refusal('GET', '/images/stranger/json')).toEqual({ status: 404, message: 'No such image: stranger:latest' });
    expect(await refusal('GET', '/no/such/route')).toEqual({ status: 404, message: 'page not found' });
  });

  it('refuses paths into nowhere', async () => {
    for (const target of ['/containers/..%2f..%2fetc/json', '/containers/%00/json', '/images/..%2f..%2fetc%2fpasswd/json']) {
      // Docker Engine redirects to the path without the dots.
      expect([301, 400, 404]).toContain((await subject.api.request('GET', target)).status);
    }
  });
});

describe('HTTP', () => {
  it('refuses what is no HTTP', async () => {
    expect(await Client.raw(subject.engine.socket, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('refuses a length that is none', async () => {
    expect(await Client.raw(subject.engine.socket, 'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('refuses headers without end', async () => {
    const answer = await Client.raw(subject.engine.socket, `GET /_ping HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(2 << 20)}\r\nConnection: close\r\n\r\n`).catch(() => 'closed');
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d |^closed$|^$/);
  });

  it('goes on when clients leave in the middle', async () => {
    for (let round = 0; round < 20; round++) {
      const client = await Client.hijack(subject.engine.socket, '/containers/create', '{"Image":').catch(() => undefined);
      client?.socket.destroy();
    }
    expect((await subject.api.request('GET', '/_ping')).status).toBe(200);
  });
});

describe('mounts', () => {
  it('refuses a bind whose source is not there, and leaves no container', async () => {
    const before = await containerCount();
    const mount = { Type: 'bind', Source: '/no/such/source', Target: '/data' };
    expect(await refusal('POST', '/containers/create', { Image: 'busybox', HostConfig: { Mounts: [mount] } })).toEqual({
      status: 400,
      message: 'invalid mount config for type "bind": bind source path does not exist: /no/such/source',
    });
    expect(await containerCount()).toBe(before);
  });

  it('refuses mount specifications that are none', async () => {
    for (const bind of ['/a:/b:nonsense', '/a:/b:ro,rw', ':', '/tmp:/']) {
      const { status, message } = await refusal('POST', '/containers/create', { Image: 'busybox', HostConfig: { Binds: [bind] } });
      expect(message).toMatch(/invalid (mode|volume specification)/);
      // Docker Engine answers 500 to an unknown mode; it is the client's mistake all the same.
      if (!subject.isDockerd) expect(status).toBe(400);
    }
  });

  it('follows no symlink of an image out of the root', async () => {
    const outside = path.join(subject.engine.scratch, 'outside');
    mkdirSync(outside);
    const image = tar([
      { type: 'directory', name: 'bin/' },
      { type: 'file', name: 'bin/busybox', data: readFileSync(busybox), mode: 0o755 },
      { type: 'symlink', name: 'escape', target: outside },
      { type: 'symlink', name: 'etc', target: outside },
      { type: 'symlink', name: 'climb', target: `${'../'.repeat(20)}${outside.slice(1)}` },
    ]);
    await subject.output('import', '-', 'hostile:links', { stdin: image });
    const source = path.join(subject.engine.scratch, 'source');
    mkdirSync(source);
    const script = 'touch /made; exit 0';
    await subject.docker('run', '--rm', '-v', `${source}:/escape/data`, '--tmpfs', '/climb/tmp', '-w', '/escape/work', 'hostile:links', '/bin/busybox', 'sh', '-c', script);
    for (const name of ['data', 'tmp', 'work', 'hosts', 'hostname', 'resolv.conf', 'mtab']) expect({ name, there: existsSync(path.join(outside, name)) }).toEqual({ name, there: false });
  });

  it('does not lose /proc and its masks to a symlink of the image', async () => {
    const image = tar([
      { type: 'directory', name: 'bin/' },
      { type: 'file', name: 'bin/busybox', data: readFileSync(busybox), mode: 0o755 },
      { type: 'symlink', name: 'proc', target: '/etc' },
    ]);
    await subject.output('import', '-', 'hostile:proc', { stdin: image });
    const result = await subject.docker('run', '--rm', 'hostile:proc', '/bin/busybox', 'sh', '-c', 'cat /proc/keys; test -d /proc/self && test ! -e /etc/self && echo masked');
    // The link is replaced by a directory, or the image refused.
    expect([0, 125, 126, 127]).toContain(result.code);
    if (result.code === 0) expect(result.stdout).toBe('masked\n');
  });
});

describe('archives', () => {
  const outside = () => path.join(subject.engine.scratch, 'victim');
  const victims = () => [outside(), path.join(subject.engine.dataRoot, 'victim'), '/victim', '/tmp/victim'];
  const untouched = () => {
    for (const victim of victims()) expect({ victim, there: existsSync(victim) }).toEqual({ victim, there: false });
  };
  const hostile: Record<string, () => TarEntry[]> = {
    'a name with ..': () => [{ type: 'file', name: `${'../'.repeat(12)}tmp/victim`, data: 'x' }],
    'an absolute name': () => [{ type: 'file', name: '/tmp/victim', data: 'x' }],
    'a file through a symlink': () => [
      { type: 'symlink', name: 'link', target: '/tmp' },
      { type: 'file', name: 'link/victim', data: 'x' },
    ],
    'a file through a relative symlink': () => [
      { type: 'symlink', name: 'link', target: '../'.repeat(12) },
      { type: 'file', name: 'link/tmp/victim', data: 'x' },
    ],
    'a symlink replaced on the way': () => [
      { type: 'directory', name: 'a/' },
      { type: 'symlink', name: 'a', target: '/tmp' },
      { type: 'file', name: 'a/victim', data: 'x' },
    ],
    'a whiteout that climbs': () => [{ type: 'file', name: '../../../../.wh.diff', data: '' }],
  };
  for (const [what, entries] of Object.entries(hostile)) {
    it(`writes nothing outside for ${what}`, async () => {
      // Refused or made harmless (a leading slash, a symlink within the root): both are right.
      await subject.docker('import', '-', 'hostile:tar', { stdin: tar(entries()) });
      untouched();
    });
  }

  it('links to no file of the host', async () => {
    writeFileSync(path.join(subject.engine.scratch, 'secret'), 'secret');
    await subject.docker('import', '-', 'hostile:link', { stdin: tar([{ type: 'link', name: 'stolen', target: path.join(subject.engine.scratch, 'secret') }]) });
    const climbing = tar([{ type: 'link', name: 'stolen', target: `${'../'.repeat(12)}etc/passwd` }]);
    const result = await subject.docker('import', '-', 'hostile:climb', { stdin: climbing });
    expect(result.code).toBe(1);
  });

  it('refuses what is no tar', async () => {
    for (const bytes of [Buffer.from('x'.repeat(5000)), Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]), busyboxCut()]) {
      expect((await subject.docker('import', '-', 'hostile:noise', { stdin: bytes })).code).toBe(1);
    }
    expect((await subject.docker('image', 'inspect', 'hostile:noise')).code).toBe(1);
  });

  const busyboxCut = () => tar([{ type: 'file', name: 'big', data: Buffer.alloc(100_000) }]).subarray(0, 50_000);

  it('refuses a layer whose digest is wrong', async () => {
    const layer = tar([{ type: 'file', name: 'file', data: 'x' }]);
    const config = JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [`sha256:${sha256('something else')}`] } });
    const archive = tar([
      { type: 'file', name: 'manifest.json', data: JSON.stringify([{ Config: 'config.json', RepoTags: ['hostile:digest'], Layers: ['layer.tar'] }]) },
      { type: 'file', name: 'config.json', data: config },
      { type: 'file', name: 'layer.tar', data: layer },
    ]);
    const result = await subject.docker('load', { stdin: archive });
    expect(result.stdout + result.stderr).toContain('invalid diffID for layer 0: expected');
    expect((await subject.docker('image', 'inspect', 'hostile:digest')).code).toBe(1);
  });

  it('refuses a manifest that names files outside', async () => {
    for (const manifest of [
      [{ Config: '../../../../../../etc/passwd', RepoTags: ['hostile:manifest'], Layers: [] }],
      [{ Config: 'config.json', RepoTags: ['hostile:manifest'], Layers: ['../../../../../../etc/passwd'] }],
    ]) {
      const config = JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [`sha256:${sha256('x')}`] } });
      const archive = tar([
        { type: 'file', name: 'manifest.json', data: JSON.stringify(manifest) },
        { type: 'file', name: 'config.json', data: config },
      ]);
      await subject.docker('load', { stdin: archive });
      expect((await subject.docker('image', 'inspect', 'hostile:manifest')).code).toBe(1);
    }
  });

  recent('refuses tags that are none', async () => {
    const config = JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [] } });
    const archive = tar([
      { type: 'file', name: 'manifest.json', data: JSON.stringify([{ Config: `${sha256(config)}.json`, RepoTags: ['../UPPER:tag'], Layers: [] }]) },
      { type: 'file', name: `${sha256(config)}.json`, data: config },
    ]);
    const result = await subject.docker('load', { stdin: archive });
    expect(result.stdout + result.stderr).toContain('invalid reference format');
  });
});

describe('starts that fail', () => {
  it('leaves a container that says why', async () => {
    const id = await subject.output('create', 'busybox', 'no-such-command');
    expect((await subject.docker('start', id)).code).toBe(1);
    const state = JSON.parse(await subject.inspect(id, '{{json .State}}')) as Record<string, unknown>;
    expect(state).toMatchObject({ Status: 'created', ExitCode: 127, Running: false, Pid: 0 });
    expect(state.Error).toContain('executable file not found in $PATH');
  });

  it('can be tried again, with the same result', async () => {
    const id = await subject.output('create', 'busybox', 'no-such-command');
    const [first, second] = [await subject.docker('start', id), await subject.docker('start', id)];
    expect(second).toEqual(first);
  });
});

describe('a full disk', () => {
  // A data root of its own, small enough to be filled.
  const full = new Subject({ prepare: 'mkdir $scratch/data && "$0" mount -t tmpfs -o size=24m tmpfs $scratch/data' }, needs);

  ourOwn('is told in one sentence, and the engine goes on', async () => {
    await full.start();
    try {
      const big = tar([{ type: 'file', name: 'big', data: Buffer.alloc(40 << 20, 1) }]);
      const imported = await full.docker('import', '-', 'too:big', { stdin: big });
      expect(imported.code).toBe(1);
      expect(imported.stderr).toMatch(/no space left on device/i);
      expect((await full.docker('image', 'inspect', 'too:big')).code).toBe(1);
      const filled = await full.docker('run', '--rm', 'busybox', 'sh', '-c', 'dd if=/dev/zero of=/fill bs=1M 2>&1 | grep -o "No space left on device"');
      expect(filled).toMatchObject({ code: 0, stdout: 'No space left on device\n' });
      expect(await full.output('run', '--rm', 'busybox', 'echo', 'goes on')).toBe('goes on');
    } finally {
      await full.end();
    }
  });

  ourOwn('costs a log its last lines, whole ones, and its container nothing', async () => {
    await full.start();
    try {
      const id = await full.output('create', '--log-opt', 'max-size=-1', 'busybox', 'sh', '-c', 'yes "a line that fills a disk" | head -n 1000000; echo done >&2; exec sleep 1000');
      const attached = await Client.hijack(full.engine.socket, `/containers/${id}/attach?stream=1&stderr=1`);
      await full.output('start', id);
      expect(demultiplex((await attached.read()) ?? Buffer.alloc(0)).stderr.toString()).toBe('done\n');
      attached.socket.destroy();
      const lines = (await full.output('logs', id)).split('\n');
      expect(lines.length).toBeGreaterThan(10_000);
      expect(lines.length).toBeLessThan(1_000_000);
      expect(lines.filter((line) => line !== 'a line that fills a disk')).toEqual([]);
      expect(await full.inspect(id, '{{.State.Status}}')).toBe('running');
      expect((await full.docker('rm', '-f', id)).code).toBe(0);
      expect(await full.output('run', '--rm', 'busybox', 'echo', 'goes on')).toBe('goes on');
    } finally {
      await full.end();
    }
  });
});

leavesNothingBehind(subject);
