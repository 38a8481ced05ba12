/** Images on a storage driver and the metadata database. */
import { mkdirSync, readdirSync } from 'node:fs';
import { invalidParameter, notFound } from '../errors.ts';
import { type Digest, isDigest } from '../storage/digest.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { removeTree } from '../storage/remove.ts';
import type { Database } from '../store/database.ts';
import { type ImageRecord, ImageTable } from './image-table.ts';
import { importImage, type ImportOptions } from './import.ts';
import { LayerKeeper } from './layer-keeper.ts';
import { load } from './load.ts';
import {
  familiar,
  familiarName,
  parseReference,
  type Reference,
  taggedReference,
  withDefaultTag,
} from './reference.ts';
import { removeImage, type UsedBy } from './remove.ts';
import { type ImageToSave, save } from './save.ts';
import type { Image, ImageService, ProgressRecord, RemovedImage } from './service.ts';

export interface ImageServiceParts {
  readonly dataRoot: string;
  readonly database: Database;
  readonly storage: StorageDriver;
  /** The top layers of all containers' roots: their layers stay when an image is removed by force. */
  readonly layersInUse: () => Iterable<Digest>;
}

export function createImageService(parts: ImageServiceParts): ImageService {
  return new StoredImages(parts);
}

class StoredImages implements ImageService {
  readonly #storage: StorageDriver;
  readonly #images: ImageTable;
  readonly #keeper: LayerKeeper;
  readonly #temporaryRoot: string;

  constructor({ dataRoot, database, storage, layersInUse }: ImageServiceParts) {
    this.#storage = storage;
    this.#images = new ImageTable(database);
    this.#temporaryRoot = `${dataRoot}/tmp`;
    const topLayers = () => [...this.#images.all()].flatMap((image) => image.topLayer ?? []);
    this.#keeper = new LayerKeeper(storage, () => [...topLayers(), ...layersInUse()]);
    mkdirSync(this.#temporaryRoot, { recursive: true, mode: 0o700 });
    // What a load that was interrupted put aside; nothing refers to it.
    for (const name of readdirSync(this.#temporaryRoot)) {
      if (name.startsWith('load-')) removeTree(`${this.#temporaryRoot}/${name}`).catch(() => undefined);
    }
  }

  get(nameOrId: string): Image {
    return this.#describe(this.#find(nameOrId));
  }

  list(): readonly Image[] {
    return [...this.#images.all()].map((record) => this.#describe(record));
  }

  load(tar: AsyncIterable<Uint8Array>, options: { quiet?: boolean } = {}): AsyncIterable<ProgressRecord> {
    const context = {
      storage: this.#storage,
      images: this.#images,
      keeper: this.#keeper,
      temporaryRoot: this.#temporaryRoot,
    };
    return load(context, tar, options.quiet ?? false);
  }

  async save(names: readonly string[]): Promise<AsyncIterable<Uint8Array>> {
    const wanted = new Map<Digest, Reference[]>();
    for (const name of names) {
      for (const [id, reference] of this.#named(name)) {
        const references = wanted.get(id) ?? [];
        if (reference && !references.some((other) => familiar(other) === familiar(reference)))
          references.push(reference);
        wanted.set(id, references);
      }
    }
    const images = [...wanted].map(([id, references]) => ({
      id,
      references,
      config: this.#images.get(id)!.config,
      configBytes: this.#images.configBytes(id),
    }));
    return this.#saving(images);
  }

  import(tar: AsyncIterable<Uint8Array>, options: ImportOptions): Promise<Digest> {
    return importImage({ storage: this.#storage, images: this.#images, keeper: this.#keeper }, tar, options);
  }

  tag(nameOrId: string, repo: string, tag: string): void {
    const { id } = this.#find(nameOrId);
    const reference = taggedReference(repo, tag);
    if (reference.digest !== undefined)
      throw invalidParameter('refusing to create a tag with a digest reference', { object: repo });
    if (familiarName(reference.name) === 'sha256') {
      throw invalidParameter('refusing to create an ambiguous tag using digest algorithm as name', { object: repo });
    }
    this.#images.transaction(() => this.#images.tag(withDefaultTag(reference), id, new Date().toISOString()));
  }

  remove(nameOrId: string, options: { force: boolean; prune: boolean }, usedBy: UsedBy): Promise<RemovedImage[]> {
    const context = { images: this.#images, keeper: this.#keeper, usedBy };
    return removeImage(context, this.#find(nameOrId).id, nameOrId, options);
  }

  /** The layers stay while the archive is being read, whatever happens to the images. */
  async *#saving(images: readonly ImageToSave[]): AsyncGenerator<Uint8Array> {
    const releases = images
      .flatMap(({ id }) => this.#images.get(id)?.topLayer ?? [])
      .map((layer) => this.#keeper.hold(layer));
    try {
      yield* save(this.#storage, images);
    } finally {
      for (const release of releases) release();
    }
  }

  /** A repository without a tag means all of its tags; an id means the image without a name. */
  #named(name: string): [Digest, Reference | undefined][] {
    const parsed = isBareId(name) ? undefined : parseReference(name);
    if (parsed && parsed.tag === undefined && parsed.digest === undefined) {
      const tagged = this.#images.references({ name: parsed.name }).filter(({ tag }) => tag !== undefined);
      if (tagged.length > 0) return tagged.map((reference) => [this.#images.byReference(reference)!, reference]);
    }
    const { id } = this.#find(name);
    return [
      [
        id,
        parsed?.tag !== undefined && this.#images.byReference(parsed) ? { ...parsed, digest: undefined } : undefined,
      ],
    ];
  }

  #find(nameOrId: string): ImageRecord {
    const missing = (shown: string) => notFound(`No such image: ${shown}`, { object: nameOrId });
    if (isBareId(nameOrId)) {
      const id = (nameOrId.startsWith('sha256:') ? nameOrId : `sha256:${nameOrId}`) as Digest;
      const record = this.#images.get(id);
      if (!record) throw missing(id);
      return record;
    }
    const reference = withDefaultTag(parseReference(nameOrId));
    const named = this.#images.byReference(
      reference.digest === undefined ? reference : { ...reference, tag: undefined },
    );
    const record = named ? this.#images.get(named) : this.#byPrefix(nameOrId);
    if (!record) throw missing(familiar(reference));
    return record;
  }

  /** Undefined when no image, or more than one, has an id that begins so. */
  #byPrefix(prefix: string): ImageRecord | undefined {
    const hex = prefix.startsWith('sha256:') ? prefix.slice('sha256:'.length) : prefix;
    if (!/^[0-9a-f]+$/.test(hex)) return undefined;
    const matches = [...this.#images.all()].filter(({ id }) => id.startsWith(`sha256:${hex}`));
    return matches.length === 1 ? matches[0] : undefined;
  }

  #describe({ id, config, topLayer, lastTagTime }: ImageRecord): Image {
    const references = this.#images.references({ image: id });
    let size = 0;
    for (let layer = topLayer; layer !== null;) {
      const info = this.#storage.layer(layer);
      size += info?.size ?? 0;
      layer = info?.parent ?? null;
    }
    return {
      id,
      config,
      topLayer,
      repoTags: references.filter(({ digest }) => digest === undefined).map(familiar),
      repoDigests: references.filter(({ digest }) => digest !== undefined).map(familiar),
      size,
      lastTagTime,
    };
  }
}

/** A whole id, with or without its algorithm. */
const isBareId = (text: string) => isDigest(text) || /^[0-9a-f]{64}$/.test(text);
