/** `docker pull` from a real registry. */
import { beforeAll, expect } from 'bun:test';
import { zstdCompressSync } from 'node:zlib';
import { baseLayer, dockerArchive, imageConfig } from '../support/archives.ts';
import { FakeRegistry, RealRegistry, types } from '../support/registry.ts';
import { missing } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar } from '../support/tar.ts';

const { subject, it, needs } = useEngine({}, 'docker-registry', 'skopeo');
let registry: RealRegistry;
let fake: FakeRegistry;

const base = baseLayer();
const note = (text: string) => tar([{ type: 'file', name: 'note', data: text }]);
const shows = (...layers: readonly Buffer[]) => imageConfig([base, ...layers], { config: { Env: ['PATH=/bin'], Cmd: ['cat', '/note'] } });

if (missing(...needs) === undefined) {
  beforeAll(async () => {
    registry = await RealRegistry.start(subject);
    fake = await FakeRegistry.start(subject);
    for (const [tag, text] of [['one', 'first\n'], ['two', 'second\n']] as const) {
      const layers = [base, note(text)];
      await registry.put(dockerArchive([{ layers, config: shows(note(text)) }]), `team/notes:${tag}`);
    }
  });
}

type Record = { readonly status?: string; readonly id?: string; readonly error?: string; readonly progressDetail?: { readonly current?: number } };

/** The progress of a pull, bytes left out. */
async function pull(image: string, tag: string, more = ''): Promise<Record[]> {
  const answer = await subject.api.request('POST', `/images/create?fromImage=${encodeURIComponent(image)}&tag=${encodeURIComponent(tag)}${more}`);
  expect(answer.status).toBe(200);
  const records = answer.body.toString().trim().split('\r\n').map((line) => JSON.parse(line) as Record);
  return records.filter(({ progressDetail }) => progressDetail?.current === undefined);
}

const digestOf = async (image: string): Promise<string> => (JSON.parse(await subject.inspect(image, '{{json .RepoDigests}}')) as string[])[0] as string;

it('pulls by tag, runs it, and has nothing to do the second time', async () => {
  const records = await pull('localhost:5000/team/notes', 'one');
  expect(records[0]).toEqual({ status: 'Pulling from team/notes', id: 'one' });
  const ids = [...new Set(records.flatMap(({ id }) => (id === undefined || id === 'one' ? [] : [id])))];
  expect(ids).toHaveLength(2);
  for (const id of ids) {
    const steps = records.filter((record) => record.id === id).map(({ status }) => status);
    expect(steps[0]).toBe('Pulling fs layer');
    // A small layer is here before Docker has looked: it tells of the download alone.
    expect(steps.filter((step) => step !== 'Verifying Checksum').slice(1)).toEqual(['Download complete', 'Pull complete']);
  }
  const [digest, status] = records.slice(-2).map((record) => record.status);
  expect(digest).toMatch(/^Digest: sha256:[0-9a-f]{64}$/);
  expect(status).toBe('Status: Downloaded newer image for localhost:5000/team/notes:one');
  expect(await digestOf('localhost:5000/team/notes:one')).toBe(`localhost:5000/team/notes@${digest?.slice('Digest: '.length)}`);
  expect(await subject.output('run', '--rm', 'localhost:5000/team/notes:one')).toBe('first');
  expect(await pull('localhost:5000/team/notes', 'one')).toEqual([
    { status: 'Pulling from team/notes', id: 'one' },
    { status: digest },
    { status: 'Status: Image is up to date for localhost:5000/team/notes:one' },
  ]);
});

it('does not fetch a layer that is here', async () => {
  const records = await pull('localhost:5000/team/notes', 'two');
  expect(records.filter(({ status }) => status === 'Already exists')).toHaveLength(1);
  expect(records.filter(({ status }) => status === 'Pulling fs layer')).toHaveLength(1);
  expect(await subject.output('run', '--rm', 'localhost:5000/team/notes:two')).toBe('second');
});

