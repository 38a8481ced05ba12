/** `docker load`: every layer of every image is unpacked and verified first; then all images appear at once. */
import { createHash } from 'node:crypto';
import { invalidParameter } from '../errors.ts';
import { type Digest, sha256 } from '../storage/digest.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { decompress } from '../storage/tar/compression.ts';
import { type ArchivedImage, type ArchivedLayer, checkDigest, imagesIn } from './archive.ts';
import { ArchiveSpool } from './archive-spool.ts';
import { chainIds, parseConfig } from './config.ts';
import type { ImageTable } from './image-table.ts';
import type { LayerKeeper } from './layer-keeper.ts';
import { familiar, type Reference } from './reference.ts';
import type { ImageConfigJson, ProgressRecord } from './service.ts';

export interface LoadContext {
  readonly storage: StorageDriver;
  readonly images: ImageTable;
  readonly keeper: LayerKeeper;
  /** Where archives are put aside. */
  readonly temporaryRoot: string;
}

/** An image whose layers are all there. */
interface Prepared {
  readonly id: Digest;
  readonly bytes: Uint8Array;
  readonly config: ImageConfigJson;
  readonly topLayer: Digest | null;
  readonly references: readonly Reference[];
}

/** Between two records of progress, in milliseconds. */
const progressInterval = 100;

export async function* load(
  context: LoadContext,
  tar: AsyncIterable<Uint8Array>,
  quiet: boolean,
): AsyncGenerator<ProgressRecord> {
  const spool = await ArchiveSpool.receive(context.temporaryRoot, decompress(tar));
  const releases: (() => void)[] = [];
  const unpacked: Digest[] = [];
  try {
    const prepared: Prepared[] = [];
    for (const image of imagesIn(spool))
      prepared.push(yield* prepare(context, spool, image, quiet, releases, unpacked));
    const messages = register(context, prepared);
    for (const message of messages) yield { stream: `${message}\n` };
  } finally {
    for (const release of releases) release();
    // When all went well they belong to images now, and stay.
    for (const layer of unpacked.toReversed()) await context.keeper.free(layer);
    await spool.remove();
  }
}

async function* prepare(
  context: LoadContext,
  spool: ArchiveSpool,
  image: ArchivedImage,
  quiet: boolean,
  releases: (() => void)[],
  unpacked: Digest[],
): AsyncGenerator<ProgressRecord, Prepared> {
  const bytes = spool.document(image.config);
  if (image.configDigest) checkDigest(image.configDigest, sha256(bytes));
  const config = parseConfig(bytes);
  if (config.os !== 'linux') throw invalidParameter(`cannot load ${config.os} image on linux`);
  const diffIds = config.rootfs.diff_ids as Digest[];
  if (diffIds.length !== image.layers.length) {
    throw invalidParameter(
      `invalid manifest, layers length mismatch: expected ${image.layers.length}, got ${diffIds.length}`,
    );
  }
  const chain = chainIds(diffIds);
  for (const [index, diffId] of diffIds.entries()) {
    const chainId = chain[index]!;
    // Held before it is there, so that nothing frees it in the meantime.
    releases.push(context.keeper.hold(chainId));
    if (context.storage.layer(chainId)) continue;
    unpacked.push(chainId);
    yield* unpackWithProgress(context, spool, image.layers[index]!, chain[index - 1] ?? null, diffId, quiet);
  }
  return { id: sha256(bytes), bytes, config, topLayer: chain.at(-1) ?? null, references: image.references };
}

async function* unpackWithProgress(
  { storage }: LoadContext,
  spool: ArchiveSpool,
  layer: ArchivedLayer,
  parent: Digest | null,
  diffId: Digest,
  quiet: boolean,
): AsyncGenerator<ProgressRecord> {
  const progress = { current: 0, total: spool.size(layer.file) };
  const tar = decompress(verified(spool.stream(layer.file), layer.digest, progress));
  const done = storage.unpack(parent, tar, diffId);
  const record = () => ({
    status: 'Loading layer',
    progressDetail: { ...progress },
    id: diffId.slice('sha256:'.length, 'sha256:'.length + 12),
  });
  try {
    if (quiet) await done;
    else yield* watch(done, record);
  } finally {
    // When the client went away: the unpacking still reads what is to be removed.
    await done.catch(() => undefined);
  }
}

/** Progress until the promise settles, and once more when all went well. */
async function* watch(promise: Promise<unknown>, record: () => ProgressRecord): AsyncGenerator<ProgressRecord> {
  while (!(await settles(promise, progressInterval))) yield record();
  await promise;
  yield record();
}

/** True when the promise settles, however, within the time. */
async function settles(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  const settled = promise.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Passes a blob on, counts it, and fails at its end when it does not have its digest. */
async function* verified(
  chunks: AsyncIterable<Uint8Array>,
  digest: Digest | undefined,
  progress: { current: number },
): AsyncGenerator<Uint8Array> {
  const hash = digest && createHash('sha256');
  for await (const chunk of chunks) {
    hash?.update(chunk);
    progress.current += chunk.length;
    yield chunk;
  }
  if (digest && hash) checkDigest(digest, `sha256:${hash.digest('hex')}`);
}

/** Adds images and moves their references, all at once. Returns Docker's messages. */
function register({ images }: LoadContext, prepared: readonly Prepared[]): string[] {
  const messages: string[] = [];
  const time = new Date().toISOString();
  images.transaction(() => {
    for (const { id, bytes, config, topLayer, references } of prepared) {
      if (!images.get(id)) images.add({ id, config, topLayer, parent: null, lastTagTime: time }, bytes);
      for (const reference of references) {
        const previous = images.byReference(reference);
        if (previous !== undefined && previous !== id) {
          messages.push(
            `The image ${familiar(reference)} already exists, renaming the old one with ID ${previous} to empty string`,
          );
        }
        images.tag(reference, id, time);
        messages.push(`Loaded image: ${familiar(reference)}`);
      }
      if (references.length === 0) messages.push(`Loaded image ID: ${id}`);
    }
  });
  return messages;
}
