/**
 * `docker save`: a docker-archive that is an OCI image layout too, as Docker 25 and newer write it. The same images
 * give the same bytes.
 */
import type { Digest } from '../storage/digest.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { endOfArchive } from '../storage/tar/writer.ts';
import { type ArchiveBlob, archivedBlobs, archivedFile, blobPath, bytesBlob, documentBlob } from './archive-blobs.ts';
import { checkedLayer } from './checked-layer.ts';
import { chainIds } from './config.ts';
import { canonical, familiar, familiarName, type Reference } from './reference.ts';
import type { ImageConfigJson } from './service.ts';

export interface ImageToSave {
  readonly id: Digest;
  readonly config: ImageConfigJson;
  readonly configBytes: Uint8Array;
  readonly references: readonly Reference[];
  /** The image it was made from; named in the archive when that one is in it, too. */
  readonly parent: Digest | null;
}

const layerMediaType = 'application/vnd.oci.image.layer.v1.tar';
const manifestMediaType = 'application/vnd.oci.image.manifest.v1+json';

/**
 * The archive. Each layer is checked against its diff id while it is written; the stream fails when one was changed on
 * disk.
 */
export async function* save(storage: StorageDriver, images: readonly ImageToSave[]): AsyncGenerator<Uint8Array> {
  const blobs = new Map<Digest, ArchiveBlob>();
  const manifest: object[] = [];
  const index: object[] = [];
  const repositories: Record<string, Record<string, string>> = {};
  let time = 0;
  for (const image of images) {
    time = Math.max(time, timeOf(image.config));
    const layers = layerBlobs(storage, image.config);
    const ociManifest = documentBlob(manifestOf(image, layers));
    const config = bytesBlob(image.configBytes, timeOf(image.config));
    for (const blob of [...layers, ociManifest, config]) if (!blobs.has(blob.digest)) blobs.set(blob.digest, blob);
    manifest.push(dockerManifest(image, layers, images));
    index.push(...indexEntries(image, ociManifest));
    for (const { name, tag } of image.references) {
      const top = layers.at(-1);
      if (tag !== undefined && top) (repositories[familiarName(name)] ??= {})[tag] = top.digest.slice('sha256:'.length);
    }
  }
  yield* archivedBlobs(blobs, time);
  yield* archivedFile(
    'index.json',
    documentBlob({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: index }),
  );
  yield* archivedFile('manifest.json', documentBlob(manifest, '\n'));
  yield* archivedFile('oci-layout', documentBlob({ imageLayoutVersion: '1.0.0' }));
  if (Object.keys(repositories).length > 0) yield* archivedFile('repositories', documentBlob(repositories, '\n'));
  yield endOfArchive;
}

/** When an image was made; 0 when it does not say. */
const timeOf = ({ created }: ImageConfigJson) => Math.max(0, Math.floor((Date.parse(created ?? '') || 0) / 1000));

function layerBlobs(storage: StorageDriver, config: ImageConfigJson): ArchiveBlob[] {
  return chainIds(config.rootfs.diff_ids).map((chainId, index) => {
    const digest = config.rootfs.diff_ids[index] as Digest;
    const size = storage.packedSize(chainId);
    return { digest, size, time: timeOf(config), content: () => checkedLayer(storage, chainId, digest, 'save image') };
  });
}

function platformOf({ architecture, os, variant }: ImageConfigJson): object {
  return { architecture, os, ...(variant ? { variant } : {}) };
}

function manifestOf({ id, configBytes }: ImageToSave, layers: readonly ArchiveBlob[]): object {
  return {
    schemaVersion: 2,
    mediaType: manifestMediaType,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: id, size: configBytes.length },
    layers: layers.map(({ digest, size }) => ({ mediaType: layerMediaType, digest, size })),
  };
}

function dockerManifest(
  { id, parent, references }: ImageToSave,
  layers: readonly ArchiveBlob[],
  images: readonly ImageToSave[],
): object {
  return {
    Config: blobPath(id),
    RepoTags: references.length === 0 ? null : references.map(familiar),
    Layers: layers.map(({ digest }) => blobPath(digest)),
    ...(images.some((image) => image.id === parent) ? { Parent: parent } : {}),
    LayerSources: Object.fromEntries(
      layers.map(({ digest, size }) => [digest, { mediaType: layerMediaType, size, digest }]),
    ),
  };
}

function indexEntries({ config, references }: ImageToSave, { digest, size }: ArchiveBlob): object[] {
  const descriptor = { mediaType: manifestMediaType, digest, size, platform: platformOf(config) };
  if (references.length === 0) return [descriptor];
  return references.map((reference) => ({
    ...descriptor,
    annotations: {
      'io.containerd.image.name': canonical(reference),
      'org.opencontainers.image.ref.name': reference.tag,
    },
  }));
}
