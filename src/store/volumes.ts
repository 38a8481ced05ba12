/** Volumes as recorded: one JSON document each, found by name. */
import type { Database } from './database.ts';

export interface VolumeRow {
  readonly name: string;
  /** JSON text; its shape is the volume service's own. */
  readonly record: string;
}

export class VolumeStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Inserts or replaces. */
  put(name: string, json: string): void {
    this.#db.run(
      'INSERT INTO volumes (name, record) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET record = excluded.record',
      name,
      json,
    );
  }

  get(name: string): VolumeRow | undefined {
    return this.#db.get('SELECT name, record FROM volumes WHERE name = ?', name) as unknown as VolumeRow | undefined;
  }

  /** A missing volume is right. */
  delete(name: string): void {
    this.#db.run('DELETE FROM volumes WHERE name = ?', name);
  }

  all(): VolumeRow[] {
    return this.#db.all('SELECT name, record FROM volumes ORDER BY name') as unknown as VolumeRow[];
  }
}
