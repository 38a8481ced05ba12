import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { type Digest, sha256 } from '../storage/digest.ts';
import {
  collect,
  createTestRoot,
  drain,
  failureClassOf,
  failureOf,
  isRoot,
  streamOf,
  tarOf,
} from '../storage/testing.ts';
import { TarReader } from '../storage/tar/reader.ts';
import { appletsOf } from './busybox-root.ts';
import { createImageService } from './image-service.ts';
import { seedBusybox } from './seed.ts';
import type { ImageService } from './service.ts';
import {
  blobName,
  configOf,
  descriptor,
  dockerArchive,
  json,
  layerA,
  layerB,
  layout,
  ociImage,
  types,
} from './testing.ts';

const busybox = readFileSync(join(import.meta.dir, '../../node_modules/busybox-static/bin/busybox'));
const root = createTestRoot();
const { storage, dataRoot } = root;
let rootsInUse: Digest[] = [];
const open = (database = root.database, driver = storage) =>
  createImageService({ dataRoot, database, storage: driver, layersInUse: () => rootsInUse });
let images: ImageService;
beforeAll(() => {
  images = open();
});
afterAll(() => root.remove());

const layerDirs = () => readdirSync(`${dataRoot}/layers`).sort();
const nobody = () => [];

async function load(tar: Uint8Array): Promise<string> {
  let text = '';
  for await (const record of images.load(streamOf(tar), { quiet: true })) text += String(record.stream);
  return text;
}

