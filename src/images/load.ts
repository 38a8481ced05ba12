/** `docker load`: every layer of every image is unpacked and verified first; then all images appear at once. */
import { createHash } from 'node:crypto';
import { invalidParameter } from '../errors.ts';
import { type Digest, sha256 } from '../storage/digest.ts';
import { decompress } from '../storage/tar/compression.ts';
import { type ArchivedImage, type ArchivedLayer, checkDigest, imagesIn } from './archive.ts';
import { ArchiveSpool } from './archive-spool.ts';
import { chainIds, parseConfig, platformOf } from './config.ts';
import { type ImageContext, tell } from './image-context.ts';
import { linkParents } from './parent-links.ts';
import { type Platform, platformMatches } from './platform.ts';
import { progressBar } from './progress-bar.ts';
import { familiar, type Reference } from './reference.ts';
import { type ImageConfigJson, type ProgressRecord, zeroTime } from './service.ts';

export interface LoadOptions {
  /** No progress, only what was loaded. */
  readonly quiet: boolean;
  /** Images for others are passed over. */
  readonly platform?: Platform | undefined;
}

/** An image whose layers are all there. */
interface Prepared {
  readonly id: Digest;
  readonly bytes: Uint8Array;
  readonly config: ImageConfigJson;
  readonly topLayer: Digest | null;
  readonly references: readonly Reference[];
  readonly parent: string | undefined;
}

/** What one load keeps from being removed while it runs, and must give back. */
interface Work {
  readonly options: LoadOptions;
  readonly spool: ArchiveSpool;
  readonly releases: (() => void)[];
  readonly unpacked: Digest[];
}

/** Between two records of progress, in milliseconds. */
const progressInterval = 100;

export async function* load(
  context: ImageContext,
  tar: AsyncIterable<Uint8Array>,
  options: LoadOptions,
): AsyncGenerator<ProgressRecord> {
  const spool = await ArchiveSpool.receive(context.temporaryRoot, decompress(tar));
  const work: Work = { options, spool, releases: [], unpacked: [] };
  try {
    const prepared: Prepared[] = [];
    for (const image of imagesIn(spool)) {
      const ready = yield* prepare(context, work, image);
      if (ready) prepared.push(ready);
    }
    const messages = register(context, prepared);
    for (const { id } of prepared) tell(context, 'load', id);
    for (const message of messages) yield message === '' ? {} : { stream: message };
  } finally {
    for (const release of work.releases) release();
    // When all went well they belong to images now, and stay.
    for (const layer of work.unpacked.toReversed()) await context.keeper.free(layer);
    await spool.remove();
  }
}

/** Undefined for an image that is not for the platform asked for. */
async function* prepare(
  context: ImageContext,
  work: Work,
  image: ArchivedImage,
): AsyncGenerator<ProgressRecord, Prepared | undefined> {
  const { spool, options } = work;
  const bytes = spool.document(image.config);
  if (image.configDigest) checkDigest(image.configDigest, sha256(bytes));
  const config = parseConfig(bytes);
  if (config.os !== 'linux') throw invalidParameter(`cannot load ${config.os} image on linux`);
  if (options.platform && !platformMatches(platformOf(config), options.platform)) return undefined;
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
    work.releases.push(context.keeper.hold(chainId));
    if (context.storage.layer(chainId)) continue;
    work.unpacked.push(chainId);
    yield* unpackWithProgress(context, work, image.layers[index]!, chain[index - 1] ?? null, diffId);
  }
  const { references, parent } = image;
  return { id: sha256(bytes), bytes, config, topLayer: chain.at(-1) ?? null, references, parent };
}

async function* unpackWithProgress(
  { storage }: ImageContext,
  { spool, options }: Work,
  layer: ArchivedLayer,
  parent: Digest | null,
  diffId: Digest,
): AsyncGenerator<ProgressRecord> {
  const progress = { current: 0, total: spool.size(layer.file) };
  const isCompressed = spool.isCompressed(layer.file);
  const blob = verified(spool.stream(layer.file, { reuse: !isCompressed }), layer.digest, progress);
  const tar = isCompressed ? decompress(blob) : blob;
  const done = storage.unpack(parent, tar, diffId);
  const record = () => ({
    status: 'Loading layer',
    progressDetail: { ...progress },
    progress: progressBar(progress.current, progress.total),
    id: diffId.slice('sha256:'.length, 'sha256:'.length + 12),
  });
  try {
    if (options.quiet) await done;
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
function register({ images }: ImageContext, prepared: readonly Prepared[]): string[] {
  const messages: string[] = [];
  images.transaction(() => {
    for (const { id, bytes, config, topLayer, references } of prepared) {
      if (!images.get(id)) images.add({ id, config, topLayer, parent: null, lastTagTime: zeroTime }, bytes);
      for (const reference of references) {
        const previous = images.byReference(reference);
        if (previous !== undefined && previous !== id) {
          messages.push(
            `The image ${familiar(reference)} already exists, renaming the old one with ID ${previous} to empty string\n`,
          );
        }
        images.tag(reference, id);
        messages.push(`Loaded image: ${familiar(reference)}\n`);
      }
    }
    linkParents(images, prepared);
  });
  // Docker's rule: the ids of all, in one message, when the last one has no name, or there is none.
  if ((prepared.at(-1)?.references ?? []).length === 0) {
    messages.push(prepared.map(({ id }) => `Loaded image ID: ${id}\n`).join(''));
  }
  return messages;
}
