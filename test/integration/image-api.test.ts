/** Images through the API: the exact answers, names, filters, conflicts and events. */
import { expect } from 'bun:test';
import { Client } from '../support/http.ts';
import { dockerArchive, baseLayer, imageConfig, sha256 } from '../support/archives.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar } from '../support/tar.ts';

const { subject, it } = useEngine();

const base = baseLayer();
const data = tar([{ type: 'directory', name: 'data/' }, { type: 'file', name: 'data/a', data: 'aaaa' }, { type: 'file', name: 'data/b', data: 'bb' }]);
const top = tar([{ type: 'file', name: 'data/c', data: 'ccccc' }, { type: 'file', name: 'data/.wh.a', data: '' }]);
const plainConfig = imageConfig([base, data, top]);
const bareConfig = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(base)}`] } }));
const richConfig = imageConfig([base, data], {
  author: 'somebody', docker_version: '24.0.1', variant: 'v1', container: 'abc',
  config: { Env: ['A=b'], Cmd: ['sh', '-c', 'x'], Entrypoint: [], Labels: { kind: 'rich' }, ExposedPorts: { '80/tcp': {} }, WorkingDir: '/w', Hostname: 'h' },
  history: [
    { created: '2023-01-02T03:04:00Z', created_by: 'step 0', comment: 'first' },
    { created: '2023-01-02T03:04:01Z', created_by: 'ENV A=b', empty_layer: true },
    { created: '2023-01-02T03:04:02Z', created_by: 'step 2', comment: 'last' },
  ],
});
const idOf = (config: Buffer) => `sha256:${sha256(config)}`;
const [plain, rich, bare] = [plainConfig, richConfig, bareConfig].map(idOf) as [string, string, string];
const archive = dockerArchive([
  { tags: ['rich:1', 'rich:2', 'r.example:5000/x/rich:1'], layers: [base, data], config: richConfig },
  { tags: ['plain:latest'], layers: [base, data, top], config: plainConfig },
  { layers: [base], config: bareConfig },
]);

type Json = Record<string, unknown>;
const api = <T = Json>(target: string) => subject.api.json<T>('GET', target);

async function refusal(method: string, target: string, body?: unknown): Promise<[number, string]> {
  const answer = await subject.api.request(method, target, body);
  return [answer.status, (JSON.parse(answer.body.toString() || '{}') as { message?: string }).message ?? ''];
}

async function load(bytes: Buffer = archive, query = ''): Promise<string[]> {
  const { body } = await subject.api.request('POST', `/images/load${query}`, bytes);
  return body.toString().split('\r\n').slice(0, -1);
}

/** Image events that `action` causes: action, and the name it tells. */
async function eventsOf(action: () => Promise<unknown>): Promise<string[]> {
  const now = () => ((performance.timeOrigin + performance.now()) / 1000).toFixed(6);
  const since = now();
  await action();
  const query = `since=${since}&until=${now()}&filters=${encodeURIComponent('{"type":["image"]}')}`;
  const lines = (await new Client(subject.engine.socket).request('GET', `/events?${query}`)).body.toString().trim().split('\n').filter(Boolean);
  return lines.map((line) => {
    const { Action, Actor } = JSON.parse(line) as { Action: string; Actor: { ID: string; Attributes: Json } };
    return `${Action} ${Actor.ID === '' ? JSON.stringify(Actor.Attributes) : String(Actor.Attributes['name'])}`;
  });
}

async function freshImages(): Promise<void> {
  for (const { Id } of await api<{ Id: string; RepoTags: string[] }[]>('/images/json?all=1')) {
    await subject.api.request('DELETE', `/images/${Id}?force=1`);
  }
  await load();
}

it('tells what it loads, and as an event', async () => {
  await freshImages();
  const told = await eventsOf(async () => expect(await load()).toEqual([
    '{"stream":"Loaded image: rich:1\\n"}', '{"stream":"Loaded image: rich:2\\n"}', '{"stream":"Loaded image: r.example:5000/x/rich:1\\n"}',
    '{"stream":"Loaded image: plain:latest\\n"}',
    `{"stream":"Loaded image ID: ${rich}\\nLoaded image ID: ${plain}\\nLoaded image ID: ${bare}\\n"}`,
  ]));
  expect(told).toEqual([`load ${rich}`, `load ${plain}`, `load ${bare}`]);
});

it('shows how far a layer is', async () => {
  const layer = tar([{ type: 'file', name: 'fresh', data: 'x'.repeat(1500) }]);
  const records = await load(dockerArchive([{ tags: ['fresh:1'], layers: [layer] }]), '?quiet=0');
  const progress = { status: 'Loading layer', id: sha256(layer).slice(0, 12), progress: `[${'='.repeat(50)}>]  3.072kB/3.072kB` };
  expect(JSON.parse(records.at(-2) as string)).toEqual({ ...progress, progressDetail: { current: layer.length, total: layer.length } });
  expect(records.at(-1)).toBe('{"stream":"Loaded image: fresh:1\\n"}');
  await subject.output('rmi', 'fresh:1');
});

it('inspects an image field by field', async () => {
  const { GraphDriver, ...inspect } = await api('/images/rich:1/json');
  expect(inspect).toEqual({
    Id: rich, RepoTags: ['rich:1', 'rich:2', 'r.example:5000/x/rich:1'], RepoDigests: [], Parent: '', Comment: 'last',
    Created: '2023-01-02T03:04:05.678Z', DockerVersion: '24.0.1', Author: 'somebody', Architecture: 'amd64', Variant: 'v1', Os: 'linux',
    Size: expect.any(Number), RootFS: { Type: 'layers', Layers: [base, data].map((layer) => `sha256:${sha256(layer)}`) },
    Metadata: { LastTagTime: '0001-01-01T00:00:00Z' },
    Config: {
      Cmd: ['sh', '-c', 'x'], Entrypoint: null, Env: ['A=b'], ExposedPorts: { '80/tcp': {} }, Labels: { kind: 'rich' }, OnBuild: null, User: '',
      Volumes: null, WorkingDir: '/w',
    },
  });
  expect(Object.keys((GraphDriver as { Data: object }).Data).toSorted()).toEqual(['LowerDir', 'MergedDir', 'UpperDir', 'WorkDir']);
  expect(await api(`/images/${bare}/json`)).not.toHaveProperty('Created');
});

it('shows old clients what they know', async () => {
  const at = (version: string) => api(`/v${version}/images/rich:1/json`);
  expect(await at('1.49')).toMatchObject({ Config: { Hostname: '', Tty: false, Image: '' } });
  expect(Object.keys(await at('1.45'))).not.toContain('Container');
  expect(await at('1.44')).toMatchObject({ Container: 'abc', ContainerConfig: { Hostname: '', Cmd: null } });
  expect(Object.keys(await at('1.44'))).not.toContain('VirtualSize');
  expect((await at('1.43'))['VirtualSize']).toBe((await at('1.43'))['Size']);
  expect((await api(`/v1.43/images/${bare}/json`))['Created']).toBe('0001-01-01T00:00:00Z');
  const list = async (version: string) => (await api<Json[]>(`/v${version}/images/json`)).find(({ Id }) => Id === bare);
  expect(await list('1.42')).toMatchObject({ RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'], Containers: -1 });
  expect(await list('1.50')).toMatchObject({ RepoTags: [], RepoDigests: [], Containers: -1, SharedSize: -1, Labels: null, Created: 0 });
  expect(await list('1.51')).toMatchObject({ Containers: 0 });
});

it('answers for one platform when asked', async () => {
  const platform = (text: string) => `platform=${encodeURIComponent(text)}`;
  expect((await api(`/images/plain/json?${platform('{"os":"linux","architecture":"amd64"}')}`))['Id']).toBe(plain);
  const missing = 'image with reference plain was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)';
  for (const what of ['json', 'history']) {
    expect(await refusal('GET', `/images/plain/${what}?${platform('{"os":"linux","architecture":"arm64"}')}`)).toEqual([404, missing]);
  }
  expect(await refusal('GET', `/images/plain/json?${platform('xyz')}`)).toEqual(
    [400, "failed to parse platform: invalid character 'x' looking for beginning of value"]);
  expect(await refusal('GET', `/images/plain/json?manifests=1&${platform('{"os":"linux","architecture":"amd64"}')}`)).toEqual(
    [400, 'conflicting options: manifests and platform options cannot both be set']);
});

it('shows the history, with sizes where a layer was made', async () => {
  const history = await api<Json[]>('/images/rich:1/history');
  expect(history).toEqual([
    { Comment: 'last', Created: 1672628642, CreatedBy: 'step 2', Id: rich, Size: 6, Tags: ['rich:1', 'rich:2', 'r.example:5000/x/rich:1'] },
    { Comment: '', Created: 1672628641, CreatedBy: 'ENV A=b', Id: '<missing>', Size: 0, Tags: null },
    { Comment: 'first', Created: 1672628640, CreatedBy: 'step 0', Id: '<missing>', Size: expect.any(Number), Tags: null },
  ]);
});

it('filters', async () => {
  const filtered = async (filters: object, more = '') => (await api<{ Id: string; RepoTags: string[] }[]>(
    `/images/json?filters=${encodeURIComponent(JSON.stringify(filters))}${more}`));
  const ids = async (filters: object) => (await filtered(filters)).map(({ Id }) => Id).toSorted();
  expect(await ids({ dangling: ['true'] })).toEqual([bare]);
  expect(await ids({ dangling: ['0'] })).toEqual([plain, rich].toSorted());
  expect(await ids({ label: ['kind=rich'] })).toEqual([rich]);
  expect(await ids({ label: ['kind=poor'] })).toEqual([]);
  expect((await filtered({ reference: ['rich'] }))[0]?.RepoTags).toEqual(['rich:1', 'rich:2']);
  expect((await filtered({ reference: ['*:1', 'r.example:5000/*/rich'] }))[0]?.RepoTags).toEqual(['rich:1', 'r.example:5000/x/rich:1']);
  expect(await ids({ before: ['rich:1'] })).toEqual([]);
  expect(await ids({ until: ['2023-01-01'] })).toEqual([]);
  expect(await ids({ until: ['10m'] })).toEqual([plain, rich].toSorted());
  expect(await ids({ since: ['rich:1'] })).toEqual([]);
  for (const [filters, message] of [
    [{ dangling: ['x'] }, "invalid filter 'dangling=[x]'"],
    [{ dangling: ['true', 'false'] }, "invalid filter 'dangling=[true false]'"],
    [{ before: ['nope'] }, 'No such image: nope:latest'],
    [{ until: ['x'] }, 'failed to parse value as time or duration: "x"'],
    [{ reference: ['['] }, 'syntax error in pattern'],
    [{ nope: ['x'] }, "invalid filter 'nope'"],
  ] as const) expect((await refusal('GET', `/images/json?filters=${encodeURIComponent(JSON.stringify(filters))}`))[1]).toBe(message);
});

it('counts what images share', async () => {
  const list = await api<{ Id: string; Size: number; SharedSize: number }[]>('/images/json?shared-size=1');
  const [sharedPlain, sharedRich, sharedBare] = [plain, rich, bare].map((id) => list.find(({ Id }) => Id === id));
  expect(sharedRich?.SharedSize).toBe(sharedRich?.Size as number);
  expect((sharedPlain?.Size ?? 0) - (sharedPlain?.SharedSize ?? 0)).toBe(5);
  expect(sharedBare?.SharedSize).toBe(sharedBare?.Size as number);
  const usage = await api<{ LayersSize: number; Images: Json[]; Containers: null; Volumes: null; BuildCache: null }>('/system/df?type=image');
  expect(usage).toMatchObject({ LayersSize: sharedPlain?.Size, Containers: null, Volumes: null, BuildCache: null });
  expect(usage.Images.map(({ Id }) => Id as string).toSorted()).toEqual([plain, rich, bare].toSorted());
  expect(await refusal('GET', '/system/df?type=x')).toEqual([400, 'unknown object type: x']);
});

it('tags, and refuses names that are none', async () => {
  const tag = (name: string, repo: string, text?: string) =>
    refusal('POST', `/images/${encodeURIComponent(name)}/tag?repo=${encodeURIComponent(repo)}${text === undefined ? '' : `&tag=${encodeURIComponent(text)}`}`);
  expect(await eventsOf(async () => {
    for (const [repo, text] of [['docker.io/library/q', 'z'], ['x'], ['x:y'], ['x:y', 'z']] as const) expect(await tag('plain', repo, text)).toEqual([201, '']);
  })).toEqual(['tag q:z', 'tag x:latest', 'tag x:y', 'tag x:z']);
  const inspect = await api<{ RepoTags: string[]; Metadata: { LastTagTime: string } }>('/images/plain/json');
  expect(inspect.RepoTags).toEqual(['plain:latest', 'q:z', 'x:latest', 'x:y', 'x:z']);
  expect(Date.now() - Date.parse(inspect.Metadata.LastTagTime)).toBeLessThan(60_000);
  expect(await tag('nope', 'x')).toEqual([404, 'No such image: nope:latest']);
  expect(await tag('plain', 'X')).toEqual([400, 'invalid reference format: repository name (library/X) must be lowercase']);
  expect(await tag('plain', 'x', '-')).toEqual([400, 'invalid tag format']);
  expect(await tag('plain', `x@sha256:${'0'.repeat(64)}`)).toEqual([400, 'cannot import digest reference']);
  expect(await tag('plain', 'sha256', 'x')).toEqual([400, 'refusing to create an ambiguous tag using digest algorithm as name']);
  expect(await tag('plain', '0'.repeat(64))).toEqual([400, `invalid repository name (${'0'.repeat(64)}), cannot specify 64-byte hexadecimal strings`]);
  expect(await tag('plain', '')).toEqual([200, '']);
  expect(await tag('rich:1', 'x')).toEqual([201, '']);
  expect((await api('/images/x/json'))['Id']).toBe(rich);
});

it('removes by name and by id, in Docker’s order, with its conflicts', async () => {
  await freshImages();
  const remove = async (name: string, query = '') => {
    const { status, body } = await subject.api.request('DELETE', `/images/${name}${query}`);
    return status === 200 ? (JSON.parse(body.toString()) as Json[]) : [status, (JSON.parse(body.toString()) as { message: string }).message];
  };
  const short = rich.slice(7, 19);
  const several = `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`;
  expect(await remove(rich)).toEqual([409, several]);
  expect(await remove(short)).toEqual([409, several]);
  expect(await remove('nope:1')).toEqual([404, 'No such image: nope:1']);
  expect(await remove('%20')).toEqual([400, 'image name cannot be blank']);
  const { Id } = await subject.api.json<{ Id: string }>('POST', '/containers/create', { Image: 'rich:1', Entrypoint: ['sleep'], Cmd: ['1000'], Env: ['PATH=/bin'], WorkingDir: '/' });
  expect(await eventsOf(async () => expect(await remove('rich:2')).toEqual([{ Untagged: 'rich:2' }]))).toEqual([`untag ${rich}`]);
  expect(await remove('r.example:5000/x/rich:1')).toEqual([{ Untagged: 'r.example:5000/x/rich:1' }]);
  const user = Id.slice(0, 12);
  expect(await remove('rich:1')).toEqual(
    [409, `conflict: unable to remove repository reference "rich:1" (must force) - container ${user} is using its referenced image ${short}`]);
  expect(await remove(short)).toEqual([409, `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container ${user}`]);
  await subject.output('start', Id);
  expect(await remove(rich, '?force=1')).toEqual([409, `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container ${user}`]);
  expect(await remove('rich:1', '?force=1')).toEqual([{ Untagged: 'rich:1' }]);
  await subject.output('kill', Id);
  await subject.output('wait', Id);
  expect(await eventsOf(async () => expect(await remove(rich, '?force=1')).toEqual([{ Deleted: rich }]))).toEqual([`delete ${rich}`]);
  // Its layers are the container's still.
  expect((await subject.docker('start', Id)).code).toBe(0);
  await subject.output('rm', '-f', Id);
  const chain = (parent: string, layer: Buffer) => `sha256:${sha256(`${parent} sha256:${sha256(layer)}`)}`;
  const lowest = `sha256:${sha256(base)}`;
  const middle = chain(lowest, data);
  expect(await eventsOf(async () => expect(await remove('plain')).toEqual(
    [{ Untagged: 'plain:latest' }, { Deleted: plain }, { Deleted: chain(middle, top) }, { Deleted: middle }]))).toEqual([`untag ${plain}`, `delete ${plain}`]);
  expect(await remove(bare.slice(7, 14))).toEqual([{ Deleted: bare }, { Deleted: lowest }]);
});

it('prunes what has no name, or all that is not used', async () => {
  await freshImages();
  const prune = (filters?: object) => subject.api.json<{ ImagesDeleted: Json[] | null; SpaceReclaimed: number }>(
    'POST', `/images/prune${filters === undefined ? '' : `?filters=${encodeURIComponent(JSON.stringify(filters))}`}`);
  expect(await eventsOf(async () => expect(await prune()).toEqual({ ImagesDeleted: [{ Deleted: bare }], SpaceReclaimed: 0 })))
    .toEqual([`delete ${bare}`, 'prune {"reclaimed":"0"}']);
  expect(await prune({ dangling: ['false'], label: ['kind=other'] })).toEqual({ ImagesDeleted: null, SpaceReclaimed: 0 });
  expect(await prune({ dangling: ['false'], until: ['2020-01-01'] })).toEqual({ ImagesDeleted: null, SpaceReclaimed: 0 });
  expect((await prune({ dangling: ['false'], 'label!': ['kind=rich'] })).SpaceReclaimed).toBe(5);
  const { Size } = await api<{ Size: number }>('/images/rich:1/json');
  const last = await prune({ dangling: ['false'] });
  expect(last.SpaceReclaimed).toBe(Size);
  expect(last.ImagesDeleted?.slice(0, 4)).toEqual(
    [{ Untagged: 'rich:1' }, { Untagged: 'rich:2' }, { Untagged: 'r.example:5000/x/rich:1' }, { Deleted: rich }]);
  expect(await refusal('POST', '/images/prune?filters=x')).toEqual([400, 'invalid filter']);
  expect(await refusal('POST', `/images/prune?filters=${encodeURIComponent('{"dangling":["x"]}')}`)).toEqual([400, "invalid filter 'dangling=[x]'"]);
});

it('imports with the platform and the changes asked for', async () => {
  const create = (query: Record<string, string>) => subject.api.request('POST', `/images/create?${new URLSearchParams({ fromSrc: '-', repo: 'imp', ...query })}`, data);
  expect(await eventsOf(async () => expect((await create({ tag: '1', message: 'm' })).status).toBe(200))).toEqual(
    ['tag imp:1', expect.stringMatching(/^import sha256:/) as unknown as string]);
  expect(await api('/images/imp:1/json')).toMatchObject({ Comment: 'm', Architecture: 'amd64', Config: { Cmd: null } });
  for (const [platform, architecture, variant] of [['linux/arm64/v8', 'arm64', 'v8'], ['x86_64', 'amd64', undefined], ['linux/arm/v7', 'arm', 'v7']] as const) {
    expect((await create({ platform })).status).toBe(200);
    const { Architecture, Variant } = await api('/images/imp/json');
    expect([Architecture, Variant]).toEqual([architecture, variant]);
  }
  for (const [query, message] of [
    [{ platform: 'windows/amd64' }, 'operating system is not supported'],
    [{ platform: 'a/b/c/d' }, '"a/b/c/d": cannot parse platform specifier: invalid argument'],
    [{ changes: 'EXPOSE x' }, 'Invalid containerPort: x'],
    [{ changes: 'LABEL x' }, 'LABEL must have two arguments'],
    [{ repo: 'Imp' }, 'invalid reference format: repository name (library/Imp) must be lowercase'],
  ] as const) {
    const answer = await create(query);
    expect([answer.status, answer.body.toString()]).toEqual([400, `${JSON.stringify({ message })}\n`]);
  }
});

it('keeps parents that an archive names', async () => {
  await freshImages();
  const child = imageConfig([base, data], { comment: 'child' });
  const parent = imageConfig([base]);
  await load(dockerArchive([{ tags: ['kin:parent'], layers: [base], config: parent }, { tags: ['kin:child'], layers: [base, data], config: child, parent: idOf(parent) }]));
  expect((await api('/images/kin:child/json'))['Parent']).toBe(idOf(parent));
  expect((await refusal('DELETE', `/images/${idOf(parent)}?force=1`))[1]).toContain('(cannot be forced) - image has dependent child images');
  const saved = (await subject.api.request('GET', '/images/get?names=kin')).body;
  await subject.output('rmi', 'kin:child', 'kin:parent');
  await load(saved);
  expect((await api('/images/kin:child/json'))['Parent']).toBe(idOf(parent));
});

it('knows no other routes, and only the versions it speaks', async () => {
  expect(await refusal('GET', '/nothing/here')).toEqual([404, 'page not found']);
  expect(await refusal('GET', '/v1.51/nothing')).toEqual([404, 'page not found']);
  const old = await subject.api.request('GET', '/v1.23/images/json');
  expect([old.status, old.headers['content-type'], old.body.toString()]).toEqual([400, 'text/plain; charset=utf-8',
    'client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version\n']);
  expect((await refusal('GET', '/v1.99/images/json'))[1]).toBe('client version 1.99 is too new. Maximum supported API version is 1.51');
});

leavesNothingBehind(subject);
