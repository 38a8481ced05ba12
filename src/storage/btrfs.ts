/**
 * The btrfs driver: each root is a snapshot of a subvolume that has what its layers show. Such a subvolume is made for an image's top
 * layer when the first container needs it: a snapshot of the nearest one below, with the layers in between laid over it, whose data it
 * shares.
 *
 *     btrfs/images/<n>/      what layer n and those below it show
 *     btrfs/roots/<id>/{tree,shifted}   a container's root
 */
import { closeSync, constants, mkdirSync, openSync, readdirSync, renameSync } from 'node:fs';
import { systemError } from '../errors.ts';
import { type Finding, leftover } from '../finding.ts';
import { createSnapshot, createSubvolume, enableQuotas, limitSubvolume } from '../linux/ffi/btrfs.ts';
import { fileSystemMagic, fileSystemType } from '../linux/ffi/files.ts';
import type { Digest, DriverParts, LayerInfo, RootOptions, StorageDriver, TreeRoot } from './driver.ts';
import { LayerStore } from './layer-store.ts';
import { packChanges } from './pack-changes.ts';
import type { PackOptions } from './pack.ts';
import { btrfsSize, type SizeBounds } from './root-size.ts';
import { removeTree } from './remove.ts';
import { removeSubvolume } from './remove-subvolume.ts';
import { layLayers } from './vfs.ts';

const openDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

export class BtrfsDriver extends LayerStore implements StorageDriver {
  readonly name = 'btrfs';
  readonly ids = { onDisk: 'container', inView: 'container' } as const;
  readonly #bounds: SizeBounds;
  readonly #images: string;
  readonly #roots: string;
  /** Subvolumes of images that are being made, by their names. */
  readonly #making = new Map<string, Promise<void>>();
  readonly #removing = new Set<string>();

