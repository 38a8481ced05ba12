/** Networks as recorded: one JSON document each, found by id. */
import type { Database } from './database.ts';

export interface NetworkRow {
  readonly id: string;
  /** JSON text; its shape is the network registry's own. */
  readonly record: string;
}

export class NetworkStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Inserts or replaces. */
  put(id: string, name: string, json: string): void {
    this.#db.run(
      'INSERT INTO networks (id, name, record) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record',
      id, name, json,
    );
  }

  /** A missing network is right. */
  delete(id: string): void {
    this.#db.run('DELETE FROM networks WHERE id = ?', id);
  }

  /** In the order they were made. */
  all(): NetworkRow[] {
    return this.#db.all('SELECT id, record FROM networks ORDER BY number') as unknown as NetworkRow[];
  }
}
