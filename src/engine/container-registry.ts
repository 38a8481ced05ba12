/** All containers, by id, name and unique id prefix; every change goes through `save`, which writes the database. */
import { conflict, invalidParameter, notFound } from '../errors.ts';
import type { ContainerStore } from '../store/containers.ts';
import { Container, type ContainerRecord } from './container.ts';
import { exitCodeOf } from './container-state.ts';
import type { Logger } from './logger.ts';

/** How long the exit of a container that removed itself is remembered. */
const recentExitMs = 10_000;

/** Of a database that an earlier version has written, what it did not know is filled in. */
function recordOf(json: string): ContainerRecord {
  const record = JSON.parse(json) as Omit<ContainerRecord, 'networks' | 'endpoints' | 'ports'> & Partial<ContainerRecord>;
  return { ...record, networks: record.networks ?? {}, endpoints: record.endpoints ?? [], ports: record.ports ?? [] };
}

export class ContainerRegistry {
  readonly #store: ContainerStore;
  readonly #byId = new Map<string, Container>();
  readonly #idByName = new Map<string, string>();
  readonly #recentExits = new Map<string, { readonly name: string; readonly code: number }>();
  readonly #logger: Logger;
  readonly #making = new Set<string>();

  constructor(store: ContainerStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
    for (const row of store.all()) this.#index(new Container(recordOf(row.record)));
  }

  #index(container: Container): void {
    this.#making.delete(container.id);
    this.#byId.set(container.id, container);
    this.#idByName.set(container.record.name, container.id);
  }

  all(): Container[] {
    return [...this.#byId.values()];
  }

  has(id: string): boolean {
    return this.#byId.has(id);
  }

  isNameTaken(name: string): boolean {
    return this.#idByName.has(name);
  }

  /** Throws Docker's conflict when the name belongs to a container already. */
  checkNameFree(name: string): void {
    const owner = this.#idByName.get(name);
    if (owner === undefined) return;
    throw conflict(
      `Conflict. The container name "/${name}" is already in use by container "${owner}". `
      + 'You have to remove (or rename) that container to be able to reuse that name.',
      { operation: 'create container', object: name },
    );
  }

  /** By full id, name (with or without slash), or unique id prefix, in this order, as Docker looks them up. */
  get(ref: string): Container {
    if (ref === '') throw invalidParameter('invalid name or ID supplied: ""');
    const found = this.find(ref);
    if (!found) throw notFound(`No such container: ${ref}`, { object: ref });
    return found;
  }

  find(ref: string): Container | undefined {
    const exact = this.#byId.get(ref) ?? this.#byId.get(this.#idByName.get(ref.replace(/^\//, '')) ?? '');
    if (exact) return exact;
    if (ref.includes('/')) return this.#linked(ref.replace(/^\//, ''));
    if (!/^[0-9a-f]+$/.test(ref)) return undefined;
    const matches = this.all().filter((container) => container.id.startsWith(ref));
    if (matches.length > 1) throw invalidParameter(`multiple IDs found with provided prefix: ${ref}`, { object: ref });
    return matches[0];
  }

  /** `OWNER/ALIAS`: what a container knows another as by `--link`. */
  #linked(path: string): Container | undefined {
    const slash = path.indexOf('/');
    const owner = this.#byId.get(this.#idByName.get(path.slice(0, Math.max(slash, 0))) ?? '');
    const link = owner?.record.links?.find(({ alias }) => alias === path.slice(slash + 1));
    return link && this.#byId.get(link.containerId);
  }

  /** Gives a name to a container that is being made. Throws Docker's conflict when another one has it. */
  reserve(name: string, id: string): void {
    this.checkNameFree(name);
    this.#idByName.set(name, id);
    this.#making.add(id);
  }

  /** It has a name, and its directories are being made. */
  isBeingMade(id: string): boolean {
    return this.#making.has(id);
  }

  /** The container was not made after all. */
  releaseName(name: string, id: string): void {
    this.#making.delete(id);
    if (this.#idByName.get(name) === id) this.#idByName.delete(name);
  }

  /** Its name has been reserved. */
  add(record: ContainerRecord): Container {
    const container = new Container(record);
    this.#store.put(record.id, record.name, JSON.stringify(record));
    this.#index(container);
    return container;
  }

  /** Writes the record. Throws when the database cannot take it: a full disk. */
  save(container: Container): void {
    this.#store.put(container.id, container.record.name, JSON.stringify(container.record));
  }

  /** For what has happened already, and is true even when it cannot be written down. */
  saveIfPossible(container: Container): void {
    try {
      this.save(container);
    } catch (error) {
      this.#logger.error('cannot record a container', { container: container.id, error });
    }
  }

  rename(container: Container, name: string): void {
    this.checkNameFree(name);
    this.#idByName.delete(container.record.name);
    container.record.name = name;
    container.record.isNamed = true;
    this.#idByName.set(name, container.id);
    this.save(container);
  }

  /** Forgets it. A row that cannot be deleted now is dropped by the next reconciliation: its directory is gone. */
  remove(container: Container): void {
    try {
      this.#store.delete(container.id);
    } catch (error) {
      this.#logger.error('cannot delete a container from the database', { container: container.id, error });
    }
    this.#byId.delete(container.id);
    this.#idByName.delete(container.record.name);
    if (container.record.hostConfig.AutoRemove) this.#rememberExit(container);
  }

  /** The exit code of a container that `--rm` has removed a moment ago: a client's `wait` may come after its end. */
  recentExit(ref: string): number | undefined {
    for (const [id, exit] of this.#recentExits) if (id === ref || exit.name === ref.replace(/^\//, '')) return exit.code;
    return undefined;
  }

  #rememberExit({ id, record }: Container): void {
    this.#recentExits.set(id, { name: record.name, code: exitCodeOf(record.state) });
    setTimeout(() => this.#recentExits.delete(id), recentExitMs).unref();
  }
}