describe.skipIf(!isRoot)('images (need root)', () => {
  test('the seeded image is like the public busybox, and has the same id everywhere', async () => {
    await seedBusybox(images, busybox);
    const image = images.get('busybox');
    expect(image.repoTags).toEqual(['busybox:latest']);
    expect(image.config.config).toEqual({
      Cmd: ['sh'],
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    });
    if (process.arch === 'x64')
      expect(image.id).toBe('sha256:095fbc4943b4b0422ccc3e75ae7d0c69496d51618637955a89a1daf9820568b0');
    expect(await failureOf(seedBusybox(images, Buffer.concat([busybox, Buffer.from([0])])))).toContain(
      'reinstall it, or load an image',
    );
  });

  test('an image is found by name, id and unique prefix, and not otherwise', () => {
    const { id } = images.get('busybox:latest');
    for (const name of [
      'busybox',
      'docker.io/library/busybox:latest',
      id,
      id.slice(7),
      id.slice(7, 19),
      id.slice(0, 12),
    ])
      expect(images.get(name).id).toBe(id);
    for (const [name, shown] of [
      ['nope', 'nope:latest'],
      ['busybox:1', 'busybox:1'],
      ['0'.repeat(64), `sha256:${'0'.repeat(64)}`],
      ['sha256:12', 'sha256:12'],
    ] as const) {
      expect(() => images.get(name)).toThrow(`No such image: ${shown}`);
    }
    expect(() => images.get('Bad')).toThrow('must be lowercase');
  });

  test('an old docker-archive, plain and compressed, with layers that are symlinks', async () => {
    const config = configOf([layerA, layerA]);
    const archive = tarOf(
      { name: 'one/layer.tar', content: layerA },
      { name: 'two/layer.tar', type: 'symlink', linkName: '../one/layer.tar' },
      { name: 'c.json', content: config },
      {
        name: 'manifest.json',
        content: JSON.stringify([
          { Config: 'c.json', RepoTags: ['twice:1', 'user/twice:2'], Layers: ['one/layer.tar', 'two/layer.tar'] },
        ]),
      },
    );
    for (const tar of [archive, zlib.gzipSync(archive), zlib.zstdCompressSync(archive)]) {
      expect(await load(tar)).toBe('Loaded image: twice:1\nLoaded image: user/twice:2\n');
    }
    expect(images.get('twice:1').repoTags).toEqual(['twice:1', 'user/twice:2']);
    expect(images.get('twice:1').id).toBe(sha256(config));
    expect(await load(dockerArchive(null, [layerB]))).toBe(`Loaded image ID: ${sha256(configOf([layerB]))}\n`);
    expect(readdirSync(`${dataRoot}/tmp`)).toEqual([]);
  });

  test('a tag that moves is said to, and the old image loses it', async () => {
    const first = images.get('twice:1').id;
    expect(await load(dockerArchive(['twice:1'], [layerB]))).toBe(
      `The image twice:1 already exists, renaming the old one with ID ${first} to empty string\nLoaded image: twice:1\n`,
    );
    expect(images.get(first).repoTags).toEqual(['user/twice:2']);
  });

  test('an OCI layout: names, nested indexes, platforms, gzip and zstd layers', async () => {
    const image = ociImage(
      [
        { plain: layerA, stored: zlib.gzipSync(layerA), mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' },
        {
          plain: layerB,
          stored: zlib.zstdCompressSync(layerB),
          mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd',
        },
      ],
      configOf([layerA, layerB], { comment: 'oci' }),
    );
    const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
    const nested = json({
      schemaVersion: 2,
      mediaType: types.index,
      manifests: [
        {
          mediaType: types.manifest,
          digest: `sha256:${'1'.repeat(64)}`,
          size: 5,
          platform: { os: 'linux', architecture: 's390x' },
        },
        descriptor(image.manifest, types.manifest, { platform: { os: 'linux', architecture } }),
        {
          mediaType: types.manifest,
          digest: `sha256:${'2'.repeat(64)}`,
          size: 5,
          annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
          platform: { os: 'unknown', architecture: 'unknown' },
        },
      ],
    });
    const files = [...image.files, { name: blobName(nested), content: nested }];
    const named = (name: object) => [descriptor(nested, types.index, { annotations: name })];
    expect(
      await load(
        layout(
          files,
          named({ 'io.containerd.image.name': 'docker.io/library/oci:1', 'org.opencontainers.image.ref.name': '1' }),
        ),
      ),
    ).toBe('Loaded image: oci:1\n');
    expect(await load(layout(files, named({ 'org.opencontainers.image.ref.name': 'localhost/oci:2' })))).toBe(
      'Loaded image: localhost/oci:2\n',
    );
    expect(
      await load(
        layout(image.files, [
          descriptor(image.manifest, types.manifest, {
            annotations: { 'org.opencontainers.image.ref.name': 'latest' },
          }),
        ]),
      ),
    ).toStartWith('Loaded image ID: sha256:');
    expect(images.get('oci:1').config.comment).toBe('oci');
    expect(images.get('oci:1').config.rootfs.diff_ids).toEqual([sha256(layerA), sha256(layerB)]);
  });

  test('what is saved loads again with the same ids, and says what Docker’s archives say', async () => {
    images.tag('busybox', 'copy/of', 'v1');
    const saved = await collect(images.save(['busybox:latest', 'copy/of', 'oci:1', images.get('twice:1').id]));
    expect(
      (await collect(images.save(['busybox:latest', 'copy/of', 'oci:1', images.get('twice:1').id]))).equals(
        saved,
      ),
    ).toBe(true);
    const files = new Map<string, Buffer>();
    const reader = new TarReader();
    reader.feed(saved);
    let name = '';
    for (let event = reader.next(); event; event = reader.next()) {
      if (event.type === 'entry') name = event.entry.name;
      else if (event.type === 'data') files.set(name, Buffer.from(event.chunk));
    }
    reader.finish();
    for (const [path, content] of files) if (path.startsWith('blobs/')) expect(path).toBe(blobName(content));
    const manifest = JSON.parse(files.get('manifest.json')!.toString());
    expect(manifest.map((item: { RepoTags: unknown }) => item.RepoTags)).toEqual([
      ['busybox:latest', 'copy/of:v1'],
      ['oci:1'],
      null,
    ]);
    expect(JSON.parse(files.get('repositories')!.toString())['copy/of']).toEqual({
      v1: images.get('busybox').config.rootfs.diff_ids[0]!.slice(7),
    });
    const other = createTestRoot();
    try {
      const loaded = createImageService({
        dataRoot: other.dataRoot,
        database: other.database,
        storage: other.storage,
        layersInUse: nobody,
      });
      await drain(loaded.load(streamOf(saved)));
      for (const tag of ['busybox', 'copy/of:v1', 'oci:1']) expect(loaded.get(tag).id).toBe(images.get(tag).id);
      // The same archive without manifest.json is read as an OCI layout.
      const oci = tarOf(
        ...[...files].filter(([path]) => path !== 'manifest.json').map(([path, content]) => ({ name: path, content })),
      );
      for (const tag of ['busybox', 'copy/of:v1', 'oci:1'])
        await loaded.remove(tag, { force: true, prune: true }, nobody);
      await drain(loaded.load(streamOf(oci)));
      for (const tag of ['busybox', 'copy/of:v1', 'oci:1']) expect(loaded.get(tag).id).toBe(images.get(tag).id);
    } finally {
      await other.remove();
    }
    expect(() => images.save(['nope'])).toThrow('No such image: nope');
    expect(() => images.save(['nope:1'])).toThrow('reference does not exist');
  });

  test('import: configuration, name, and what is refused', async () => {
    const options = {
      repo: 'imported',
      tag: 'v1',
      message: 'from a test',
      changes: ['CMD ["a"]', 'ENV A=b'],
      platform: '',
    };
    const id = await images.import(streamOf(zlib.gzipSync(layerA)), options);
    const image = images.get('imported:v1');
    expect(image.id).toBe(id);
    expect(image.config).toMatchObject({
      os: 'linux',
      comment: 'from a test',
      config: { Cmd: ['a'], Env: ['A=b'] },
      rootfs: { type: 'layers', diff_ids: [sha256(layerA)] },
    });
    expect((await images.import(streamOf(layerA), { ...options, repo: '', platform: 'linux/arm64/v8' })).length).toBe(
      71,
    );
    const before = layerDirs();
    for (const [more, message] of [
      [{ repo: 'Bad' }, 'must be lowercase'],
      [{ tag: 'a b' }, 'invalid tag format'],
      [{ changes: ['RUN x'] }, 'RUN is not a valid change command'],
      [{ platform: 'windows/amd64' }, 'operating system is not supported'],
      [{ repo: `x@sha256:${'a'.repeat(64)}`, tag: '' }, 'cannot import digest reference'],
    ] as const)
      expect(
        await failureOf(images.import(streamOf(tarOf({ name: 'z', content: 'z' })), { ...options, ...more })),
      ).toContain(message);
    expect(layerDirs()).toEqual(before);
  });

  test('tags are checked', () => {
    expect(() => images.tag('nope', 'a', 'b')).toThrow('No such image');
    expect(() => images.tag('busybox', `a@sha256:${'a'.repeat(64)}`, '')).toThrow(
      'cannot import digest reference',
    );
    expect(() => images.tag('busybox', 'sha256', 'x')).toThrow('refusing to create an ambiguous tag');
    images.tag('busybox', 'plain', '');
    expect(images.get('plain:latest').id).toBe(images.get('busybox').id);
  });

  test('removal: names first, the image with the last of them, its layers when nothing else needs them', async () => {
    const unique = tarOf({ name: 'unique', content: 'u' });
    await load(dockerArchive(['gone:1', 'gone:2'], [layerA, unique]));
    const { id, topLayer } = images.get('gone:1');
    const path = storage.layer(topLayer!)!.path;
    expect(await images.remove('gone:1', { force: false, prune: true }, nobody)).toEqual([{ Untagged: 'gone:1' }]);
    expect(await images.remove('gone:2', { force: false, prune: true }, nobody)).toEqual([
      { Untagged: 'gone:2' },
      { Deleted: id },
      { Deleted: topLayer! },
    ]);
    expect(readdirSync(`${dataRoot}/layers`).includes(path.split('/').at(-2)!)).toBe(false);
    expect(images.get('imported:v1').topLayer).toBe(sha256(layerA));
  });

  test('removal of what is in use: Docker’s conflicts, and what force does', async () => {
    const layer = tarOf({ name: 'used', content: 'u' });
    await load(dockerArchive(['used:1'], [layer]));
    const { id, topLayer } = images.get('used:1');
    const short = id.slice(7, 19);
    const container = 'c'.repeat(64);
    const use = (running: boolean) => (image: Digest) => (image === id ? [{ id: container, running }] : []);
    const remove = (name: string, force: boolean, running: boolean) =>
      images.remove(name, { force, prune: true }, use(running));
    expect(await failureOf(remove('used:1', false, false))).toContain(
      `conflict: unable to remove repository reference "used:1" (must force) - container cccccccccccc is using its referenced image ${short}`,
    );
    expect(await failureOf(remove(id, false, true))).toContain(
      `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container cccccccccccc`,
    );
    expect(await failureClassOf(remove(id, true, true))).toBe('conflict');
    expect(await failureOf(remove(short, false, false))).toContain(
      `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container cccccccccccc`,
    );
    images.tag('used:1', 'used-too', '');
    expect(await failureOf(remove(short, false, false))).toContain(
      `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
    );
    rootsInUse = [topLayer!];
    expect(await remove(short, true, false)).toEqual([
      { Untagged: 'used-too:latest' },
      { Untagged: 'used:1' },
      { Deleted: id },
    ]);
    expect(storage.layer(topLayer!)).toBeDefined();
    rootsInUse = [];
    expect(() => images.get(id)).toThrow('No such image');
  });

  test('after a restart everything is there, but the layers that belong to no image', async () => {
    const orphan = await storage.unpack(null, streamOf(tarOf({ name: 'orphan', content: 'o' })));
    const before = images.list();
    writeFileSync(`${dataRoot}/tmp/load-left`, '');
    const again = root.reopen();
    images = open(again.database, again.storage);
    expect(images.list()).toEqual(before);
    while (existsSync(orphan.path) || readdirSync(`${dataRoot}/tmp`).length > 0) await new Promise(setImmediate);
    expect(again.storage.layer(orphan.chainId)).toBeUndefined();
    expect(again.storage.layer(images.get('busybox').topLayer!)).toBeDefined();
    again.database.close();
  });
});

test('the applets are those that the binary names', () => {
  const applets = appletsOf(busybox);
  expect(applets.length).toBe(402);
  expect(applets).toContain('sh');
  expect([applets[0], applets.at(-1)]).toEqual(['[', 'zcip']);
  expect(appletsOf(Buffer.from('no table here'))).toEqual([]);
});
