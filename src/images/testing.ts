/** For tests beside the code: image archives in the formats there are. */
import { sha256 } from '../storage/digest.ts';
import { tarOf } from '../storage/testing.ts';

export const layerA = tarOf({ name: 'a', content: 'layer a' });
export const layerB = tarOf({ name: 'b', content: 'layer b' });

export function configOf(layers: readonly Uint8Array[], more: object = {}): Buffer {
  return Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['x'] },
      rootfs: { type: 'layers', diff_ids: layers.map(sha256) },
      ...more,
    }),
  );
}

/** A docker-archive as Docker before 25 wrote it. */
export function dockerArchive(
  tags: readonly string[] | null,
  layers: readonly Uint8Array[],
  config = configOf(layers),
): Buffer {
  const manifest = [
    {
      Config: `${sha256(config).slice(7)}.json`,
      RepoTags: tags,
      Layers: layers.map((_, index) => `l${index}/layer.tar`),
    },
  ];
  return tarOf(
    ...layers.map((content, index) => ({ name: `l${index}/layer.tar`, content })),
    { name: `${sha256(config).slice(7)}.json`, content: config },
    { name: 'manifest.json', content: JSON.stringify(manifest) },
  );
}

export const blobName = (bytes: Uint8Array) => `blobs/sha256/${sha256(bytes).slice(7)}`;
export const descriptor = (bytes: Uint8Array, mediaType: string, more: object = {}) => ({
  mediaType,
  digest: sha256(bytes),
  size: bytes.length,
  ...more,
});
export const json = (value: object) => Buffer.from(JSON.stringify(value));
export const types = {
  config: 'application/vnd.oci.image.config.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
};

export interface Layout {
  files: { name: string; content: Uint8Array }[];
  manifest: Buffer;
}

export function ociImage(
  layers: readonly { plain: Uint8Array; stored: Uint8Array; mediaType: string }[],
  config = configOf(layers.map(({ plain }) => plain)),
): Layout {
  const manifest = json({
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptor(config, types.config),
    layers: layers.map(({ stored, mediaType }) => descriptor(stored, mediaType)),
  });
  return {
    manifest,
    files: [config, manifest, ...layers.map(({ stored }) => stored)].map((content) => ({
      name: blobName(content),
      content,
    })),
  };
}

export const layout = (files: Layout['files'], manifests: object[]) =>
  tarOf({ name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' }, ...files, {
    name: 'index.json',
    content: json({ schemaVersion: 2, manifests }),
  });
