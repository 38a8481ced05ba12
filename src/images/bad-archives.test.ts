import { afterAll, describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import * as zlib from 'node:zlib';
import { createTestRoot, drain, isRoot, streamOf, tarOf } from '../storage/testing.ts';
import { createImageService } from './image-service.ts';
import { blobName, configOf, descriptor, dockerArchive, json, layerA, layout, ociImage, types } from './testing.ts';

const root = createTestRoot();
const { dataRoot, database, storage } = root;
const images = createImageService({ dataRoot, database, storage, layersInUse: () => [] });
afterAll(() => root.remove());

const layerDirs = () => readdirSync(`${dataRoot}/layers`).sort();
const load = (tar: Uint8Array) => drain(images.load(streamOf(tar), { quiet: true }));

describe.skipIf(!isRoot)('bad image archives (need root)', () => {
  test('a load that fails leaves nothing, whatever is wrong', async () => {
    const good = tarOf({ name: 'good', content: 'g' });
    const wrong = tarOf({ name: 'wrong', content: 'w' });
    const image = ociImage([
      { plain: good, stored: zlib.gzipSync(good), mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' },
    ]);
    const index = [descriptor(image.manifest, types.manifest)];
    const swap = (from: Uint8Array, to: Uint8Array) =>
      image.files.map((file) => (file.name === blobName(from) ? { ...file, content: to } : file));
    const flipped = Buffer.from(image.manifest);
    flipped[20] = 90;
    const hostile = tarOf({ name: '../../x', content: 'x' });
    const archive = dockerArchive(['ok:1'], [good]);
    const cases: [what: string, tar: Uint8Array, message: string][] = [
      ['wrong layer', dockerArchive(['bad:1'], [good, wrong], configOf([good, good])), 'invalid diffID for layer'],
      ['layer that climbs', dockerArchive(['bad:1'], [good, hostile]), 'outside of the root directory'],
      [
        'too few layers',
        dockerArchive(['bad:1'], [good], configOf([good, good])),
        'invalid manifest, layers length mismatch: expected 1, got 2',
      ],
      [
        'no layer file',
        tarOf(
          { name: 'c', content: configOf([good]) },
          { name: 'manifest.json', content: '[{"Config":"c","RepoTags":[],"Layers":["none"]}]' },
        ),
        'it has no file none',
      ],
      [
        'a config outside',
        tarOf({ name: 'manifest.json', content: '[{"Config":"../../../etc/passwd","RepoTags":[],"Layers":[]}]' }),
        'outside of the root directory',
      ],
      [
        'a config that is a link outside',
        tarOf(
          { name: 'c', type: 'symlink', linkName: '/etc/passwd' },
          { name: 'manifest.json', content: '[{"Config":"c","RepoTags":[],"Layers":[]}]' },
        ),
        'it has no file c',
      ],
      ['bad tag', dockerArchive(['Bad:1'], [good]), 'must be lowercase'],
      ['no tag', dockerArchive(['bad'], [good]), 'invalid tag "bad"'],
      ['null manifest', tarOf({ name: 'manifest.json', content: 'null' }), 'manifest cannot be null (but can be [])'],
      ['malformed manifest', tarOf({ name: 'manifest.json', content: '[{"Layers":3}]' }), 'lacks Config'],
      ['manifest that is no JSON', tarOf({ name: 'manifest.json', content: '{' }), 'manifest.json is not valid JSON'],
      [
        'config without rootfs',
        dockerArchive(['bad:1'], [], Buffer.from('{"os":"linux"}')),
        'invalid image JSON, no RootFS key',
      ],
      [
        'config with odd types',
        dockerArchive(['bad:1'], [], Buffer.from('{"rootfs":{"diff_ids":[]},"config":{"Cmd":"sh"}}')),
        'config.Cmd is not a list of strings',
      ],
      [
        'another system',
        dockerArchive(['bad:1'], [good], configOf([good], { os: 'windows' })),
        'cannot load windows image on linux',
      ],
      ['a root file system', good, 'use "docker import"'],
      ['no archive', Buffer.alloc(10_000, 'x'), 'does not begin with a tar header'],
      ['truncated', archive.subarray(0, archive.length - 3000), 'unexpected EOF'],
      ['truncated gzip', zlib.gzipSync(archive).subarray(0, 300), 'the archive is damaged'],
      ['OCI: wrong manifest', layout(swap(image.manifest, flipped), index), 'has the digest'],
      [
        'OCI: manifest of another size',
        layout(swap(image.manifest, Buffer.concat([image.manifest, Buffer.from(' ')])), index),
        'and should have',
      ],
      ['OCI: wrong layer', layout(swap(zlib.gzipSync(good), zlib.gzipSync(wrong)), index), 'and should have'],
      ['OCI: missing blob', layout(image.files.slice(1), index), 'it has no file blobs/sha256/'],
      [
        'OCI: other platform',
        layout(
          [{ name: blobName(json({ manifests: [] })), content: json({ manifests: [] }) }],
          [descriptor(json({ manifests: [] }), types.index)],
        ),
        'it has no image for linux/',
      ],
    ];
    await load(dockerArchive(['there:1'], [layerA]));
    const before = { layers: layerDirs(), images: images.list().length };
    for (const [what, tar, message] of cases) {
      const thrown = await load(tar).then(
        () => undefined,
        (error: unknown) => error as Error & { class?: string },
      );
      expect([what, thrown?.message.includes(message) || thrown?.message, thrown?.class]).toEqual([
        what,
        true,
        'invalid-parameter',
      ]);
    }
    expect({ layers: layerDirs(), images: images.list().length }).toEqual(before);
    expect(readdirSync(`${dataRoot}/tmp`)).toEqual([]);
  });
});
