/** Places on the host for the mounts of a `RUN`. */
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, closeSync, constants, existsSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { invalidParameter, notFound, notImplemented } from '../../errors.ts';
import type { StorageDriver } from '../../storage/driver.ts';
import { type Found, lookUp } from '../../storage/lookup.ts';
import { archive, packFound, walkOf } from '../../storage/pack.ts';
import { makeSpread } from '../../storage/spread.ts';
import { toByteString } from '../../storage/tar/entry.ts';
import { untar } from '../../storage/untar.ts';
import type { MountOperation } from '../graph/vertex.ts';
import type { PreparedMount } from './executor.ts';
import { ClientMounts } from './client-mounts.ts';
import { contentDigest } from './content-digest.ts';
import { directoriesOf, type Result } from './result.ts';
import type { Session } from './session.ts';

export interface PreparedMounts {
  readonly mounts: readonly PreparedMount[];
  /** `KEY=value`: secrets, and where an agent is. */
  readonly environment: readonly string[];
  /** To be called when the command has ended. */
  release(): Promise<void>;
}

export class MountPreparer {
  readonly #root: string;
  readonly #secretRoot: string;
  readonly #storage: StorageDriver;
  /** Who has a locked cache, and who waits for it. */
  readonly #locks = new Map<string, Promise<void>>();
  readonly #private = new Set<string>();

  /** `root`: where caches are kept between builds; `secretRoot`: for secrets and sockets, best not on a disk. */
  constructor(root: string, secretRoot: string, storage: StorageDriver) {
    this.#root = root;
    this.#secretRoot = secretRoot;
    this.#storage = storage;
    makeSpread(root, 0o700);
  }

  /** Rejects for what a mount asks for and is not there. */
  async prepare(session: Session, mounts: readonly MountOperation[], inputs: readonly Result[]): Promise<PreparedMounts> {
    const releases: (() => void)[] = [];
    const release = async (): Promise<void> => {
      for (const each of releases.splice(0)) each();
    };
    const { client } = session.options;
    const fromClient = new ClientMounts(this.#secretRoot, client, releases);
    try {
      const prepared: PreparedMount[] = [];
      for (const mount of mounts) {
        const source = mount.type === 'secret' || mount.type === 'ssh' ? await fromClient.source(mount) : await this.#source(session, mount, inputs, releases);
        if (source !== undefined) prepared.push({ target: mount.target, readOnly: mount.readOnly, source });
      }
      return { mounts: prepared, environment: fromClient.environment, release };
    } catch (error) {
      await release();
      throw error;
    }
  }

  async #source(session: Session, mount: MountOperation, inputs: readonly Result[], releases: (() => void)[]): Promise<PreparedMount['source']> {
    switch (mount.type) {
      case 'tmpfs': return { kind: 'tmpfs', size: mount.size };
      case 'cache': return { kind: 'path', path: await this.#cache(session, mount, mount.input === undefined ? undefined : inputs[mount.input], releases) };
      default: return { kind: 'path', path: await this.#bind(session, mount, inputs[mount.input!]!) };
    }
  }

  /** `seed`: what a new cache begins with. */
  async #cache(session: Session, mount: MountOperation, seed: Result | undefined, releases: (() => void)[]): Promise<string> {
    // A link that a command has left in a cache must lead nowhere on the host.
    if (seed === undefined && mount.source !== '' && mount.source !== '/')
      throw notImplemented('a cache mount of a directory inside the cache (source= without from=) is not supported');
    const id = await this.#cacheId(mount, seed);
    if (mount.sharing === 'locked') releases.push(await this.#lock(id));
    const name = mount.sharing === 'private' ? this.#privateName(id, releases) : id;
    const path = `${this.#root}/${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
    if (seed !== undefined) {
      await this.#seed(session, mount, seed, path);
      return path;
    }
    const isNew = mkdirSync(path, { recursive: true, mode: 0o755 }) !== undefined;
    if (isNew) {
      chownSync(path, mount.uid ?? 0, mount.gid ?? 0);
      chmodSync(path, mount.mode ?? 0o755);
    }
    return path;
  }

  /** Whoever is first makes the cache: it appears whole. */
  async #seed(session: Session, mount: MountOperation, seed: Result, path: string): Promise<void> {
    if (existsSync(path)) return;
    const found = this.#find(mount, seed);
    if (!found.stat.isDirectory()) throw invalidParameter(`invalid mount: ${mount.source}: a cache begins with a directory`, { object: mount.source });
    try {
      renameSync(await this.#copied(session, found), path);
    } catch (error) {
      if (!['EEXIST', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }

  async #lock(id: string): Promise<() => void> {
    const before = this.#locks.get(id) ?? Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#locks.set(id, before.then(() => promise));
    await before;
    return resolve;
  }

  /** The first of several that nobody uses at the moment. */
  #privateName(id: string, releases: (() => void)[]): string {
    let name = id;
    for (let number = 1; this.#private.has(name); number++) name = `${id}\0${number}`;
    this.#private.add(name);
    releases.push(() => void this.#private.delete(name));
    return name;
  }

  async #bind(session: Session, mount: MountOperation, shown: Result): Promise<string> {
    const found = this.#find(mount, shown);
    // What a command writes into it is nobody else's, and is gone when the build ends.
    return mount.readOnly && isInOneLayer(found) ? found.place.layer + found.place.path : this.#copied(session, found);
  }

  /** A cache that begins with something is another one than that which does not, or which begins with something else. */
  async #cacheId(mount: MountOperation, seed: Result | undefined): Promise<string> {
    const { id, target, source } = mount;
    if (seed === undefined) return id || target;
    return [id || target, seed.kind === 'layers' ? seed.topLayer : await contentDigest(this.#find(mount, seed), { owners: true }), source].join('\0');
  }

  #find({ source }: MountOperation, shown: Result): Found {
    const layers = directoriesOf(this.#storage, shown);
    const found = layers.length === 0 ? undefined : lookUp(layers, toByteString(source || '/'));
    if (found === undefined) throw notFound(`invalid mount: ${source || '/'}: no such file or directory`, { object: source });
    return found;
  }

  /** A copy that lives as long as the build; of a directory in several layers put together. */
  async #copied(session: Session, found: Found): Promise<string> {
    const directory = session.makeDirectory();
    const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await untar(fd, archive(packFound(found, 'merged', walkOf({ whiteouts: 'hidden' }))), {});
    } finally {
      closeSync(fd);
    }
    return `${directory}/merged`;
  }
}

const isInOneLayer = ({ stat, stack }: Found): boolean => !stat.isDirectory() || stack.length === 1;
