/** The `local` volume driver: directories below the data root, found by name. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CaissonError, conflict, invalidParameter, notFound } from '../errors.ts';
import { type Finding, leftover } from '../finding.ts';
import type { DirectoryQuotas } from '../linux/directory-quotas.ts';
import { unmountIfMounted } from '../linux/ffi/mounts.ts';
import type { VolumeStore } from '../store/volumes.ts';
import { checkLocalOptions, localMount, sizeLimit } from './local-options.ts';

/** Docker's `Volume` object. */
export interface Volume {
  readonly Name: string;
  readonly Driver: 'local';
  readonly Mountpoint: string;
  /** RFC 3339. */
  readonly CreatedAt: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Options: Readonly<Record<string, string>> | null;
  readonly Scope: 'local';
}

export interface VolumeRequest {
  /** Empty: a name is made up, and the volume is anonymous. */
  readonly name: string;
  /** Default: `local`, the only one. */
  readonly driver?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
}

/** The label Docker gives to volumes without a name of their own. */
const anonymousLabel = 'com.docker.volume.anonymous';
const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

export class LocalVolumes {
  readonly #root: string;
  readonly #store: VolumeStore;
  readonly #quotas: DirectoryQuotas | undefined;
  /** Directories that are being filled or removed. */
  readonly #working = new Set<string>();
  /** Names of volumes that are being cloned, once for each clone. */
  readonly #sources: string[] = [];
  readonly #tell: (action: 'create' | 'destroy', name: string) => void;

