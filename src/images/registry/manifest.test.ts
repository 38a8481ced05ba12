import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { CaissonError } from '../../errors.ts';
import { manifestsFor, mediaTypes, parseManifest, type PlatformDescriptor } from './manifest.ts';

const digest = (fill: string) => `sha256:${fill.repeat(64)}`;
const layer = { mediaType: mediaTypes.ociLayer, digest: digest('a'), size: 10 };
const config = { mediaType: mediaTypes.ociConfig, digest: digest('c'), size: 3 };
const image = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] };
const parse = (document: unknown, type: string = mediaTypes.ociManifest) => parseManifest(Buffer.from(JSON.stringify(document)), type);
const complaint = (document: unknown, type?: string): string => {
  try {
    parse(document, type);
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(CaissonError);
    return (error as Error).message;
  }
};

test('an image and an index', () => {
  expect(parse(image)).toEqual({ kind: 'image', mediaType: mediaTypes.ociManifest, config, layers: [layer] } as never);
  const entry = { mediaType: mediaTypes.ociManifest, digest: digest('d'), size: 7, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } };
  expect(parse({ schemaVersion: 2, manifests: [entry] }, mediaTypes.ociIndex)).toEqual({ kind: 'index', mediaType: mediaTypes.ociIndex, manifests: [entry] } as never);
});

test('a registry that serves application/json, and a manifest that does not say what it is', () => {
  expect(parse(image, 'application/json').kind).toBe('image');
  expect(parse({ ...image, mediaType: undefined }, 'application/json; charset=utf-8').kind).toBe('image');
  expect(parse({ schemaVersion: 2, manifests: [] }, '').kind).toBe('index');
});

const refused: readonly (readonly [document: unknown, type: string | undefined, message: string])[] = [
  [{ ...image, mediaType: mediaTypes.dockerManifest }, mediaTypes.ociManifest, `mediaType in manifest should be '${mediaTypes.ociManifest}' not '${mediaTypes.dockerManifest}'`],
  [{ ...image, config: { ...config, mediaType: 'application/vnd.cncf.helm.config.v1+json' } }, undefined, 'unsupported media type application/vnd.cncf.helm.config.v1+json'],
  [{ ...image, layers: [{ ...layer, mediaType: 'text/plain' }] }, undefined, 'unsupported media type text/plain'],
  [{ ...image, layers: [{ ...layer, size: -1 }] }, undefined, `invalid manifest: the size of ${layer.digest} is no size`],
  [{ ...image, layers: [{ ...layer, digest: '../../etc/passwd' }] }, undefined, 'invalid manifest: the digest of its layer is not a sha256 digest'],
  [{ ...image, layers: Array.from({ length: 1001 }, () => layer) }, undefined, 'invalid manifest: it has more than 1000 layers'],
  [{ ...image, layers: {} }, undefined, 'invalid manifest: layers is not a list'],
  [{ ...image, config: undefined }, undefined, 'invalid manifest: its config is missing'],
  [[], undefined, 'error unmarshalling content: the manifest is not an object'],
  [{ schemaVersion: 2 }, 'text/html', 'unsupported manifest media type "text/html"'],
];
for (const [document, type, message] of refused) {
  test(`refused: ${message}`, () => expect(complaint(document, type)).toBe(message));
}

test('schema 1 is refused with the way out', () => {
  expect(complaint({ schemaVersion: 1, fsLayers: [] }, 'application/vnd.docker.distribution.manifest.v1+prettyjws')).toContain('have the image pushed again');
});

test('whatever a registry sends is a manifest or an error in words', () => {
  const type = fc.constantFrom(...Object.values(mediaTypes), 'application/json', '');
  const field = fc.oneof(fc.jsonValue(), fc.constantFrom(config, [layer], [], null, 2));
  const document = fc.dictionary(fc.constantFrom('schemaVersion', 'mediaType', 'config', 'layers', 'manifests', '__proto__'), field);
  fc.assert(fc.property(document, type, (json, served) => {
    try {
      const manifest = parse(json, served);
      const parts = manifest.kind === 'image' ? [manifest.config, ...manifest.layers] : manifest.manifests;
      for (const part of parts) expect(part.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    } catch (error) {
      expect(error).toBeInstanceOf(CaissonError);
    }
  }));
  fc.assert(fc.property(fc.uint8Array(), type, (bytes, served) => {
    try {
      parseManifest(bytes, served);
    } catch (error) {
      expect(error).toBeInstanceOf(CaissonError);
    }
  }));
});

test('the best match of an index comes first; indexes in it are passed over', () => {
  const entry = (fill: string, architecture: string, variant = '', mediaType: string = mediaTypes.ociManifest): PlatformDescriptor =>
    ({ mediaType, digest: digest(fill) as `sha256:${string}`, size: 1, platform: { os: 'linux', architecture, variant } });
  const entries = [entry('1', 'amd64', '', mediaTypes.ociIndex), entry('2', 'arm', 'v5'), entry('3', 'arm', 'v6'), entry('4', 'arm', 'v7'), entry('5', '386'), entry('6', 'amd64', 'v2'), entry('7', 'amd64')];
  const first = (architecture: string, variant = '') => manifestsFor(entries, { os: 'linux', architecture, variant })[0]?.digest[7];
  expect([first('amd64'), first('arm', 'v7'), first('arm', 'v6'), first('arm', 'v5'), first('386'), first('s390x')]).toEqual(['7', '4', '3', '2', '5', undefined]);
});
