/** Images: import, load, save, tag, inspect, history, remove. */
import { expect } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { busyboxRoot } from '../support/image.ts';
import { busybox } from '../support/paths.ts';
import { tar } from '../support/tar.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it } = useEngine();

const small = (text: string) =>
  tar([
    { type: 'directory', name: 'bin/' },
    { type: 'file', name: 'bin/busybox', data: readFileSync(busybox), mode: 0o755 },
    { type: 'link', name: 'bin/sh', target: 'bin/busybox' },
    { type: 'symlink', name: 'bin/cat', target: 'busybox' },
    { type: 'file', name: 'note', data: text },
  ]);

it('knows busybox', async () => {
  const lines = (await subject.output('images', '--format', '{{.Repository}}:{{.Tag}}')).split('\n');
  expect(lines).toContain('busybox:latest');
  const [image] = JSON.parse(await subject.output('image', 'inspect', 'busybox')) as Record<string, unknown>[];
  expect(image).toMatchObject({ RepoTags: ['busybox:latest'], Os: 'linux', Architecture: 'amd64', Config: { Cmd: ['sh'] }, RootFS: { Type: 'layers' } });
  expect(image?.Id).toMatch(/^sha256:[0-9a-f]{64}$/);
});

it('imports a tar with changes', async () => {
  const id = await subject.output('import', '--change', 'CMD ["/bin/sh","-c","cat /note"]', '--change', 'ENV COLOUR=blue PATH=/bin', '--change', 'LABEL a=b', '-m', 'by hand', '-', 'imported:one', { stdin: small('hello\n') });
  expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await subject.output('run', '--rm', 'imported:one')).toBe('hello');
  const config = JSON.parse(await subject.output('image', 'inspect', '--format', '{{json .}}', 'imported:one')) as { Config: object; Comment: string };
  expect(config).toMatchObject({ Comment: 'by hand', Config: { Env: ['COLOUR=blue', 'PATH=/bin'], Labels: { a: 'b' } } });
});

it('imports a compressed tar', async () => {
  await subject.output('import', '-', 'imported:gzip', { stdin: gzipSync(small('from gzip\n')) });
  expect(await subject.output('run', '--rm', 'imported:gzip', '/bin/cat', '/note')).toBe('from gzip');
});

it('names the image by the digest of its configuration, its layers by those of their tars', async () => {
  const bytes = small('digest\n');
  await subject.output('import', '-', 'imported:digest', { stdin: bytes });
  const layers = JSON.parse(await subject.output('image', 'inspect', '--format', '{{json .RootFS.Layers}}', 'imported:digest')) as string[];
  expect(layers).toEqual([`sha256:${createHash('sha256').update(bytes).digest('hex')}`]);
});

it('saves and loads what it saved', async () => {
  const archive = path.join(subject.engine.scratch, 'saved.tar');
  await subject.output('import', '--change', 'CMD ["/bin/cat","/note"]', '-', 'travels:1', { stdin: small('travelled\n') });
  const before = await subject.output('image', 'inspect', '--format', '{{.Id}}', 'travels:1');
  await subject.output('save', '-o', archive, 'travels:1');
  const entries = execFileSync('tar', ['-tf', archive], { encoding: 'utf8' }).split('\n');
  for (const entry of ['manifest.json', 'index.json', 'oci-layout']) if (entry === 'manifest.json' || !subject.isDockerd) expect(entries).toContain(entry);
  await subject.output('rmi', 'travels:1');
  expect(await subject.output('load', '-i', archive)).toBe('Loaded image: travels:1');
  expect(await subject.output('image', 'inspect', '--format', '{{.Id}}', 'travels:1')).toBe(before);
  expect(await subject.output('run', '--rm', 'travels:1')).toBe('travelled');
});

it('applies layers on top of each other, with whiteouts', async () => {
  const layer = (entries: Parameters<typeof tar>[0]) => {
    const bytes = tar(entries);
    return { bytes, digest: createHash('sha256').update(bytes).digest('hex') };
  };
  const lower = layer([
    { type: 'directory', name: 'bin/' },
    { type: 'file', name: 'bin/busybox', data: readFileSync(busybox), mode: 0o755 },
    { type: 'directory', name: 'gone/' },
    { type: 'file', name: 'gone/file', data: 'x' },
    { type: 'directory', name: 'opaque/' },
    { type: 'file', name: 'opaque/old', data: 'x' },
    { type: 'file', name: 'kept', data: 'below\n' },
    { type: 'file', name: 'deleted', data: 'x' },
  ]);
  const upper = layer([
    { type: 'file', name: '.wh.gone', data: '' },
    { type: 'file', name: '.wh.deleted', data: '' },
    { type: 'directory', name: 'opaque/' },
    { type: 'file', name: 'opaque/.wh..wh..opq', data: '' },
    { type: 'file', name: 'opaque/new', data: 'x' },
  ]);
  const config = JSON.stringify({ architecture: 'amd64', os: 'linux', config: { Cmd: ['/bin/busybox', 'find', '/', '-xdev', '-type', 'f'] }, rootfs: { type: 'layers', diff_ids: [lower, upper].map(({ digest }) => `sha256:${digest}`) } });
  const configName = `${createHash('sha256').update(config).digest('hex')}.json`;
  const archive = tar([
    { type: 'file', name: 'manifest.json', data: JSON.stringify([{ Config: configName, RepoTags: ['two:layers'], Layers: ['lower.tar', 'upper.tar'] }]) },
    { type: 'file', name: configName, data: config },
    { type: 'file', name: 'lower.tar', data: lower.bytes },
    { type: 'file', name: 'upper.tar', data: upper.bytes },
  ]);
  expect(await subject.output('load', { stdin: archive })).toBe('Loaded image: two:layers');
  const files = (await subject.output('run', '--rm', 'two:layers')).split('\n').filter((file) => !file.startsWith('/etc/') && file !== '/.dockerenv');
  expect(files.toSorted()).toEqual(['/bin/busybox', '/kept', '/opaque/new']);
});

