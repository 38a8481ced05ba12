/** Containers as the engine records them: one JSON document each, found by id, with a unique name. */
import { conflict } from '../errors.ts';
import { type Database, isUniqueViolation } from './database.ts';

export interface ContainerRow {
  readonly id: string;
  /** Without Docker's leading slash. */
  readonly name: string;
  /** JSON text; its shape is the engine's own. */
  readonly record: string;
}

/** The containers table. Every call is synchronous and costs tens of microseconds. */
export class ContainerStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Inserts or replaces. Throws conflict, with Docker's text, when another container has the name. */
  put(id: string, name: string, json: string): void {
    this.#unique(name, () =>
      this.#db.run(
        `INSERT INTO containers (id, name, record) VALUES (?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record`,
        id,
        name,
        json,
      ),
    );
  }

  /** Changes the name alone; the caller puts a record that carries the name itself. Throws conflict like put. */
  rename(id: string, name: string): void {
    this.#unique(name, () => this.#db.run('UPDATE containers SET name = ? WHERE id = ?', name, id));
  }

  /** A missing container is right. */
  delete(id: string): void {
    this.#db.run('DELETE FROM containers WHERE id = ?', id);
  }

  all(): ContainerRow[] {
    return this.#db.all('SELECT id, name, record FROM containers') as unknown as ContainerRow[];
  }

  #unique(name: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      const owner = this.#db.get('SELECT id FROM containers WHERE name = ?', name)?.id as string;
      throw conflict(
        `Conflict. The container name "/${name}" is already in use by container "${owner}". You have to remove (or rename) that container to be able to reuse that name.`,
        { object: name, cause: error },
      );
    }
  }
}
