/** `docker push` to a real registry. */
import { beforeAll, expect } from 'bun:test';
import { baseLayer, dockerArchive, imageConfig } from '../support/archives.ts';
import { RealRegistry, skopeo } from '../support/registry.ts';
import { missing, requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar } from '../support/tar.ts';

const { subject, it, needs } = useEngine({}, 'docker-registry', 'skopeo');
let registry: RealRegistry;
let other: RealRegistry;

const base = baseLayer();
const note = (text: string) => tar([{ type: 'file', name: 'note', data: text }]);

async function loadImage(name: string, text: string): Promise<void> {
  const layers = [base, note(text)];
  const config = imageConfig(layers, { config: { Env: ['PATH=/bin'], Cmd: ['cat', '/note'] } });
  await subject.output('load', { stdin: dockerArchive([{ tags: [name], layers, config }]) });
}

if (missing(...needs) === undefined) {
  beforeAll(async () => {
    registry = await RealRegistry.start(subject);
    other = await RealRegistry.start(subject, { port: 5002 });
    await loadImage('localhost:5000/first/notes:one', 'first\n');
  });
}

type Record = { readonly status?: string; readonly id?: string; readonly error?: string; readonly aux?: { readonly Tag: string; readonly Digest: string; readonly Size: number } };

/** The progress of a push, bytes left out. */
async function push(name: string, query = ''): Promise<Record[]> {
  const answer = await subject.api.request('POST', `/images/${name}/push${query}`, undefined, { 'x-registry-auth': 'e30=' });
  expect(answer.status).toBe(200);
  const records = answer.body.toString().trim().split('\r\n').map((line) => JSON.parse(line) as Record);
  return records.filter(({ status }) => status !== 'Pushing' && status !== 'Waiting');
}

const stepsOf = (records: readonly Record[]): string[][] => {
  const ids = new Set(records.flatMap(({ id }) => id ?? []));
  return [...ids].map((id) => records.filter((record) => record.id === id).map(({ status }) => status as string));
};

const digestIn = (records: readonly Record[]): string => records.find(({ aux }) => aux)?.aux?.Digest as string;

it('pushes every layer, configuration and manifest', async () => {
  const records = await push('localhost:5000/first/notes', '?tag=one');
  expect(records[0]).toEqual({ status: 'The push refers to repository [localhost:5000/first/notes]' });
  expect(stepsOf(records)).toEqual([['Preparing', 'Pushed'], ['Preparing', 'Pushed']]);
  const [line, aux] = records.slice(-2) as [Record, Record];
  expect(line.status).toBe(`one: digest: ${aux.aux?.Digest} size: ${aux.aux?.Size}`);
  expect(aux.aux?.Tag).toBe('one');
  const digest = digestIn(records);
  expect(JSON.parse(await subject.inspect('localhost:5000/first/notes:one', '{{json .RepoDigests}}'))).toEqual([`localhost:5000/first/notes@${digest}`]);
  const inspected = await skopeo(subject, 'inspect', '--tls-verify=false', 'docker://localhost:5000/first/notes:one');
  expect(JSON.parse(inspected.stdout)).toMatchObject({ Digest: digest, Architecture: 'amd64', Env: ['PATH=/bin'] });
});

it('gives back what was pushed', async () => {
  const before = await subject.inspect('localhost:5000/first/notes:one', '{{.Id}}');
  await subject.output('rmi', '-f', before);
  await subject.output('pull', 'localhost:5000/first/notes:one');
  expect(await subject.inspect('localhost:5000/first/notes:one', '{{.Id}}')).toBe(before);
  expect(await subject.output('run', '--rm', 'localhost:5000/first/notes:one')).toBe('first');
});