it('tags and untags', async () => {
  await subject.output('tag', 'busybox', 'other/name:v1');
  expect(await subject.output('run', '--rm', 'other/name:v1', 'echo', 'tagged')).toBe('tagged');
  expect(await subject.output('rmi', 'other/name:v1')).toBe('Untagged: other/name:v1');
  expect((await subject.docker('image', 'inspect', 'other/name:v1')).code).toBe(1);
  expect((await subject.docker('image', 'inspect', 'busybox')).code).toBe(0);
});

it('removes an image and its layers with the last tag', async () => {
  await subject.output('import', '-', 'shortlived:1', { stdin: small('short\n') });
  const lines = (await subject.output('rmi', 'shortlived:1')).split('\n');
  expect(lines[0]).toBe('Untagged: shortlived:1');
  expect(lines.slice(1).every((line) => line.startsWith('Deleted: sha256:'))).toBe(true);
  expect(lines.length).toBeGreaterThan(1);
});

it('does not remove what a container uses, unless forced', async () => {
  await subject.output('import', '-', 'used:1', { stdin: small('used\n') });
  const id = await subject.output('create', 'used:1', '/bin/sh');
  const refused = await subject.docker('rmi', 'used:1');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(`conflict: unable to remove repository reference "used:1" (must force) - container ${id.slice(0, 12)} is using its referenced image`);
  await subject.output('rm', id);
  await subject.output('rmi', 'used:1');
});

it('says so when there is no such image', async () => {
  expect((await subject.docker('rmi', 'stranger')).stderr).toContain('No such image: stranger:latest');
  expect((await subject.docker('tag', 'stranger', 'x')).stderr).toContain('No such image: stranger:latest');
  expect((await subject.docker('history', 'stranger')).stderr).toContain('No such image: stranger:latest');
});

it('finds an image by id, prefix and canonical name', async () => {
  const id = await subject.output('image', 'inspect', '--format', '{{.Id}}', 'busybox');
  for (const ref of [id, id.slice(7), id.slice(7, 19), 'busybox:latest', 'docker.io/library/busybox', 'library/busybox']) {
    expect(await subject.output('image', 'inspect', '--format', '{{.Id}}', ref)).toBe(id);
  }
});

it('shows the history', async () => {
  await subject.output('import', '-m', 'how it came', '-', 'historic:1', { stdin: small('history\n') });
  expect(await subject.output('history', '--format', '{{.Comment}}', 'historic:1')).toBe('how it came');
});

it('filters the list', async () => {
  await subject.output('import', '--change', 'LABEL kind=listed', '-', 'listed:1', { stdin: small('list\n') });
  const list = (...flags: string[]) => subject.output('images', '--format', '{{.Repository}}:{{.Tag}}', ...flags);
  expect(await list('--filter', 'label=kind=listed')).toBe('listed:1');
  expect(await list('--filter', 'reference=listed*')).toBe('listed:1');
  expect(await list('listed')).toBe('listed:1');
  await subject.output('rmi', 'listed:1');
});

it('refuses an archive that is none', async () => {
  const file = path.join(subject.engine.scratch, 'noise');
  writeFileSync(file, busyboxRoot());
  const result = await subject.docker('load', '-i', file);
  expect(result.code).toBe(1);
  expect(await subject.output('run', '--rm', 'busybox', 'echo', 'alive')).toBe('alive');
});

it('imports what a URL names', async () => {
  const script = 'mkdir /srv && cd /srv && echo imported >file && tar cf root.tar file && echo no tar >bad.tar && httpd -f -p 127.0.0.1:8120 -h /srv';
  await subject.output('run', '-d', '--name', 'files', '--network', 'host', 'busybox', 'sh', '-c', script);
  await subject.output('exec', 'files', 'sh', '-c', 'until wget -qO /dev/null http://127.0.0.1:8120/file; do sleep 0.05; done');
  const create = async (source: string, repo = '') => {
    const { status, body } = await subject.api.request('POST', `/images/create?fromSrc=${source}&repo=${repo}`);
    return { status, records: body.toString().trim().split('\r\n').map((line) => JSON.parse(line) as Record<string, unknown>) };
  };
  const { status, records } = await create('127.0.0.1:8120/root.tar', 'from-url');
  expect(status).toBe(200);
  expect(records[0]).toEqual({ status: 'Downloading from http://127.0.0.1:8120/root.tar' });
  expect(records.slice(1, -1).every((record) => record['status'] === 'Importing')).toBe(true);
  expect(records.at(-1)?.['status']).toBe(await subject.output('image', 'inspect', '-f', '{{.Id}}', 'from-url'));
  expect(await subject.output('image', 'inspect', '-f', '{{.Comment}}', 'from-url')).toBe('Imported from 127.0.0.1:8120/root.tar');
  const missing = await create('http://127.0.0.1:8120/none');
  expect([missing.status, String(missing.records[0]?.['message'])]).toEqual([404, expect.stringContaining('failed to GET http://127.0.0.1:8120/none with status 404 Not Found: ')]);
  const refused = await create('http://127.0.0.1:9/x');
  expect([refused.status, refused.records]).toEqual([500, [{ message: 'Get "http://127.0.0.1:9/x": dial tcp 127.0.0.1:9: connect: connection refused' }]]);
  expect((await create('http://127.0.0.1:8120/bad.tar')).records.at(-1)).toHaveProperty('error');
});

leavesNothingBehind(subject);
