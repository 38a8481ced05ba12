/** The networks as recorded, by id and name. */
import { conflict, invalidParameter, notFound } from '../errors.ts';
import type { NetworkStore } from '../store/networks.ts';
import type { NetworkRecord } from './network.ts';

export class NetworkTable {
  readonly #store: NetworkStore;
  readonly #records: Map<string, NetworkRecord>;

  constructor(store: NetworkStore) {
    this.#store = store;
    this.#records = new Map(store.all().map(({ id, record }) => [id, JSON.parse(record) as NetworkRecord]));
  }

  /** In the order they were made. */
  all(): readonly NetworkRecord[] {
    return [...this.#records.values()];
  }

  has(id: string): boolean {
    return this.#records.has(id);
  }

  named(name: string): NetworkRecord | undefined {
    return this.all().find((record) => record.name === name);
  }

  /** By id, name or id prefix. Throws not-found, and invalid-parameter for a prefix of several. */
  get(ref: string): NetworkRecord {
    const found = this.find(ref);
    if (found === undefined) throw notFound(`network ${ref} not found`, { object: ref });
    return found;
  }

  /** The same; undefined when there is none. */
  find(ref: string): NetworkRecord | undefined {
    const exact = this.#records.get(ref) ?? this.named(ref);
    if (exact !== undefined || ref === '') return exact;
    const matches = this.all().filter(({ id }) => id.startsWith(ref));
    if (matches.length > 1) throw invalidParameter(`${matches.length} matches found based on ID prefix: network ${ref} is ambiguous`, { object: ref });
    return matches[0];
  }

  /** Inserts or replaces. Throws conflict when another network has the name. */
  put(record: NetworkRecord): void {
    const namesake = this.named(record.name);
    if (namesake !== undefined && namesake.id !== record.id) {
      throw conflict(`network with name ${record.name} already exists`, { object: record.name });
    }
    this.#store.put(record.id, record.name, JSON.stringify(record));
    this.#records.set(record.id, record);
  }

  delete(id: string): void {
    this.#store.delete(id);
    this.#records.delete(id);
  }
}
