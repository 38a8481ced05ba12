/** The `local` volume driver: directories below the data root, found by name. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CaissonError, conflict, invalidParameter, notFound } from '../errors.ts';
import { type Finding, leftover } from '../finding.ts';
import type { DirectoryQuotas } from '../linux/directory-quotas.ts';
import { unmountIfMounted } from '../linux/ffi/mounts.ts';
import type { VolumeStore } from '../store/volumes.ts';
import { checkLocalOptions, sizeLimit } from './local-options.ts';

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
  /** Names of volumes whose files are being removed. */
  readonly #removing = new Set<string>();
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
    const volume: Volume = {
      Name: name, Driver: 'local', Mountpoint: join(this.#root, name, '_data'), CreatedAt: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
      Labels: labels, Options: request.options ?? null, Scope: 'local',
    };
    this.#makeDirectory(name, volume.Mountpoint, sizeLimit(request.options ?? {}));
    this.#store.put(name, JSON.stringify(volume));
    this.#tell('create', name);
    return volume;
  }

  #makeDirectory(name: string, path: string, size: number): void {
    const own = join(this.#root, name);
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
    this.#removing.add(name);
    this.#store.delete(name);
    this.#tell('destroy', name);
    // A mount that was left there would take its source along.
    unmountIfMounted(volume.Mountpoint);
    this.#quotas?.release(join(this.#root, name));
    await rm(join(this.#root, name), { recursive: true, force: true }).finally(() => this.#removing.delete(name));
  }

  /** Volumes beside their directories. */
  check(): Finding[] {
    const volumes = this.all();
    const known = new Set(volumes.map(({ Name }) => Name));
    const strays = readdirSync(this.#root).filter((name) => !known.has(name) && !this.#removing.has(name));
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

export const isAnonymous = (volume: Volume) => anonymousLabel in (volume.Labels ?? {});
