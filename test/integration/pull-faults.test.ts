/** Pulls from registries that fail, lie or hang; and daemons and clients that go away meanwhile. */
import { beforeAll, expect } from 'bun:test';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, statSync, watch } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { baseLayer } from '../support/archives.ts';
import { dockerCommand } from '../support/docker-command.ts';
import { FakeRegistry, types } from '../support/registry.ts';
import { missing, requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar } from '../support/tar.ts';

const { subject, it, needs } = useEngine();
const inCaisson = requires(...needs, 'caisson');
let fake: FakeRegistry;

/** Content that does not compress, so that half of the blob is a good deal of it. */
const noise = (seed: number) => Buffer.concat(Array.from({ length: 12_500 }, (_, block) => createHash('sha256').update(`${seed} ${block}`).digest()));
let count = 0;
/** An image that nobody has pulled yet: every test has blobs of its own. */
const fresh = (tag: string): void => {
  fake.image(tag, [baseLayer(), tar([{ type: 'file', name: 'noise', data: noise(++count) }, { type: 'file', name: 'note', data: `${tag}\n` }])], { config: { config: { Cmd: ['/bin/cat', '/note'] } } });
};

if (missing(...needs) === undefined) {
  beforeAll(async () => {
    fake = await FakeRegistry.start(subject);
  });
}

const name = (behaviour: string, tag: string) => `127.0.0.1:5001/${behaviour}/x:${tag}`;
const pulled = async (image: string): Promise<string> => {
  await subject.output('pull', image);
  return subject.output('run', '--rm', image);
};
const refused = async (image: string): Promise<string> => {
  const { code, stderr } = await subject.docker('pull', image);
  expect(code).toBe(1);
  expect((await subject.docker('image', 'inspect', image)).code).toBe(1);
  return stderr.trim();
};
const blobRequests = (behaviour: string) => fake.requests().filter(({ url, method }) => method === 'GET' && url.startsWith(`/v2/${behaviour}/`) && url.includes('/blobs/'));
/** Caisson's store of blobs on their way, and its layers. */
const downloads = () => readdirSync(path.join(subject.engine.dataRoot, 'downloads'));
const layers = () => readdirSync(path.join(subject.engine.dataRoot, 'layers')).length;

for (const [behaviour, what] of [
  ['cut-once', 'a connection that breaks off is taken up where it broke'],
  ['no-range', 'a server that cannot serve parts is read from the start'],
  ['blob-broken-once', 'a server that fails is asked again'],
  ['redirected', 'a blob may be elsewhere'],
] as const) {
  it(what, async () => {
    fresh(behaviour);
    expect(await pulled(name(behaviour, behaviour))).toBe(behaviour);
    if (behaviour === 'cut-once') expect(blobRequests(behaviour).some(({ range }) => /^bytes=[1-9]\d*-/.test(range ?? ''))).toBe(true);
  });
}

it('another blob than was asked for is refused', async () => {
  fresh('corrupt');
  expect(await refused(name('corrupt', 'corrupt'))).toMatch(/filesystem layer verification failed for digest sha256:[0-9a-f]{64}/);
});

inCaisson('of a pull that failed nothing stays that was not verified', async () => {
  const before = layers();
  fresh('corrupt-again');
  await refused(name('corrupt', 'corrupt-again'));
  expect(downloads().filter((file) => file.endsWith('.partial'))).toEqual([]);
  expect(layers()).toBe(before);
});

it('a layer that is another than the configuration says is refused', async () => {
  const good = tar([{ type: 'file', name: 'a', data: 'good' }]);
  const bad = tar([{ type: 'file', name: 'a', data: 'bad' }]);
  fake.image('swapped', [good], { pack: () => fake.blob(gzipSync(bad), `${types.layer}+gzip`) });
  expect(await refused(name('plain', 'swapped'))).toBe("layers from manifest don't match image configuration");
  fake.image('more-layers', [good, bad], { manifest: { layers: [fake.blob(gzipSync(good), `${types.layer}+gzip`)] } });
  expect(await refused(name('plain', 'more-layers'))).toBe("layers from manifest don't match image configuration");
});

it('a layer that is cut short is refused', async () => {
  const layer = tar([{ type: 'file', name: 'a', data: noise(7) }]);
  fake.image('short', [layer], { pack: (tar) => fake.blob(gzipSync(tar).subarray(0, 1000), `${types.layer}+gzip`) });
  expect(await refused(name('plain', 'short'))).toStartWith('failed to register layer: ');
});

it('an index in an index leads nowhere', async () => {
  const inner = fake.manifest('inner', { schemaVersion: 2, mediaType: types.index, manifests: [] });
  fake.manifest('outer', { schemaVersion: 2, mediaType: types.index, manifests: [{ ...inner, platform: { os: 'linux', architecture: 'amd64' } }] });
  expect(await refused(name('plain', 'outer'))).toBe('no matching manifest for linux/amd64 in the manifest list entries');
});

