/** `docker push`: images here to a repository there. */
import { CaissonError, notFound, systemError } from '../errors.ts';
import { type Digest, sha256 } from '../storage/digest.ts';
import { chainIds, platformOf } from './config.ts';
import { findImage } from './find-image.ts';
import { type ImageContext, tellTransfer } from './image-context.ts';
import { formatPlatform, type Platform, platformMatches } from './platform.ts';
import { ProgressStream } from './progress-stream.ts';
import { type PushedBlob, pushLayers } from './push-layers.ts';
import { canonical, familiar, familiarName, type Reference } from './reference.ts';
import { mediaTypes } from './registry/manifest.ts';
import { AuthenticationError, type Repository } from './registry/repository.ts';
import type { ProgressRecord, PushRequest } from './service.ts';

interface Pushing {
  readonly context: ImageContext;
  readonly repository: Repository;
  readonly request: PushRequest;
  readonly progress: ProgressStream;
  readonly signal: AbortSignal;
}

/** An image and the tag it is pushed as. */
interface TaggedImage {
  readonly tag: string;
  readonly id: Digest;
}

export function push(context: ImageContext, request: PushRequest): AsyncGenerator<ProgressRecord> {
  const { reference, platform } = request;
  if (platform) checkPlatform(context, reference, platform);
  return pushing(context, request);
}

async function* pushing(context: ImageContext, request: PushRequest): AsyncGenerator<ProgressRecord> {
  const { reference, credentials } = request;
  const progress = new ProgressStream();
  const abort = new AbortController();
  const signal = AbortSignal.any([request.signal, abort.signal]);
  progress.message(`The push refers to repository [${reference.name}]`);
  const run = async (): Promise<void> => {
    const images = imagesToPush(context, reference);
    await context.registries.with({ name: reference.name, purpose: 'push', credentials, signal }, async (repository) => {
      for (const image of images) await pushImage({ context, repository, request, progress, signal }, image);
    });
    tellTransfer(context, 'push', reference);
  };
  const work = run().catch((error: unknown) => {
    throw signal.aborted ? signal.reason : withoutRequest(error);
  });
  try {
    yield* progress.during(work);
  } finally {
    abort.abort();
    await work.catch(() => undefined);
  }
}

/** A push tells why, not which of its requests it was. */
function withoutRequest(error: unknown): unknown {
  return error instanceof AuthenticationError ? new CaissonError(error.class, error.reason, { cause: error }) : error;
}

function checkPlatform({ images }: ImageContext, reference: Reference, wanted: Platform): void {
  const name = familiar(reference);
  const { config } = findImage(images, name);
  if (platformMatches(platformOf(config), wanted)) return;
  throw notFound(
    `image with reference ${name} was found but its platform (${formatPlatform(platformOf(config))}) does not match the specified platform (${formatPlatform(wanted)})`,
    { object: name },
  );
}

/** The tag that was named, or all that the repository has here. */
function imagesToPush({ images }: ImageContext, reference: Reference): TaggedImage[] {
  if (reference.digest !== undefined) throw systemError('cannot push a digest reference', { object: canonical(reference) });
  const found = images.references({ name: reference.name }).flatMap((known): TaggedImage[] =>
    known.tag === undefined ? [] : [{ tag: known.tag, id: images.byReference(known)! }]);
  if (found.length === 0) {
    throw systemError(`An image does not exist locally with the tag: ${familiarName(reference.name)}`, { object: reference.name });
  }
  if (reference.tag === undefined) return found;
  const wanted = found.filter(({ tag }) => tag === reference.tag);
  if (wanted.length === 0) throw systemError(`tag does not exist: ${familiar(reference)}`, { object: reference.name });
  return wanted;
}

async function pushImage(pushing: Pushing, { tag, id }: TaggedImage): Promise<void> {
  const { context, repository, request, progress, signal } = pushing;
  const { images } = context;
  const record = images.get(id);
  if (!record) throw systemError(`tag does not exist: ${familiarName(request.reference.name)}:${tag}`, { object: id });
  const diffIds = record.config.rootfs.diff_ids as Digest[];
  const chain = chainIds(diffIds);
  const layers = diffIds.map((diffId, index) => ({ diffId, chainId: chain[index]! }));
  const blobs = await pushLayers(context, { repository, repositoryName: request.reference.name, layers, progress, signal });
  const config = images.configBytes(id);
  await pushConfig(repository, id, config, signal);
  const { bytes, mediaType } = manifestOf(id, config.length, blobs);
  await repository.putManifest(tag, bytes, mediaType, signal);
  const digest = sha256(bytes);
  images.transaction(() => {
    // It may have been removed meanwhile.
    if (images.get(id)) images.tag({ name: request.reference.name, tag: undefined, digest }, id);
  });
  progress.message(`${tag}: digest: ${digest} size: ${bytes.length}`);
  progress.aux({ Tag: tag, Digest: digest, Size: bytes.length });
}

async function pushConfig(repository: Repository, digest: Digest, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  if ((await repository.blobSize(digest, signal)) !== undefined) return;
  const upload = await repository.startUpload(undefined, signal);
  if (upload) await repository.finishUpload(upload, digest, bytes, signal);
}

/**
 * Docker's manifest, in its form, for layers that are compressed with gzip; OCI's when one is not: Docker's has no type for those.
 */
function manifestOf(id: Digest, configSize: number, layers: readonly PushedBlob[]): { bytes: Uint8Array; mediaType: string } {
  const oci = layers.some(({ compression }) => compression !== 'gzip');
  const mediaType = oci ? mediaTypes.ociManifest : mediaTypes.dockerManifest;
  const layerType = (compression: string) => (oci ? `application/vnd.oci.image.layer.v1.tar${compression && `+${compression}`}` : mediaTypes.dockerLayer);
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: { mediaType: oci ? mediaTypes.ociConfig : mediaTypes.dockerConfig, size: configSize, digest: id },
    layers: layers.map(({ compression, size, digest }) => ({ mediaType: layerType(compression), size, digest })),
  };
  return { bytes: Buffer.from(JSON.stringify(manifest, undefined, 3)), mediaType };
}
