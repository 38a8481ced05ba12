/**
 * One image as a tar: an OCI image layout (image-spec, image-layout.md), or the same with what `docker load` looks for. Unlike `save`,
 * layers are compressed, and the image need not be among this engine's.
 */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createZstdCompress } from 'node:zlib';
import type { Digest, StorageDriver } from '../storage/driver.ts';
import { gzip } from '../storage/gzip.ts';
import { endOfArchive } from '../storage/tar/writer.ts';
import { type ArchiveBlob, archivedBlobs, archivedFile, blobPath, bytesBlob, documentBlob } from './archive-blobs.ts';
import { checkedLayer } from './checked-layer.ts';
import { chainIds } from './config.ts';
import { canonical, familiar, type Reference } from './reference.ts';
import type { ImageConfigJson } from './service.ts';

export type LayerCompression = 'gzip' | 'zstd' | 'uncompressed';

export interface LayoutRequest {
  readonly config: ImageConfigJson;
  readonly references: readonly Reference[];
  readonly compression: LayerCompression;
  /** With a manifest.json for `docker load`. */
  readonly forDocker: boolean;
  /** Media types of OCI, not of Docker. */
  readonly ociTypes: boolean;
  /** Of the manifest. */
  readonly annotations: Readonly<Record<string, string>>;
  /** An empty directory for compressed layers: their digests come before them. */
  readonly directory: string;
}

export interface Layout {
  readonly manifest: { readonly mediaType: string; readonly digest: Digest; readonly size: number; readonly annotations?: object };
  readonly configDigest: Digest;
  readonly tar: AsyncIterable<Uint8Array>;
}

const types = {
  oci: { manifest: 'application/vnd.oci.image.manifest.v1+json', config: 'application/vnd.oci.image.config.v1+json' },
  docker: { manifest: 'application/vnd.docker.distribution.manifest.v2+json', config: 'application/vnd.docker.container.image.v1+json' },
} as const;

const layerTypes = {
  oci: {
    gzip: 'application/vnd.oci.image.layer.v1.tar+gzip', zstd: 'application/vnd.oci.image.layer.v1.tar+zstd', uncompressed: 'application/vnd.oci.image.layer.v1.tar',
  },
  docker: {
    gzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip', zstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
    uncompressed: 'application/vnd.docker.image.rootfs.diff.tar',
  },
} as const;

export async function imageLayout(storage: StorageDriver, request: LayoutRequest): Promise<Layout> {
  const { config, references, compression, forDocker, annotations } = request;
  const vocabulary = request.ociTypes ? 'oci' : 'docker';
  const layers: ArchiveBlob[] = [];
  for (const [index, chainId] of chainIds(config.rootfs.diff_ids).entries()) {
    layers.push(await layerBlob(storage, chainId, config.rootfs.diff_ids[index] as Digest, compression, `${request.directory}/${index}`));
  }
  const configBlob = bytesBlob(Buffer.from(JSON.stringify(config)), 0);
  const mediaType = types[vocabulary].manifest;
  const manifest = documentBlob({
    schemaVersion: 2, mediaType,
    config: { mediaType: types[vocabulary].config, digest: configBlob.digest, size: configBlob.size },
    layers: layers.map(({ digest, size }) => ({ mediaType: layerTypes[vocabulary][compression], digest, size })),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  });
  const descriptor = { mediaType, digest: manifest.digest, size: manifest.size };
  const blobs = new Map([...layers, configBlob, manifest].map((blob) => [blob.digest, blob]));
  const documents = [
    ['index.json', documentBlob(indexOf(descriptor, config, references))],
    ...(forDocker ? [['manifest.json', documentBlob([dockerManifest(configBlob.digest, layers, references)])] as const] : []),
    ['oci-layout', documentBlob({ imageLayoutVersion: '1.0.0' })],
  ] as const;
  return { manifest: descriptor, configDigest: configBlob.digest, tar: written(blobs, documents) };
}

async function* written(blobs: ReadonlyMap<Digest, ArchiveBlob>, documents: Iterable<readonly [string, ArchiveBlob]>): AsyncGenerator<Uint8Array> {
  yield* archivedBlobs(blobs, 0);
  for (const [name, document] of documents) yield* archivedFile(name, document);
  yield endOfArchive;
}

function indexOf(manifest: object, { created, architecture, os, variant }: ImageConfigJson, references: readonly Reference[]): object {
  const platform = { architecture, os, ...(variant ? { variant } : {}) };
  const made = created === undefined ? {} : { 'org.opencontainers.image.created': created };
  const named = references.map((reference) => ({
    'io.containerd.image.name': canonical(reference), ...made, 'org.opencontainers.image.ref.name': reference.tag,
  }));
  const manifests = (named.length === 0 ? [made] : named).map((annotations) => ({ ...manifest, annotations, platform }));
  return { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests };
}

const dockerManifest = (config: Digest, layers: readonly ArchiveBlob[], references: readonly Reference[]): object => ({
  Config: blobPath(config), RepoTags: references.length === 0 ? null : references.map(familiar), Layers: layers.map(({ digest }) => blobPath(digest)),
});

/** A layer as it is, or compressed in a file. */
async function layerBlob(storage: StorageDriver, chainId: Digest, diffId: Digest, compression: LayerCompression, file: string): Promise<ArchiveBlob> {
  const tar = () => checkedLayer(storage, chainId, diffId, 'save image');
  if (compression === 'uncompressed') return { digest: diffId, size: storage.packedSize(chainId), time: 0, content: tar };
  const { digest, size } = await writeFile(file, compression === 'gzip' ? gzip(tar()) : zstd(tar()));
  return { digest, size, time: 0, content: () => createReadStream(file, { highWaterMark: 256 * 1024 }) };
}

async function writeFile(file: string, content: AsyncIterable<Uint8Array>): Promise<{ digest: Digest; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  const fd = openSync(file, 'wx', 0o600);
  try {
    for await (const chunk of content) {
      hash.update(chunk);
      for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at);
      size += chunk.length;
    }
  } finally {
    closeSync(fd);
  }
  return { digest: `sha256:${hash.digest('hex')}`, size };
}

async function* zstd(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const transform = createZstdCompress({ chunkSize: 256 * 1024 });
  let failure: unknown;
  pipeline(Readable.from(content, { objectMode: false }), transform, (error) => {
    failure = error ?? undefined;
  });
  for await (const chunk of transform) yield chunk as Uint8Array;
  if (failure) throw failure;
}
