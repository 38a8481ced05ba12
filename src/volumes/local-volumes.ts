/** The `local` volume driver: directories below the data root, found by name. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CaissonError, conflict, invalidParameter, notFound } from '../errors.ts';
import { unmountIfMounted } from '../linux/ffi/mounts.ts';
import type { VolumeStore } from '../store/volumes.ts';
import { checkLocalOptions } from './local-options.ts';

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
  readonly #tell: (action: 'create' | 'destroy', name: string) => void;

  constructor(dataRoot: string, store: VolumeStore, tell: (action: 'create' | 'destroy', name: string) => void) {
    this.#root = join(dataRoot, 'volumes');
    this.#store = store;
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
    checkRequest(name, request);
    const existing = this.find(name);
    if (existing) return existing;
    const labels = anonymous ? { ...request.labels, [anonymousLabel]: '' } : request.labels ?? null;
    const volume: Volume = {
      Name: name, Driver: 'local', Mountpoint: join(this.#root, name, '_data'), CreatedAt: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
      Labels: labels, Options: request.options ?? null, Scope: 'local',
    };
    mkdirSync(volume.Mountpoint, { recursive: true, mode: 0o755 });
    this.#store.put(name, JSON.stringify(volume));
    this.#tell('create', name);
    return volume;
  }

  /** Throws when a container has it. */
  async remove(name: string, force: boolean, users: readonly string[]): Promise<void> {
    const volume = this.find(name);
    if (!volume) {
      if (force) return;
      throw notFound(`get ${name}: no such volume`, { object: name });
    }
    if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(', ')}]`, { object: name });
    this.#store.delete(name);
    this.#tell('destroy', name);
    // A mount that was left there would take its source along.
    unmountIfMounted(volume.Mountpoint);
    await rm(join(this.#root, name), { recursive: true, force: true });
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

function checkRequest(name: string, { driver = '', options = {} }: VolumeRequest): void {
  try {
    if (driver !== '' && driver !== 'local') throw notFound(`error looking up volume plugin ${driver}: plugin "${driver}" not found`);
    if (name.length === 1) throw invalidParameter('volume name is too short, names should be at least two alphanumeric characters');
    if (!namePattern.test(name)) {
      throw invalidParameter(`"${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`);
    }
    checkLocalOptions(options);
  } catch (error) {
    if (!(error instanceof CaissonError)) throw error;
    throw new CaissonError(error.class, `create ${name}: ${error.message}`, { object: name, cause: error });
  }
}

export const isAnonymous = (volume: Volume) => anonymousLabel in (volume.Labels ?? {});