it('pulls by digest: the image has no tag then', async () => {
  const byDigest = await digestOf('localhost:5000/team/notes:two');
  await subject.output('rmi', '-f', 'localhost:5000/team/notes:two');
  const output = await subject.output('pull', byDigest);
  expect(output.split('\n')[0]).toBe(`${byDigest}: Pulling from team/notes`);
  expect(output).toContain(`Status: Downloaded newer image for ${byDigest}`);
  expect(await subject.inspect(byDigest, '{{json .RepoTags}} {{json .RepoDigests}}')).toBe(`[] ["${byDigest}"]`);
  expect(await subject.output('run', '--rm', byDigest)).toBe('second');
  await subject.output('rmi', byDigest);
});

it('pulls every tag', async () => {
  const output = await subject.output('pull', '--all-tags', 'localhost:5000/team/notes');
  expect(output).toContain('one: Pulling from team/notes');
  expect(output).toContain('two: Pulling from team/notes');
  expect(output).toContain('Status: Downloaded newer image for localhost:5000/team/notes\n');
});

it('pulls what run does not find', async () => {
  await registry.put(dockerArchive([{ layers: [base, note('run me\n')], config: shows(note('run me\n')) }]), 'runs:latest');
  const { stdout, stderr, code } = await subject.docker('run', '--rm', 'localhost:5000/runs');
  expect({ stdout, code }).toEqual({ stdout: 'run me\n', code: 0 });
  expect(stderr).toStartWith("Unable to find image 'localhost:5000/runs:latest' locally\nlatest: Pulling from runs\n");
  expect(stderr).toContain('Status: Downloaded newer image for localhost:5000/runs:latest');
});

it('moves a tag that has moved', async () => {
  await registry.put(dockerArchive([{ layers: [base, note('old\n')], config: shows(note('old\n')) }]), 'moving:latest');
  await subject.output('pull', 'localhost:5000/moving');
  const before = await subject.inspect('localhost:5000/moving', '{{.Id}}');
  await registry.put(dockerArchive([{ layers: [base, note('new\n')], config: shows(note('new\n')) }]), 'moving:latest');
  expect(await subject.output('pull', 'localhost:5000/moving')).toContain('Status: Downloaded newer image for localhost:5000/moving:latest');
  expect(await subject.output('run', '--rm', 'localhost:5000/moving')).toBe('new');
  expect(await subject.inspect(before, '{{json .RepoTags}}')).toBe('[]');
});

for (const [form, ...options] of [['OCI', '--format', 'oci'], ["Docker's schema 2", '--format', 'v2s2'], ['OCI with zstd', '--format', 'oci', '--dest-compress-format', 'zstd']] as const) {
  it(`takes manifests in the form of ${form}`, async () => {
    const text = `${form}\n`;
    const name = `forms/${form.toLowerCase().replace(/\W+/g, '-')}:latest`;
    await registry.put(dockerArchive([{ layers: [base, note(text)], config: shows(note(text)) }]), name, ...options);
    await subject.output('pull', `localhost:5000/${name}`);
    expect(await subject.output('run', '--rm', `localhost:5000/${name}`)).toBe(form);
  });
}

it('takes layers compressed with zstd, or not at all', async () => {
  const layer = note('plain\n');
  fake.image('plain', [base, layer], { pack: (tar) => fake.blob(tar, types.layer), config: { config: { Cmd: ['/bin/cat', '/note'] } } });
  fake.image('zstd', [base, layer], { pack: (tar) => fake.blob(zstdCompressSync(tar), `${types.layer}+zstd`), config: { config: { Cmd: ['/bin/cat', '/note'] } } });
  for (const tag of ['plain', 'zstd']) {
    await subject.output('pull', `127.0.0.1:5001/plain/x:${tag}`);
    expect(await subject.output('run', '--rm', `127.0.0.1:5001/plain/x:${tag}`)).toBe('plain');
  }
});

