/** The layers of an image that is pushed: those that the repository has are passed over, others mounted, or compressed and sent. */
import { createHash } from 'node:crypto';
import type { Digest } from '../storage/digest.ts';
import { gzip } from '../storage/gzip.ts';
import { checkedLayer } from './checked-layer.ts';
import { Slots, sleep } from './blob-downloads.ts';
import type { ImageContext } from './image-context.ts';
import type { LayerBlob } from './layer-blob-table.ts';
import type { ProgressStream } from './progress-stream.ts';
import { shortDigest } from './pull-layers.ts';
import { compressionOfType, type Descriptor, mediaTypes } from './registry/manifest.ts';
import { isFinal, type Repository } from './registry/repository.ts';
import { splitName } from './registry/registries.ts';

export interface LayerToPush {
  readonly diffId: Digest;
  readonly chainId: Digest;
}

export interface LayersToPush {
  readonly repository: Repository;
  /** With its registry. */
  readonly repositoryName: string;
  readonly layers: readonly LayerToPush[];
  readonly progress: ProgressStream;
  readonly signal: AbortSignal;
}

export interface PushedBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly compression: 'gzip' | 'zstd' | '';
}

/** As Docker's max-concurrent-uploads. */
const parallel = 5;
/** As Docker's. */
const maxFailures = 5;
/** Repositories of the same registry that are tried for a mount, as Docker does. */
const maxMounts = 4;
/** Seconds before the first repetition; doubled for each further one. */
const backoff = 1;

/** Answers the blobs of the layers, lowest first. */
export async function pushLayers(context: ImageContext, request: LayersToPush): Promise<PushedBlob[]> {
  const { layers, progress, signal } = request;
  const slots = new Slots(parallel);
  const abort = new AbortController();
  const own = AbortSignal.any([signal, abort.signal]);
  const pushes = new Map<Digest, Promise<PushedBlob>>();
  const releases = layers.map(({ chainId }) => context.keeper.hold(chainId));
  const topDown = layers.toReversed();
  for (const { diffId } of new Map(topDown.map((layer) => [layer.diffId, layer])).values()) progress.update(shortDigest(diffId), 'Preparing');
  try {
    for (const layer of topDown) {
      if (!pushes.has(layer.diffId)) pushes.set(layer.diffId, pushInTurn(context, { ...request, signal: own }, layer, slots));
    }
    return await Promise.all(layers.map(({ diffId }) => pushes.get(diffId)!));
  } finally {
    // One that failed ends the others.
    abort.abort();
    await Promise.allSettled(pushes.values());
    for (const release of releases) release();
  }
}

async function pushInTurn(context: ImageContext, request: LayersToPush, layer: LayerToPush, slots: Slots): Promise<PushedBlob> {
  const { progress, signal } = request;
  const id = shortDigest(layer.diffId);
  const give = await slots.take(signal, () => progress.update(id, 'Waiting'));
  try {
    for (let failures = 0; ; ) {
      try {
        return await pushLayer(context, request, layer);
      } catch (error) {
        signal.throwIfAborted();
        if (isFinal(error) || ++failures > maxFailures) throw error;
        const delay = backoff * 2 ** (failures - 1);
        progress.update(id, `Retrying in ${delay} second${delay === 1 ? '' : 's'}`);
        await sleep(delay * 1000, signal);
      }
    }
  } finally {
    give();
  }
}

async function pushLayer(context: ImageContext, request: LayersToPush, layer: LayerToPush): Promise<PushedBlob> {
  const { repository, repositoryName, progress, signal } = request;
  const { layerBlobs } = context;
  const id = shortDigest(layer.diffId);
  const [registry] = splitName(repositoryName);
  const known = layerBlobs.of(layer.diffId).filter(({ repository: name }) => splitName(name)[0] === registry);
  const present = await findPresent(context, request, layer, known);
  if (present) {
    progress.update(id, 'Layer already exists');
    return present;
  }
  const { upload, mounted } = await mount(repository, known.filter((blob) => blob.repository !== repositoryName), signal);
  if (mounted) {
    progress.update(id, `Mounted from ${splitName(mounted.repository)[1]}`);
    return remember(context, request, layer, mounted);
  }
  const blob = await send(context, request, layer, upload);
  progress.update(id, 'Pushed');
  return remember(context, request, layer, blob);
}

/** A blob of this layer that the repository has. What the database says of this one is asked of the registry. */
async function findPresent(context: ImageContext, { repository, repositoryName, signal }: LayersToPush, layer: LayerToPush, known: readonly LayerBlob[]): Promise<PushedBlob | undefined> {
  const here = (blob: LayerBlob) => blob.repository === repositoryName;
  // Another repository's blob may be here, too, but that is worth one question at most.
  for (const blob of [...known.filter(here), ...known.filter((other) => !here(other)).slice(0, 1)]) {
    if ((await repository.blobSize(blob.digest, signal)) === blob.size) return remember(context, { repositoryName }, layer, blob);
    if (here(blob)) context.layerBlobs.forget(layer.diffId, blob);
  }
  return undefined;
}

function remember({ layerBlobs }: ImageContext, { repositoryName }: Pick<LayersToPush, 'repositoryName'>, { diffId }: LayerToPush, { digest, size, mediaType }: Descriptor): PushedBlob {
  layerBlobs.add(diffId, { digest, size, mediaType, repository: repositoryName });
  return { digest, size, compression: compressionOfType(mediaType) };
}

/** Asks for a blob of another repository; where that cannot be had, the registry has begun an upload instead. */
async function mount(repository: Repository, candidates: readonly LayerBlob[], signal: AbortSignal): Promise<{ upload: URL; mounted?: undefined } | { upload?: undefined; mounted: LayerBlob }> {
  for (const candidate of candidates.slice(0, maxMounts)) {
    const [, from] = splitName(candidate.repository);
    const upload = await repository.startUpload({ digest: candidate.digest, from }, signal);
    if (upload === undefined) return { mounted: candidate };
    await repository.cancelUpload(upload, signal);
  }
  return { upload: (await repository.startUpload(undefined, signal))! };
}

/** Compresses a layer into an upload. The same layer gives the same bytes, and so the same digest, each time. */
async function send({ storage }: ImageContext, { repository, progress, signal }: LayersToPush, { diffId, chainId }: LayerToPush, upload: URL): Promise<Descriptor> {
  const id = shortDigest(diffId);
  const total = storage.layer(chainId)?.size ?? 0;
  const hash = createHash('sha256');
  let size = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    let current = 0;
    for await (const chunk of checkedLayer(storage, chainId, diffId, 'push image')) {
      signal.throwIfAborted();
      yield chunk;
      current += chunk.length;
      progress.bytes(id, 'Pushing', current, total);
    }
  };
  const hashed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of gzip(counted())) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  };
  const next = await repository.sendChunk(upload, hashed(), signal);
  const digest: Digest = `sha256:${hash.digest('hex')}`;
  await repository.finishUpload(next, digest, Buffer.alloc(0), signal);
  return { digest, size, mediaType: mediaTypes.dockerLayer };
}
