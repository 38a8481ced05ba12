/**
 * Collects what nobody needs when the disk fills, if the daemon was asked to: what building has kept, then images without containers,
 * the least recently used first, until enough is free again. Volumes and containers are never touched.
 */
import { statfsSync } from 'node:fs';
import { isClass } from '../errors.ts';
import type { Image } from '../images/service.ts';
import type { Digest } from '../storage/driver.ts';
import type { ImageUseStore } from '../store/image-uses.ts';
import type { EngineContext } from './context.ts';
import { labelsOf } from './image-filters.ts';
import { namesMatching } from './image-list.ts';
import { usersOf } from './image-users.ts';
import { matchesLabel } from './events.ts';
import { parseTime } from './timestamps.ts';

export interface CollectorSettings {
  /** Percent of the file system of the data root that may be used before anything is collected. */
  readonly high: number;
  /** Percent down to which it is then. */
  readonly low: number;
  /** Milliseconds that an image stays after its last use, or after it came. */
  readonly minimumAge: number;
  /** Images that stay: `label=KEY[=VALUE]` or `reference=PATTERN`. Those with the label `caisson.keep` do always. */
  readonly keep: readonly string[];
}

/** Of an image that is never collected. */
const keepLabel = 'caisson.keep';
/** Events of images that have come, or are named again. */
const arrivals = new Set(['load', 'import', 'create', 'tag']);
/** Milliseconds between two looks when nothing happens to images: containers and volumes fill disks, too. */
const interval = 60_000;
/** Milliseconds after a change, so that many at once cause one look. */
const delay = 500;

export class Collector {
  readonly #settings: CollectorSettings;
  readonly #uses: ImageUseStore;
  #context: EngineContext | undefined;
  #timer: NodeJS.Timeout | undefined;
  #collecting = false;

  constructor(settings: CollectorSettings, uses: ImageUseStore) {
    this.#settings = settings;
    this.#uses = uses;
  }

  /** From now on it looks, and collects. */
  begin(context: EngineContext): void {
    this.#context = context;
    this.#uses.sweep();
    this.changed();
  }

  /** Something has happened to an image, which is younger then: looks soon. */
  changed(action?: string, id = ''): void {
    if (action !== undefined && arrivals.has(action) && id.startsWith('sha256:')) this.#uses.used(id, Date.now());
    if (this.#context !== undefined) this.#arm(delay);
  }

  /** A container of the image has been removed. */
  used(image: string): void {
    this.#uses.used(image, Date.now());
    this.changed();
  }

  #arm(wait: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), wait);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const context = this.#context!;
    if (this.#collecting) return;
    this.#collecting = true;
    try {
      if (usedPercent(context) >= this.#settings.high) await this.#collect(context);
    } catch (error) {
      context.logger.warn('cannot collect what is not needed', { error });
    } finally {
      this.#collecting = false;
      this.#arm(interval);
    }
  }

  async #collect(context: EngineContext): Promise<void> {
    const before = usedPercent(context);
    const isEnough = () => usedPercent(context) <= this.#settings.low;
    const records = isEnough() ? 0 : await collectBuildCache(context, isEnough);
    const images = isEnough() ? [] : await collectImages(context, this.#candidates(context), isEnough);
    context.logger.info('collected what is not needed', { usedBefore: `${before.toFixed(1)}%`, used: `${usedPercent(context).toFixed(1)}%`, buildRecords: records, images: images.join(' ') });
  }

  /** The least recently used first. */
  #candidates(context: EngineContext): Image[] {
    const uses = this.#uses.all();
    const users = usersOf(context);
    const latest = Date.now() - this.#settings.minimumAge;
    return context.images.list()
      .filter((image) => users(image.id).length === 0 && !this.#isKept(image))
      .map((image) => ({ image, at: Math.max(uses.get(image.id) ?? 0, arrivedAt(image)) }))
      .filter(({ at }) => at <= latest)
      .toSorted((a, b) => a.at - b.at)
      .map(({ image }) => image);
  }

  #isKept(image: Image): boolean {
    const labels = labelsOf(image) ?? {};
    return keepLabel in labels || this.#settings.keep.some((rule) => {
      const [kind, value] = [rule.slice(0, rule.indexOf('=')), rule.slice(rule.indexOf('=') + 1)];
      return kind === 'label' ? matchesLabel(labels, value) : namesMatching(image, [value]).length > 0;
    });
  }
}

/** When it came here or got a name; made here without one: when it was made. Milliseconds. */
function arrivedAt({ lastTagTime, config }: Image): number {
  const time = parseTime(lastTagTime) ?? 0n;
  return Number((time > 0n ? time : (parseTime(config.created ?? '') ?? 0n)) / 1_000_000n);
}

/** Like df(1): what only root may use counts as used. */
function usedPercent({ settings }: EngineContext): number {
  const { blocks, bfree, bavail } = statfsSync(settings.dataRoot);
  const used = blocks - bfree;
  return (used / (used + bavail)) * 100;
}

/** Returns how many records were forgotten. */
async function collectBuildCache({ buildCache, images }: EngineContext, isEnough: () => boolean): Promise<number> {
  let count = 0;
  for (const { key, topLayer } of buildCache.all()) {
    if (isEnough()) break;
    buildCache.delete([key]);
    if (topLayer !== null) await images.free(topLayer as Digest);
    count++;
  }
  return count;
}

/** Returns the names of those that were removed. */
async function collectImages(context: EngineContext, candidates: readonly Image[], isEnough: () => boolean): Promise<string[]> {
  const removed: string[] = [];
  for (const image of candidates) {
    if (isEnough()) break;
    const names = [...image.repoTags, ...image.repoDigests];
    try {
      for (const name of names.length > 0 ? names : [image.id]) await context.images.remove(name, { force: false, prune: true }, usersOf(context));
      removed.push(names[0] ?? image.id);
    } catch (error) {
      // Others are made of it, or it has been taken into use or removed meanwhile.
      if (!isClass(error, 'conflict') && !isClass(error, 'not-found')) throw error;
    }
  }
  return removed;
}