it('takes the image of the platform from an index', async () => {
  const image = (architecture: string) => fake.image(`of-${architecture}`, [note(`${architecture}\n`)], { config: { architecture } });
  const manifests = ['s390x', 'arm64', 'amd64'].map((architecture) => ({ ...image(architecture), platform: { os: 'linux', architecture } }));
  const index = fake.manifest('many', { schemaVersion: 2, mediaType: types.index, manifests });
  const name = '127.0.0.1:5001/plain/platforms:many';
  const platform = () => subject.inspect(name, '{{.Os}}/{{.Architecture}}');
  expect(await subject.output('pull', name)).toContain(`Digest: ${index.digest}`);
  expect(await platform()).toBe('linux/amd64');
  await subject.output('pull', '--platform', 'linux/arm64', name);
  expect(await platform()).toBe('linux/arm64');
  expect((await subject.docker('pull', '--platform', 'linux/riscv64', name)).stderr).toBe('no matching manifest for linux/riscv64 in the manifest list entries\n');
  expect((await subject.docker('pull', '--platform', 'linux/s390x', '127.0.0.1:5001/plain/platforms:of-arm64')).stdout).toContain(
    'WARNING: image with reference 127.0.0.1:5001/plain/platforms:of-arm64 was found but its platform (linux/arm64) does not match the specified platform (linux/s390x)');
});

it('tells of pulls in the events', async () => {
  const since = String(Math.floor(Date.now() / 1000));
  await subject.output('pull', 'localhost:5000/team/notes:one');
  const digest = await digestOf('localhost:5000/team/notes:one');
  await subject.output('pull', digest);
  const until = String(Math.ceil(Date.now() / 1000) + 1);
  const events = (await subject.output('events', '--since', since, '--until', until, '--filter', 'type=image', '--filter', 'event=pull', '--format', '{{.Actor.ID}} {{.Actor.Attributes.name}}')).split('\n');
  expect(events).toContain('localhost:5000/team/notes:one localhost:5000/team/notes');
  expect(events).toContain(`${digest} localhost:5000/team/notes`);
});

const refused: readonly (readonly [image: string, tag: string, status: number, message: string])[] = [
  ['localhost:5000/team/notes', 'three', 404, 'manifest for localhost:5000/team/notes:three not found: manifest unknown: manifest unknown'],
  ['localhost:5000/nobody', '', 404, 'repository localhost:5000/nobody not found: name unknown: repository name not known to registry'],
  ['localhost:5999/x', 'latest', 500, 'Get "http://localhost:5999/v2/": dial tcp 127.0.0.1:5999: connect: connection refused'],
  ['127.0.0.1:5999/x', 'latest', 500, 'Get "http://127.0.0.1:5999/v2/": dial tcp 127.0.0.1:5999: connect: connection refused'],
  ['localhost:5000/UPPER', 'latest', 400, 'invalid reference format: repository name (UPPER) must be lowercase'],
  ['localhost:5000/team/notes', 'a:b', 400, 'invalid tag format'],
  ['127.0.0.1:5001/limited/x', 'any', 429, 'toomanyrequests: You have reached your pull rate limit.'],
  ['127.0.0.1:5001/limited-html/x', 'any', 429, 'toomanyrequests: slow down'],
  ['127.0.0.1:5001/broken/x', 'any', 500, 'received unexpected HTTP status: 500 Internal Server Error'],
  ['127.0.0.1:5001/denied/x', 'any', 403, 'denied'],
  ['127.0.0.1:5001/no-such-scope/x', 'any', 404, "pull access denied for 127.0.0.1:5001/no-such-scope/x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"],
  ['127.0.0.1:5001/unauthorized/x', 'any', 401, 'unauthorized'],
  ['127.0.0.1:5001/mute/x', 'any', 500, 'unknown: '],
];
for (const [image, tag, status, message] of refused) {
  it(`is refused in Docker's words: ${image}:${tag}`, async () => {
    const answer = await subject.api.request('POST', `/images/create?fromImage=${encodeURIComponent(image)}&tag=${encodeURIComponent(tag)}`);
    expect([answer.status, JSON.parse(answer.body.toString())]).toEqual([status, { message }]);
  });
}

leavesNothingBehind(subject, 'docker-registry', 'skopeo');
