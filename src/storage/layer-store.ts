/**
 * Layers on disk, below the data root, the same for every driver:
 *
 *     layers/init/diff          the shared init layer
 *     layers/<n>/diff           a layer's own files; n is small, so that 128 of them fit into one page of mount options
 *     layers/<n>/tar-record     with diff, gives the layer's archive back (tar-record.ts)
 *     layers/<n>/replaced/      files that the archive has, and a later entry of it replaced
 *     layers/tmp-…              being unpacked or removed; swept at start
 */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, renameSync } from 'node:fs';
import { basename } from 'node:path';
import { invalidParameter, notFound, systemError } from '../errors.ts';
import { type Finding, leftover } from '../finding.ts';
import type { Database } from '../store/database.ts';
import { chainIdOf, DiffIdMismatch } from './digest.ts';
import type { Digest, LayerInfo } from './driver.ts';
import { makeInitLayer } from './init-layer.ts';
import { layerParts } from './layer-parts.ts';
import { type LayerRecord, LayerTable } from './layer-table.ts';
import { removeTree } from './remove.ts';
import { makeSpread } from './spread.ts';
import { replayedSize, replayTar } from './tar-record.ts';
import { unpackLayer } from './unpack.ts';

/** Docker's limit; overlayfs itself takes 500. */
const maxDepth = 125;

/** What drivers have in common; each adds its roots. */
export abstract class LayerStore {
  /** The directory of all layers. */
  protected readonly layersRoot: string;
  readonly #table: LayerTable;
  /** Names of directories that are being filled or emptied. */
  readonly #working = new Set<string>();

  /** Prepares the directories below `dataRoot`. */
  constructor(dataRoot: string, db: Database) {
    this.layersRoot = `${dataRoot}/layers`;
    makeSpread(this.layersRoot, 0o710);
    makeInitLayer(`${this.layersRoot}/init/diff`);
    this.#table = new LayerTable(db);
    this.#setOrphansAside();
  }

  /** Removes what an interrupted unpack or removal left behind. */
  async recover(): Promise<void> {
    for (const name of readdirSync(this.layersRoot)) {
      if (!name.startsWith('tmp-') || this.#working.has(name)) continue;
      this.#working.add(name);
      await removeTree(`${this.layersRoot}/${name}`).finally(() => this.#working.delete(name));
    }
  }

  layer(chainId: Digest): LayerInfo | undefined {
    const record = this.#table.get(chainId);
    return record && this.#info(record);
  }

  layers(): LayerInfo[] {
    return [...this.#table.all()].map((record) => this.#info(record));
  }

  async unpack(parent: Digest | null, tar: AsyncIterable<Uint8Array>, diffId?: Digest): Promise<LayerInfo> {
    const existing = diffId && this.layer(chainIdOf(parent, diffId));
    if (existing) return existing;
    const chain = this.#chain(parent);
    if (chain.length >= maxDepth) throw invalidParameter('max depth exceeded', { operation: 'unpack layer' });
    const temporary = this.#temporary();
    try {
      const lowers = chain.map((layer) => this.#parts(layer).diff);
      const unpacked = await unpackLayer({ directory: temporary, lowers }, tar);
      if (diffId && unpacked.diffId !== diffId) {
        throw new DiffIdMismatch(chain.length, diffId, unpacked.diffId);
      }
      return this.#adopt(temporary, { ...unpacked, parent, chainId: chainIdOf(parent, unpacked.diffId) });
    } finally {
      // Gone when it was adopted; then whoever asked for it has it before anything else happens.
      if (existsSync(temporary)) await removeTree(temporary);
      this.#done(temporary);
    }
  }

  pack(chainId: Digest): AsyncIterable<Uint8Array> {
    const { record, diff, replaced } = this.#parts(this.#existing(chainId));
    return replayTar(record, diff, replaced);
  }

  packedSize(chainId: Digest): number {
    return replayedSize(this.#parts(this.#existing(chainId)).record);
  }

  forgetLayers(chainIds: readonly Digest[]): () => Promise<void> {
    const layers = chainIds.flatMap((chainId) => this.#table.get(chainId) ?? []);
    // The rows go first: a directory without a row is swept at the next start, a row without a directory would be a
    // lie.
    const forget = this.#table.delete(layers.map(({ chainId }) => chainId));
    return async () => {
      forget();
      await Promise.all(layers.map(({ dir }) => this.#discard(dir)));
    };
  }

  check(): Finding[] {
    const known = new Set(['init', ...[...this.#table.all()].map(({ dir }) => String(dir))]);
    return readdirSync(this.layersRoot).filter((name) => !known.has(name) && !this.#working.has(name)).map((name) => {
      const path = `${this.layersRoot}/${name}`;
      return leftover(path, name.startsWith('tmp-') ? 'A layer that was being made or removed' : 'A directory beside the layers', () => removeTree(path));
    });
  }

  damagedLayers(): ReadonlyMap<Digest, string> {
    const damaged = new Map<Digest, string>();
    for (const layer of this.#table.all()) {
      const { diff, record } = this.#parts(layer);
      const missing = existsSync(diff) ? (existsSync(record) ? undefined : 'the record of its archive') : 'its directory';
      if (missing !== undefined) damaged.set(layer.chainId, `It has lost ${missing}: ${layer.dir}`);
    }
    return damaged;
  }

  /** One that is missing is right: somebody has removed it. */
  async #discard(dir: number): Promise<void> {
    const temporary = this.#temporary();
    try {
      renameSync(`${this.layersRoot}/${dir}`, temporary);
      await removeTree(temporary);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    } finally {
      this.#done(temporary);
    }
  }

  /** The directories of a layer and its ancestors, topmost first, the init layer last. */
  protected lowerDirs(topLayer: Digest | null): string[] {
    return [...this.#chain(topLayer).map((layer) => this.#parts(layer).diff), `${this.layersRoot}/init/diff`];
  }

  #existing(chainId: Digest): LayerRecord {
    const layer = this.#table.get(chainId);
    if (!layer) throw notFound(`layer ${chainId} does not exist`, { object: chainId });
    return layer;
  }

  #chain(top: Digest | null): LayerRecord[] {
    try {
      return this.#table.chain(top);
    } catch (error) {
      throw systemError(`a layer of the image is missing from the data root: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  #adopt(temporary: string, layer: Omit<LayerRecord, 'dir'>): LayerInfo {
    // Another unpack of the same layer may have been faster.
    return (
      this.layer(layer.chainId) ??
      this.#info(this.#table.add(layer, (dir) => renameSync(temporary, `${this.layersRoot}/${dir}`)))
    );
  }

  #info({ chainId, diffId, parent, size, dir }: LayerRecord): LayerInfo {
    return { chainId, diffId, parent, size, path: `${this.layersRoot}/${dir}/diff` };
  }

  #parts(layer: LayerRecord) {
    return layerParts(`${this.layersRoot}/${layer.dir}`);
  }

  /** A name that a check knows of until `#done`. */
  #temporary(): string {
    const name = `tmp-${randomUUID()}`;
    this.#working.add(name);
    return `${this.layersRoot}/${name}`;
  }

  #done(temporary: string): void {
    this.#working.delete(basename(temporary));
  }

  /** A directory whose row was never committed would be in the way of the next layer with its number. */
  #setOrphansAside(): void {
    const known = new Set([...this.#table.all()].map((layer) => String(layer.dir)));
    for (const name of readdirSync(this.layersRoot)) {
      if (/^\d+$/.test(name) && !known.has(name)) renameSync(`${this.layersRoot}/${name}`, `${this.layersRoot}/tmp-${randomUUID()}`);
    }
  }
}
