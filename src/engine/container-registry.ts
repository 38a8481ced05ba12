/** All containers, by id, name and unique id prefix; every change goes through `save`, which writes the database. */
import { conflict, invalidParameter, notFound } from '../errors.ts';
import type { ContainerStore } from '../store/containers.ts';
import { Container, type ContainerRecord } from './container.ts';

export class ContainerRegistry {
  readonly #store: ContainerStore;
  readonly #byId = new Map<string, Container>();
  readonly #idByName = new Map<string, string>();

  constructor(store: ContainerStore) {
    this.#store = store;
    for (const row of store.all()) this.#index(new Container(JSON.parse(row.record) as ContainerRecord));
  }

  #index(container: Container): void {
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
    const found = this.find(ref);
    if (!found) throw notFound(`No such container: ${ref}`, { object: ref });
    return found;
  }

  find(ref: string): Container | undefined {
    const exact = this.#byId.get(ref) ?? this.#byId.get(this.#idByName.get(ref.replace(/^\//, '')) ?? '');
    if (exact || !/^[0-9a-f]+$/.test(ref)) return exact;
    const matches = this.all().filter((container) => container.id.startsWith(ref));
    if (matches.length > 1) throw invalidParameter(`multiple IDs found with provided prefix: ${ref}`, { object: ref });
    return matches[0];
  }

  add(record: ContainerRecord): Container {
    this.checkNameFree(record.name);
    const container = new Container(record);
    this.#store.put(record.id, record.name, JSON.stringify(record));
    this.#index(container);
    return container;
  }

  save(container: Container): void {
    this.#store.put(container.id, container.record.name, JSON.stringify(container.record));
  }

  rename(container: Container, name: string): void {
    this.checkNameFree(name);
    this.#idByName.delete(container.record.name);
    container.record.name = name;
    this.#idByName.set(name, container.id);
    this.save(container);
  }

  remove(container: Container): void {
    this.#store.delete(container.id);
    this.#byId.delete(container.id);
    this.#idByName.delete(container.record.name);
  }
}