inCaisson('sizes, types and ends that are not right are refused in words', async () => {
  const layer = tar([{ type: 'file', name: 'a', data: noise(8) }]);
  const blob = fake.blob(gzipSync(layer), `${types.layer}+gzip`);
  fake.image('small', [layer], { pack: () => ({ ...blob, size: 5 }) });
  expect(await refused(name('plain', 'small'))).toContain(`the blob ${blob.digest} has ${blob.size} bytes or more, and should have 5`);
  fake.image('large', [layer], { pack: () => ({ ...blob, size: 500_000_000 }) });
  expect(await refused(name('plain', 'large'))).toContain('and should have 500000000');
  fake.manifest('old', { schemaVersion: 1, name: 'x', tag: 'old', fsLayers: [], history: [] }, 'application/vnd.docker.distribution.manifest.v1+prettyjws');
  expect(await refused(name('plain', 'old'))).toContain('schema 1 support has been removed');
  fake.image('odd', [layer], { pack: () => ({ ...blob, mediaType: 'text/plain' }) });
  expect(await refused(name('plain', 'odd'))).toContain('unsupported media type text/plain');
  fresh('any');
  expect(await refused(name('endless-manifest', 'any'))).toContain('is larger than 4194304 bytes');
  // Whichever is noticed first.
  expect(await refused(name('endless', 'any'))).toMatch(/or more, and should have|failed to register layer: invalid tar/);
  expect(await refused(name('manifest-loop', 'any'))).toContain('stopped after 10 redirects');
  expect(await refused(name('blob-loop', 'any'))).toContain('stopped after 10 redirects');
  expect(await refused(name('forged', 'any'))).toContain('manifest verification failed for digest');
  expect(await refused(name('page', 'any'))).toContain('error unmarshalling content: ');
});

it('a blob that is missing is unknown', async () => {
  fresh('missing');
  expect(await refused(name('blob-missing', 'missing'))).toBe('unknown blob');
  expect(await refused(name('config-missing', 'missing'))).toBe('error pulling image configuration: download failed after attempts=1: unknown blob');
});

/** Resolves when a condition holds, which is looked at whenever a directory changes. */
async function until(directory: string, condition: () => boolean): Promise<void> {
  const watcher = watch(directory);
  try {
    while (!condition()) await once(watcher, 'change');
  } finally {
    watcher.close();
  }
}

/** Begins a pull whose layer hangs half-way, and waits until that half is here. */
async function halfPulled(tag: string): Promise<ReturnType<typeof spawn>> {
  const client = spawn(dockerCommand() as string, ['pull', name('held', tag)], { stdio: 'ignore', env: { ...process.env, ...subject.environment } });
  const directory = path.join(subject.engine.dataRoot, 'downloads');
  await until(directory, () => readdirSync(directory).some((file) => file.endsWith('.partial') && statSync(path.join(directory, file)).size > 100_000));
  return client;
}

inCaisson('what has come before the daemon was killed need not come again', async () => {
  fresh('killed');
  const client = await halfPulled('killed');
  await subject.engine.endDaemon('SIGKILL');
  await once(client, 'exit');
  await subject.engine.startDaemon();
  expect((await subject.docker('image', 'inspect', name('held', 'killed'))).code).toBe(1);
  fake.openGate();
  expect(await pulled(name('held', 'killed'))).toBe('killed');
  expect(blobRequests('held').some(({ range }) => /^bytes=[1-9]\d*-/.test(range ?? ''))).toBe(true);
  fake.closeGate();
});

inCaisson('a client that leaves ends its pull, and the next goes on from there', async () => {
  fresh('left');
  const client = await halfPulled('left');
  const abandoned = fake.aborted();
  client.kill('SIGKILL');
  await until(fake.directory, () => fake.aborted() > abandoned);
  expect((await subject.docker('image', 'inspect', name('held', 'left'))).code).toBe(1);
  fake.openGate();
  expect(await pulled(name('held', 'left'))).toBe('left');
  fake.closeGate();
});

inCaisson('two pulls of one layer download it once', async () => {
  fresh('shared');
  const before = blobRequests('held').length;
  const first = await halfPulled('shared');
  const second = subject.output('pull', name('held', 'shared'));
  await until(fake.directory, () => fake.requests().filter(({ url, method }) => method === 'GET' && url.includes('/held/x/manifests/')).length >= 2);
  fake.openGate();
  await Promise.all([once(first, 'exit'), second]);
  expect(await subject.output('run', '--rm', name('held', 'shared'))).toBe('shared');
  const urls = blobRequests('held').slice(before).map(({ url }) => url);
  const layer = urls.filter((url) => urls.indexOf(url) !== urls.lastIndexOf(url));
  // The configuration is small, and each asks for it.
  expect(new Set(layer).size).toBeLessThanOrEqual(1);
  expect(downloads()).toEqual([]);
});

leavesNothingBehind(subject);
