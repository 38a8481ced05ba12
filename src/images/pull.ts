/** `docker pull`: from a name at a registry to an image here. */
import { CaissonError, invalidParameter, notFound, systemError } from '../errors.ts';
import type { Digest } from '../storage/digest.ts';
import { chainIds, hostPlatform, parseConfig, platformOf } from './config.ts';
import { type ImageContext, tellTransfer } from './image-context.ts';
import { formatPlatform, type Platform, platformMatches } from './platform.ts';
import { ProgressStream } from './progress-stream.ts';
import { configMismatch, type LayerToPull, pullLayers } from './pull-layers.ts';
import { familiar, familiarName, type Reference } from './reference.ts';
import { type Manifest, manifestsFor, parseManifest } from './registry/manifest.ts';
import { RegistryError } from './registry/registry-error.ts';
import type { FetchedManifest, Repository } from './registry/repository.ts';
import { type ImageConfigJson, type ProgressRecord, type PullRequest, zeroTime } from './service.ts';

/** Configurations are some kilobytes; histories of hundreds of steps some more. */
const maxConfig = 8 * 1024 * 1024;

type ImageManifest = Manifest & { readonly kind: 'image' };

/** One pull at one registry. */
interface Pulling {
  readonly context: ImageContext;
  readonly repository: Repository;
  readonly request: PullRequest;
  readonly progress: ProgressStream;
  readonly signal: AbortSignal;
}

export async function* pull(context: ImageContext, request: PullRequest): AsyncGenerator<ProgressRecord> {
  const progress = new ProgressStream();
  const abort = new AbortController();
  const signal = AbortSignal.any([request.signal, abort.signal]);
  const { reference, credentials } = request;
  const work = context.registries
    .with({ name: reference.name, purpose: 'pull', credentials, signal, byTag: reference.digest === undefined }, (repository) =>
      pullFrom({ context, repository, request, progress, signal }))
    .catch((error: unknown) => {
      throw signal.aborted ? signal.reason : inWords(error, reference);
    });
  try {
    yield* progress.during(work);
  } finally {
    // When the client went away.
    abort.abort();
    await work.catch(() => undefined);
    context.downloads.sweep();
  }
}

async function pullFrom(pulling: Pulling): Promise<void> {
  const { context, repository, request, progress, signal } = pulling;
  const { reference, platform } = request;
  const everyTag = reference.tag === undefined && reference.digest === undefined;
  const references = everyTag ? (await repository.tags(signal)).map((tag) => ({ ...reference, tag })) : [reference];
  let changed = false;
  for (const one of references) changed = (await pullReference(pulling, one)) || changed;
  const shown = everyTag ? familiarName(reference.name) : familiar(reference);
  progress.message(`Status: ${changed ? 'Downloaded newer image' : 'Image is up to date'} for ${shown}`);
  tellTransfer(context, 'pull', reference);
  if (platform && !everyTag) warnOfPlatform(pulling, platform);
}

/** A manifest that is of one image alone gives that image, whatever was asked for. */
function warnOfPlatform({ context, request, progress }: Pulling, wanted: Platform): void {
  const id = context.images.byReference(recordedAs(request.reference));
  const image = id && context.images.get(id);
  if (!image || platformMatches(platformOf(image.config), wanted)) return;
  progress.message(
    `WARNING: image with reference ${familiar(request.reference)} was found but its platform (${formatPlatform(platformOf(image.config))}) `
      + `does not match the specified platform (${formatPlatform(wanted)})`,
  );
}

/** A digest says more than a tag beside it. */
const recordedAs = (reference: Reference): Reference =>
  reference.digest === undefined ? reference : { ...reference, tag: undefined };

/** True when the reference means another image than before. */
async function pullReference(pulling: Pulling, reference: Reference): Promise<boolean> {
  const { context, repository, progress, signal } = pulling;
  const asked = reference.digest ?? (await repository.resolve(reference.tag!, signal));
  const known = asked && alreadyPulled(pulling, reference, asked);
  const found = known ? undefined : await repository.manifest(reference.digest ?? asked ?? reference.tag!, signal);
  const manifest = found && parseManifest(found.bytes, found.contentType);
  progress.message(`Pulling from ${repository.name}`, reference.digest === undefined ? reference.tag : familiar(reference));
  const digest = found?.digest ?? asked!;
  if (known) {
    progress.message(`Digest: ${digest}`);
    return name(context, reference, digest, known);
  }
  return takeImage(pulling, await selectImage(pulling, manifest!, reference), (id) => {
    progress.message(`Digest: ${digest}`);
    return name(context, reference, digest, id);
  });
}

/** The image that this digest gave before: its manifest need not be fetched again. */
function alreadyPulled({ context, request }: Pulling, { name }: Reference, digest: Digest): Digest | undefined {
  const id = context.images.byReference({ name, tag: undefined, digest });
  const image = id && context.images.get(id);
  return image && platformMatches(platformOf(image.config), request.platform ?? hostPlatform()) ? id : undefined;
}