  constructor({ dataRoot, database, bounds }: DriverParts) {
    super(dataRoot, database);
    this.#bounds = bounds;
    this.#images = `${dataRoot}/btrfs/images`;
    this.#roots = `${dataRoot}/btrfs/roots`;
    for (const directory of [this.#images, this.#roots]) mkdirSync(directory, { recursive: true, mode: 0o710 });
  }

  static supports(dataRoot: string): boolean {
    return fileSystemType(dataRoot) === fileSystemMagic.btrfs;
  }

  status() {
    return [['Btrfs', '']] as const;
  }

  override async recover(): Promise<void> {
    await super.recover();
    const isKnown = this.#knownImages();
    for (const name of readdirSync(this.#images)) if (!isKnown(name)) await removeSubvolume(this.#images, name);
  }

  override check(): Finding[] {
    const isKnown = this.#knownImages();
    return [...super.check(), ...readdirSync(this.#images).filter((name) => !isKnown(name))
      .map((name) => leftover(`${this.#images}/${name}`, 'A subvolume of an image', () => removeSubvolume(this.#images, name)))];
  }

  /** Tells, now and later, what is of the layers that are there now, or is being made or removed. */
  #knownImages(): (name: string) => boolean {
    const known = new Set([initImage, ...this.layers().map(({ path }) => imageName(path))]);
    return (name) => known.has(name) || this.#making.has(name.replace(/^tmp-/, '')) || this.#removing.has(name);
  }

  override forgetLayers(chainIds: readonly Digest[]): () => Promise<void> {
    const names = chainIds.flatMap((chainId) => this.layer(chainId) ?? []).map(({ path }) => imageName(path));
    const discard = super.forgetLayers(chainIds);
    return async () => {
      for (const name of names) this.#removing.add(name);
      await discard();
      await Promise.all(names.map((name) => this.#removeImage(name)));
    };
  }

  async #removeImage(name: string): Promise<void> {
    await removeSubvolume(this.#images, name).finally(() => this.#removing.delete(name));
  }

  roots(): string[] {
    return readdirSync(this.#roots);
  }

  async commitRoot(id: string, topLayer: Digest | null, owner?: PackOptions['owner']): Promise<LayerInfo | undefined> {
    const changes = packChanges(this.root(id, topLayer), owner ? { owner } : {});
    return changes && this.unpack(topLayer, changes);
  }

  async createRoot(id: string, topLayer: Digest | null, { storageOptions, plain = false }: RootOptions): Promise<void> {
    const size = btrfsSize(storageOptions, this.#bounds);
    const { lowerDirs } = this.root(id, topLayer);
    if (!plain) await this.#makeImage(lowerDirs);
    const own = `${this.#roots}/${id}`;
    mkdirSync(own, { mode: 0o710 });
    try {
      if (plain) withDirectory(own, (directory) => createSubvolume(directory, 'tree'));
      else this.#snapshot(`${this.#images}/${imageName(lowerDirs[0]!)}`, own, 'tree');
      if (plain) await layLayers(lowerDirs.slice(0, -1), `${own}/tree`);
      if (size > 0) limit(`${own}/tree`, size);
    } catch (error) {
      await this.removeRoot(id);
      throw error;
    }
  }

  root(id: string, topLayer: Digest | null): TreeRoot {
    const own = `${this.#roots}/${id}`;
    return { kind: 'tree', path: `${own}/tree`, shiftedDir: `${own}/shifted`, lowerDirs: this.lowerDirs(topLayer) };
  }

  async removeRoot(id: string): Promise<void> {
    const aside = `.removed-${id}`;
    try {
      renameSync(`${this.#roots}/${id}`, `${this.#roots}/${aside}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    await removeSubvolume(`${this.#roots}/${aside}`, 'tree');
    await removeTree(`${this.#roots}/${aside}`);
  }

  /** Once for containers that are created at the same time. */
  async #makeImage(lowerDirs: readonly string[]): Promise<void> {
    const name = imageName(lowerDirs[0]!);
    const making = this.#making.get(name) ?? this.#makeMissingImage(name, lowerDirs);
    this.#making.set(name, making);
    try {
      await making;
    } finally {
      this.#making.delete(name);
    }
  }

  async #makeMissingImage(name: string, lowerDirs: readonly string[]): Promise<void> {
    const there = new Set(readdirSync(this.#images));
    if (there.has(name)) return;
    const depth = lowerDirs.findIndex((layer) => there.has(imageName(layer)));
    const missing = depth < 0 ? lowerDirs : lowerDirs.slice(0, depth);
    const temporary = `tmp-${name}`;
    await removeSubvolume(this.#images, temporary);
    if (depth >= 0) this.#snapshot(`${this.#images}/${imageName(lowerDirs[depth]!)}`, this.#images, temporary);
    else withDirectory(this.#images, (images) => createSubvolume(images, temporary));
    try {
      await layLayers(missing, `${this.#images}/${temporary}`);
      renameSync(`${this.#images}/${temporary}`, `${this.#images}/${name}`);
    } catch (error) {
      await removeSubvolume(this.#images, temporary);
      throw error;
    }
  }

  #snapshot(source: string, directory: string, name: string): void {
    withDirectory(source, (from) => withDirectory(directory, (into) => createSnapshot(from, into, name)));
  }
}

const initImage = 'init';

/** The name of a layer's directory, from its `diff`: a number, or `init`. */
const imageName = (diff: string): string => diff.split('/').at(-2) ?? '';

/** As with Docker, what the image has counts, too. */
const limit = (path: string, size: number): void => withDirectory(path, (fd) => {
  enableQuotas(fd);
  limitSubvolume(fd, size);
});

function withDirectory(path: string, action: (fd: number) => void): void {
  const fd = openSync(path, openDirectory);
  try {
    action(fd);
  } catch (cause) {
    throw systemError(`btrfs: ${(cause as Error).message}`, { object: path, cause });
  } finally {
    closeSync(fd);
  }
}