it('does not send what the repository has', async () => {
  const before = digestIn(await push('localhost:5000/first/notes', '?tag=one'));
  await loadImage('localhost:5000/first/notes:two', 'second\n');
  const records = await push('localhost:5000/first/notes', '?tag=two');
  expect(stepsOf(records).toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual([['Preparing', 'Layer already exists'], ['Preparing', 'Pushed']]);
  const again = await push('localhost:5000/first/notes', '?tag=one');
  expect(stepsOf(again)).toEqual([['Preparing', 'Layer already exists'], ['Preparing', 'Layer already exists']]);
  expect(digestIn(again)).toBe(before);
});

it('mounts what another repository of the registry has', async () => {
  await subject.output('tag', 'localhost:5000/first/notes:one', 'localhost:5000/second/notes:one');
  const records = await push('localhost:5000/second/notes', '?tag=one');
  expect(stepsOf(records)).toEqual([['Preparing', 'Mounted from first/notes'], ['Preparing', 'Mounted from first/notes']]);
});

it('compresses a layer to the same bytes each time', async () => {
  await subject.output('tag', 'localhost:5000/first/notes:two', 'localhost:5002/elsewhere:two');
  const records = await push('localhost:5002/elsewhere', '?tag=two');
  expect(stepsOf(records)).toEqual([['Preparing', 'Pushed'], ['Preparing', 'Pushed']]);
  expect(digestIn(records)).toBe(digestIn(await push('localhost:5000/first/notes', '?tag=two')));
});

it('sends again what the registry has lost', async () => {
  await other.end();
  other = await RealRegistry.start(subject, { port: 5002 });
  const records = await push('localhost:5002/elsewhere', '?tag=two');
  expect(stepsOf(records)).toEqual([['Preparing', 'Pushed'], ['Preparing', 'Pushed']]);
});

it('pushes all tags, and tells of it in the events', async () => {
  const since = String(Math.floor(Date.now() / 1000));
  const output = await subject.output('push', '--all-tags', 'localhost:5000/first/notes');
  expect(output).toMatch(/^one: digest: sha256:[0-9a-f]{64} size: \d+$/m);
  expect(output).toMatch(/^two: digest: sha256:[0-9a-f]{64} size: \d+$/m);
  await subject.output('push', 'localhost:5000/first/notes:one');
  const until = String(Math.ceil(Date.now() / 1000) + 1);
  const events = (await subject.output('events', '--since', since, '--until', until, '--filter', 'event=push', '--format', '{{.Actor.ID}} {{.Actor.Attributes.name}}')).split('\n');
  expect(events).toContain('localhost:5000/first/notes localhost:5000/first/notes');
  expect(events).toContain('localhost:5000/first/notes:one localhost:5000/first/notes');
});

it('pushes an image without layers', async () => {
  const config = imageConfig([], { rootfs: { type: 'layers', diff_ids: [] } });
  await subject.output('load', { stdin: dockerArchive([{ tags: ['localhost:5000/empty:latest'], layers: [], config }]) });
  expect(stepsOf(await push('localhost:5000/empty', '?tag=latest'))).toEqual([]);
  expect((await skopeo(subject, 'inspect', '--tls-verify=false', '--raw', 'docker://localhost:5000/empty:latest')).code).toBe(0);
});

requires(...needs, 'caisson')('an image of zstd layers is pushed as it is: in the form of OCI', async () => {
  const layers = [base, note('zstd\n')];
  await registry.put(dockerArchive([{ layers, config: imageConfig(layers) }]), 'compressed/zstd:latest', '--format', 'oci', '--dest-compress-format', 'zstd');
  await subject.output('pull', 'localhost:5000/compressed/zstd');
  await subject.output('rmi', '-f', 'localhost:5000/first/notes:one', 'localhost:5000/second/notes:one');
  const records = await push('localhost:5000/compressed/zstd', '?tag=latest');
  expect(stepsOf(records).flat().filter((step) => step === 'Pushed')).toEqual([]);
  const raw = await skopeo(subject, 'inspect', '--tls-verify=false', '--raw', 'docker://localhost:5000/compressed/zstd');
  const manifest = JSON.parse(raw.stdout) as { mediaType: string; layers: { mediaType: string }[] };
  expect(manifest.mediaType).toBe('application/vnd.oci.image.manifest.v1+json');
  expect(manifest.layers.at(-1)?.mediaType).toBe('application/vnd.oci.image.layer.v1.tar+zstd');
});

it('a push that cannot be says why in its stream', async () => {
  const failure = async (name: string, query = '') => (await push(name, query)).at(-1)?.error;
  expect(await failure('localhost:5000/nothing', '?tag=x')).toBe('An image does not exist locally with the tag: localhost:5000/nothing');
  expect(await failure('localhost:5000/first/notes', '?tag=three')).toBe('tag does not exist: localhost:5000/first/notes:three');
  expect(await failure(`localhost:5000/first/notes@sha256:${'a'.repeat(64)}`)).toBe('cannot push a digest reference');
  await subject.output('tag', 'localhost:5000/first/notes:two', 'localhost:5999/x:latest');
  expect(await failure('localhost:5999/x', '?tag=latest')).toBe('Get "http://localhost:5999/v2/": dial tcp 127.0.0.1:5999: connect: connection refused');
});

it('a name that is none is refused at once', async () => {
  const refused = async (path: string) => {
    const answer = await subject.api.request('POST', path);
    return [answer.status, (JSON.parse(answer.body.toString()) as { message: string }).message];
  };
  expect(await refused('/images/localhost:5000/UP/push?tag=x')).toEqual([400, 'invalid reference format: repository name (UP) must be lowercase']);
  expect(await refused('/images/localhost:5000/first/notes/push?tag=a%20b')).toEqual([400, 'invalid tag format']);
  expect(await refused('/images/localhost:5000/first/notes/push?tag=two&platform=%7B%22os%22:%22linux%22,%22architecture%22:%22arm64%22%7D')).toEqual([
    404, 'image with reference localhost:5000/first/notes:two was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)',
  ]);
});

leavesNothingBehind(subject, 'docker-registry', 'skopeo');