/** Follows an index to the image for the platform. */
async function selectImage({ repository, request, signal }: Pulling, manifest: Manifest, reference: Reference): Promise<ImageManifest> {
  if (manifest.kind === 'image') return manifest;
  const wanted = request.platform ?? hostPlatform();
  const [match] = manifestsFor(manifest.manifests, wanted);
  if (!match) {
    throw notFound(`no matching manifest for ${formatPlatform(wanted)} in the manifest list entries`, { object: familiar(reference) });
  }
  const found: FetchedManifest = await repository.manifest(match.digest, signal);
  if (found.bytes.length !== match.size) throw wrongSize(match.digest, found.bytes.length, match.size);
  const image = parseManifest(found.bytes, found.contentType);
  if (image.kind !== 'image') throw systemError(`unsupported manifest format: ${match.digest} is an index, and should be an image`);
  return image;
}

const wrongSize = (digest: Digest, actual: number, expected: number) =>
  systemError(`${digest} has ${actual} bytes, and should have ${expected}`, { object: digest });

/** Fetches what is missing of an image; `record` is called in the transaction in which it appears. */
async function takeImage<Result>(pulling: Pulling, manifest: ImageManifest, record: (id: Digest) => Result): Promise<Result> {
  const { context, progress, request, signal } = pulling;
  const id = manifest.config.digest;
  if (context.images.get(id)) return context.images.transaction(() => record(id));
  const bytes = await fetchConfig(pulling, manifest);
  const config = parseConfig(bytes);
  checkOs(config);
  const layers = layersOf(manifest, config);
  const pulled = await pullLayers(context, { layers, progress, signal, source: (digest) => sourceOf(pulling, digest) });
  let done = false;
  try {
    const { images } = context;
    const result = images.transaction(() => {
      const topLayer = layers.at(-1)?.chainId ?? null;
      if (!images.get(id)) images.add({ id, config, topLayer, parent: null, lastTagTime: zeroTime }, bytes);
      for (const { diffId, blob } of layers) context.layerBlobs.add(diffId, { ...blob, repository: request.reference.name });
      return record(id);
    });
    done = true;
    return result;
  } finally {
    await pulled.release(done);
  }
}

async function fetchConfig({ repository, signal }: Pulling, { config }: ImageManifest): Promise<Uint8Array> {
  try {
    if (config.size > maxConfig) throw systemError(`the image configuration is larger than ${maxConfig} bytes`);
    const bytes = await repository.blob(config.digest, maxConfig, signal);
    if (bytes.length !== config.size) throw wrongSize(config.digest, bytes.length, config.size);
    return bytes;
  } catch (error) {
    if (!(error instanceof CaissonError)) throw error;
    throw new CaissonError(error.class, `error pulling image configuration: download failed after attempts=1: ${error.message}`, { cause: error });
  }
}

function checkOs({ os }: ImageConfigJson): void {
  if (os === 'linux') return;
  throw invalidParameter(`image operating system ${JSON.stringify(os)} cannot be used on this platform: operating system is not supported`);
}

function layersOf(manifest: ImageManifest, config: ImageConfigJson): LayerToPull[] {
  const diffIds = config.rootfs.diff_ids as Digest[];
  if (diffIds.length !== manifest.layers.length) throw configMismatch(manifest.config.digest);
  const chain = chainIds(diffIds);
  return manifest.layers.map((blob, index) => ({ blob, diffId: diffIds[index]!, chainId: chain[index]!, parent: chain[index - 1] ?? null }));
}

const sourceOf = ({ repository }: Pulling, digest: Digest) => (offset: number, signal: AbortSignal) =>
  repository.openBlob(digest, offset, signal);

/** Records the tag and the digest that it had. True when the reference means another image now. */
function name({ images }: ImageContext, reference: Reference, digest: Digest, id: Digest): boolean {
  return images.transaction(() => {
    const byDigest: Reference = { name: reference.name, tag: undefined, digest };
    const own = recordedAs(reference);
    const before = images.byReference(own);
    if (images.byReference(byDigest) !== id) images.tag(byDigest, id);
    if (before === id) return false;
    if (own.digest === undefined) images.tag(own, id);
    return true;
  });
}

/** Docker's words for what a registry says about a name. */
function inWords(error: unknown, reference: Reference): unknown {
  if (!(error instanceof RegistryError) || !error.explained) return error;
  if (error.code === 'DENIED') {
    return notFound(`pull access denied for ${familiarName(reference.name)}, repository does not exist or may require 'docker login': ${error.message}`, { cause: error });
  }
  if (error.code === 'MANIFEST_UNKNOWN') return notFound(`manifest for ${familiar(reference)} not found: ${error.message}`, { cause: error });
  if (error.code === 'NAME_UNKNOWN') return notFound(`repository ${familiarName(reference.name)} not found: ${error.message}`, { cause: error });
  return error;
}