  /** `quotas`: undefined where volumes cannot be limited. */
  constructor(dataRoot: string, store: VolumeStore, quotas: DirectoryQuotas | undefined, tell: (action: 'create' | 'destroy', name: string) => void) {
    this.#root = join(dataRoot, 'volumes');
    this.#store = store;
    this.#quotas = quotas;
    this.#tell = tell;
    mkdirSync(this.#root, { recursive: true, mode: 0o701 });
  }

  all(): Volume[] {
    return this.#store.all().map((row) => JSON.parse(row.record) as Volume);
  }

  find(name: string): Volume | undefined {
    const row = this.#store.get(name);
    return row && (JSON.parse(row.record) as Volume);
  }

  get(name: string): Volume {
    const volume = this.find(name);
    if (!volume) throw notFound(`get ${name}: no such volume`, { object: name });
    return volume;
  }

  /** The volume with this name, made if it is not there. Throws for a name that could leave the volume directory. */
  ensure(request: VolumeRequest): Volume {
    const anonymous = request.name === '';
    const name = anonymous ? randomBytes(32).toString('hex') : request.name;
    checkRequest(name, request, this.#quotas !== undefined);
    const existing = this.find(name);
    if (existing) return existing;
    const labels = anonymous ? { ...request.labels, [anonymousLabel]: '' } : request.labels ?? null;
    const own = join(this.#root, name);
    this.#makeDirectory(own, join(own, '_data'), sizeLimit(request.options ?? {}));
    return this.#record(name, labels, request.options ?? null);
  }

  #record(name: string, labels: Volume['Labels'], options: Volume['Options']): Volume {
    const volume: Volume = {
      Name: name, Driver: 'local', Mountpoint: join(this.#root, name, '_data'), CreatedAt: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
      Labels: labels, Options: options, Scope: 'local',
    };
    this.#store.put(name, JSON.stringify(volume));
    this.#tell('create', name);
    return volume;
  }

  #makeDirectory(own: string, path: string, size: number): void {
    if (size > 0 && this.#quotas) {
      // What a crash has left of a volume that was being made; never one with something in it.
      for (const left of [path, own]) if (existsSync(left)) rmdirSync(left);
      this.#quotas.make(own, size);
    }
    mkdirSync(path, { recursive: true, mode: 0o755 });
  }

  /** Throws when a container has it. */
  async remove(name: string, force: boolean, users: readonly string[]): Promise<void> {
    const volume = this.find(name);
    if (!volume) {
      if (force) return;
      throw notFound(`get ${name}: no such volume`, { object: name });
    }
    if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(', ')}]`, { object: name });
    if (this.#sources.includes(name)) throw conflict(`remove ${name}: volume is in use - it is being cloned`, { object: name });
    this.#store.delete(name);
    this.#tell('destroy', name);
    // A mount that was left there would take its source along.
    unmountIfMounted(volume.Mountpoint);
    this.#quotas?.release(join(this.#root, name));
    await this.#discard(name);
  }

  /** The name is free at once. A missing directory is right. */
  async #discard(name: string): Promise<void> {
    const aside = this.#aside();
    try {
      renameSync(join(this.#root, name), aside);
      await rm(aside, { recursive: true, force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    } finally {
      this.#working.delete(aside);
    }
  }

  /** A path that no volume has, known until it is taken off `#working`; what a crash leaves there is removed by the next daemon. */
  #aside(): string {
    const aside = join(this.#root, `.${randomBytes(8).toString('hex')}`);
    this.#working.add(aside);
    return aside;
  }

  /** Removes what an interrupted clone or removal has left. */
  async recover(): Promise<void> {
    const left = readdirSync(this.#root).filter((name) => name.startsWith('.')).map((name) => join(this.#root, name)).filter((path) => !this.#working.has(path));
    for (const path of left) this.#working.add(path);
    for (const path of left) await rm(path, { recursive: true, force: true }).finally(() => this.#working.delete(path));
  }

  /**
   * A new volume with what `copy` puts into its directory, and with the options of another one. It is there when it is whole. Throws
   * for a name that is taken, and for volumes that are mounts.
   */
  async clone(source: Volume, { name, labels }: Pick<VolumeRequest, 'name' | 'labels'>, copy: (from: string, to: string) => Promise<void>): Promise<Volume> {
    const options = source.Options ?? {};
    checkRequest(name, { name, options }, this.#quotas !== undefined);
    if (localMount(options) !== undefined) throw invalidParameter(`clone ${source.Name}: it mounts ${options['device'] ?? ''}, and has no files of its own`, { object: source.Name });
    this.#checkFree(name);
    const aside = this.#aside();
    this.#sources.push(source.Name);
    try {
      this.#makeDirectory(aside, join(aside, '_data'), sizeLimit(options));
      await copy(source.Mountpoint, join(aside, '_data'));
      this.#checkFree(name);
      renameSync(aside, join(this.#root, name));
      return this.#record(name, labels ?? ownLabels(source), source.Options);
    } catch (error) {
      await rm(aside, { recursive: true, force: true });
      throw error;
    } finally {
      this.#working.delete(aside);
      this.#sources.splice(this.#sources.indexOf(source.Name), 1);
    }
  }

  #checkFree(name: string): void {
    if (this.find(name) === undefined && !existsSync(join(this.#root, name))) return;
    throw conflict(`a volume named ${name} exists already: remove it first, or take another name`, { object: name });
  }

  /** Volumes beside their directories. */
  check(): Finding[] {
    const volumes = this.all();
    const known = new Set(volumes.map(({ Name }) => Name));
    const strays = readdirSync(this.#root).filter((name) => !known.has(name) && !this.#working.has(join(this.#root, name)));
    return [...volumes.filter(({ Mountpoint }) => !existsSync(Mountpoint)).map((volume) => this.#missing(volume)), ...strays.map((name) => this.#stray(name))];
  }

  #missing({ Name, Mountpoint }: Volume): Finding {
    return {
      kind: 'volume', object: Name, problem: 'Its directory is missing, and what was in it.',
      reason: 'Something else has removed it: nothing of this engine does.', remedy: 'It gets an empty directory.',
      repair: async () => void mkdirSync(Mountpoint, { recursive: true, mode: 0o755 }),
    };
  }

  /** Data that people may want are never removed by a repair. */
  #stray(name: string): Finding {
    const path = join(this.#root, name);
    if (name.startsWith('.')) return leftover(path, 'A volume that was being removed or cloned', () => rm(path, { recursive: true, force: true }));
    const data = join(path, '_data');
    const isEmpty = !existsSync(data) || readdirSync(data).length === 0;
    if (isEmpty) return leftover(path, 'The empty directory of a volume', () => rm(path, { recursive: true, force: true }));
    return {
      kind: 'volume', object: path, problem: 'The directory of a volume has files in it, and no volume of this name is known.',
      reason: 'It has been copied here, or a record of it is lost.', remedy: 'A volume with its name is recorded, so that it can be looked at, used, or removed.',
      repair: async () => void this.ensure({ name }),
    };
  }

  /** Removes those of `names` that were made without a name and that nothing uses any more. */
  removeAnonymous(names: readonly string[], inUse: (name: string) => boolean): void {
    for (const name of names) {
      const volume = this.find(name);
      if (!volume || !isAnonymous(volume) || inUse(name) || !existsSync(volume.Mountpoint)) continue;
      void this.remove(name, true, []);
    }
  }
}

function checkRequest(name: string, { driver = '', options = {} }: VolumeRequest, quotas: boolean): void {
  try {
    if (driver !== '' && driver !== 'local') throw notFound(`error looking up volume plugin ${driver}: plugin "${driver}" not found`);
    if (name.length === 1) throw invalidParameter('volume name is too short, names should be at least two alphanumeric characters');
    if (!namePattern.test(name)) {
      throw invalidParameter(`"${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`);
    }
    checkLocalOptions(options, quotas);
  } catch (error) {
    if (!(error instanceof CaissonError)) throw error;
    throw new CaissonError(error.class, `create ${name}: ${error.message}`, { object: name, cause: error });
  }
}

/** A clone has a name. */
function ownLabels({ Labels }: Volume): Volume['Labels'] {
  const { [anonymousLabel]: _anonymous, ...labels } = Labels ?? {};
  return Labels === null ? null : labels;
}

export const isAnonymous = (volume: Volume) => anonymousLabel in (volume.Labels ?? {});
