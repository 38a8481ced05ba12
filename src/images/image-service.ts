/** Images on a storage driver and the metadata database. */
import { mkdirSync, readdirSync } from 'node:fs';
import { notFound } from '../errors.ts';
import { type Digest, sha256 } from '../storage/digest.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { removeTree } from '../storage/remove.ts';
import type { Database } from '../store/database.ts';
import { BlobDownloads } from './blob-downloads.ts';
import { checkImages, verifyLayers } from './check.ts';
import { commitImage } from './commit.ts';
import { parseConfig, platformOf } from './config.ts';
import { describeImage } from './distribution.ts';
import { findImage, findNamed } from './find-image.ts';
import { addImage, type ImageContext, nameImage, tell, tellTag } from './image-context.ts';
import { type ImageRecord, ImageTable } from './image-table.ts';
import { importImage } from './import.ts';
import { LayerBlobTable } from './layer-blob-table.ts';
import { LayerKeeper } from './layer-keeper.ts';
import { load } from './load.ts';
import { formatPlatform, type Platform, platformMatches } from './platform.ts';
import { pull } from './pull.ts';
import { push } from './push.ts';
import { familiar, nameForNewImage, type Reference } from './reference.ts';
import { defaultRegistrySettings, type RegistrySettings } from './registry/endpoints.ts';
import { Registries } from './registry/registries.ts';
import { removeImage } from './remove.ts';
import { type ImageToSave, save } from './save.ts';
import { type AddRequest, type Image, type ImageListener, type ImageService, zeroTime } from './service.ts';

export interface ImageServiceParts {
  readonly dataRoot: string;
  readonly database: Database;
  readonly storage: StorageDriver;
  /** The top layers of all containers' roots: their layers stay when an image is removed by force. */
  readonly layersInUse: () => Iterable<Digest>;
  /** Told of what happens to images, after it has. */
  readonly listener?: ImageListener;
  readonly registries?: RegistrySettings;
}

/** What an earlier run left half-done is removed in the background. */
export function createImageService(parts: ImageServiceParts): ImageService {
  const context = createContext(parts);
  recover(context).catch(() => undefined); // Nothing refers to what is swept, and the next start tries again.
  const { images, registries } = context;
  return {
    registries: {
      login: (credentials, signal) => registries.login(credentials, signal),
      search: (request) => registries.search(request),
      describe: (name, credentials, signal) => describeImage(registries, name, credentials, signal),
    },
    get: (name, platform) => describe(context, findImage(images, name, platform)),
    list: () => [...images.all()].map((record) => describe(context, record)),
    has: (id) => images.get(id) !== undefined,
    children: (id) => images.children(id),
    load: (tar, options = {}) => load(context, tar, { quiet: options.quiet ?? false, platform: options.platform }),
    save: (names, platform) => saving(context, imagesToSave(images, names, platform)),
    import: (tar, request) => importImage(context, tar, request),
    commit: (request) => commitImage(context, request),
    pull: (request) => pull(context, request),
    push: (request) => push(context, request),
    add: (request) => addMade(context, request),
    hold: (layer) => context.keeper.hold(layer),
    free: async (layer) => void (await context.keeper.free(layer)),
    check: (cache) => checkImages(context, cache),
    verify: (cache) => verifyLayers(context, cache),
    tag: (name, repo, tag) => tagImage(context, name, repo, tag),
    remove: async (name, options, usedBy) => removeImage(context, findImage(images, name).id, name, options, usedBy),
  };
}

function createContext({ dataRoot, database, storage, layersInUse, listener, registries }: ImageServiceParts): ImageContext {
  const images = new ImageTable(database);
  const topLayers = () => [...images.all()].flatMap((image) => image.topLayer ?? []);
  const temporaryRoot = `${dataRoot}/tmp`;
  mkdirSync(temporaryRoot, { recursive: true, mode: 0o700 });
  return {
    storage,
    images,
    keeper: new LayerKeeper(storage, () => [...topLayers(), ...layersInUse()]),
    listener: listener ?? (() => undefined),
    temporaryRoot,
    registries: new Registries(registries ?? defaultRegistrySettings),
    downloads: new BlobDownloads(`${dataRoot}/downloads`),
    layerBlobs: new LayerBlobTable(database),
    unpacking: new Map(),
  };
}

/** What a load that was interrupted put aside, and layers that never came to belong to an image. */
async function recover({ temporaryRoot, keeper, downloads, layerBlobs }: ImageContext): Promise<void> {
  downloads.sweep();
  const spools = readdirSync(temporaryRoot).filter((name) => name.startsWith('load-'));
  await keeper.sweep();
  layerBlobs.sweep();
  for (const name of spools) await removeTree(`${temporaryRoot}/${name}`);
}

function addMade(context: ImageContext, { config, topLayer, parent }: AddRequest): Digest {
  const bytes = Buffer.from(JSON.stringify(config));
  const id = sha256(bytes);
  if (context.images.get(id)) return id;
  addImage(context, { id, config: parseConfig(bytes), topLayer, parent, lastTagTime: zeroTime }, bytes, undefined);
  tell(context, 'create', id);
  return id;
}

function tagImage(context: ImageContext, name: string, repo: string, tag: string): void {
  const reference = nameForNewImage(repo, tag);
  if (!reference) return; // Docker answers that nothing was wrong.
  const { id } = findImage(context.images, name);
  context.images.transaction(() => nameImage(context, reference, id));
  tellTag(context, reference, id);
}

function imagesToSave(images: ImageTable, names: readonly string[], platform: Platform | undefined): ImageToSave[] {
  const wanted = new Map<Digest, Reference[]>();
  for (const name of names) {
    for (const [{ id, config }, reference] of findNamed(images, name)) {
      if (platform && !platformMatches(platformOf(config), platform)) {
        throw notFound(`no suitable export target found for platform ${formatPlatform(platform)}`, { object: name });
      }
      const references = wanted.get(id) ?? [];
      if (reference && !references.some((other) => familiar(other) === familiar(reference))) references.push(reference);
      wanted.set(id, references);
    }
  }
  return [...wanted].map(([id, references]) => {
    const { config, parent } = images.get(id)!;
    return { id, references, config, parent, configBytes: images.configBytes(id) };
  });
}

/** The layers stay while the archive is being read, whatever happens to the images. */
async function* saving(context: ImageContext, images: readonly ImageToSave[]): AsyncGenerator<Uint8Array> {
  const { keeper, storage } = context;
  const topLayers = images.flatMap(({ id }) => context.images.get(id)?.topLayer ?? []);
  const releases = topLayers.map((layer) => keeper.hold(layer));
  try {
    yield* save(storage, images);
    for (const { id } of images) tell(context, 'save', id);
  } finally {
    for (const release of releases) release();
  }
}

function describe({ images, storage }: ImageContext, { id, config, topLayer, parent, lastTagTime }: ImageRecord): Image {
  const references = images.references({ image: id });
  let size = 0;
  for (let layer = topLayer; layer !== null;) {
    const info = storage.layer(layer);
    size += info?.size ?? 0;
    layer = info?.parent ?? null;
  }
  return {
    id,
    config,
    topLayer,
    parent,
    repoTags: references.filter(({ digest }) => digest === undefined).map(familiar),
    repoDigests: references.filter(({ digest }) => digest !== undefined).map(familiar),
    size,
    lastTagTime,
  };
}
