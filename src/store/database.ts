/**
 * The metadata database, `<dataRoot>/caisson.db`: one SQLite file in WAL mode. Commits are not synced one by one
 * (`synchronous=NORMAL`): after a power cut the last few may be missing, but the file is never inconsistent, and a
 * crash of the engine loses nothing (https://www.sqlite.org/wal.html, "Performance Considerations").
 */
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import { systemError } from '../errors.ts';
import { migrations } from './schema.ts';

/** A row as SQLite returns it. */
export type Row = Record<string, unknown>;

/** An open metadata database. All calls are synchronous; a write takes tens of microseconds. */
export class Database {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  /** Opens `path`, which is made if missing, and brings its schema up to date. */
  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    // The busy timeout comes first: turning WAL on takes a lock. 4,000 pages of 4 kB keep the syncs of a checkpoint
    // rare.
    this.#db.exec(`PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;
      PRAGMA wal_autocheckpoint=4000; PRAGMA temp_store=MEMORY`);
    this.#migrate();
  }

  /** Runs a statement that returns no rows; answers the number of rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  /** The first row, or undefined. */
  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    // Bun answers null where Node answers undefined in some versions.
    return this.#statement(sql).get(...values) ?? undefined;
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values);
  }

  /**
   * Runs `fn` in a transaction: all of its writes happen, or none when it throws. A nested call joins the outer one.
   */
  transaction<T>(fn: () => T): T {
    if (this.#depth > 0) return fn();
    this.#db.exec('BEGIN IMMEDIATE');
    this.#depth++;
    try {
      const result = fn();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      this.#db.exec('ROLLBACK');
      throw error;
    } finally {
      this.#depth--;
    }
  }

  /** What SQLite says is wrong with the file, and rows that refer to nothing; sentences without a full stop. */
  problems(): string[] {
    const damage = this.all('PRAGMA quick_check').map((row) => String(Object.values(row)[0])).filter((text) => text !== 'ok');
    const dangling = this.all('PRAGMA foreign_key_check').map((row) => `Row ${String(row.rowid)} of ${String(row.table)} refers to nothing in ${String(row.parent)}`);
    return [...damage, ...dangling];
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #migrate(): void {
    const version = Number(this.get('PRAGMA user_version')?.user_version);
    if (version > migrations.length) {
      this.close();
      throw systemError(
        `the data root was written by a newer version (schema ${version}, this one knows ${migrations.length}): use that version, or another --data-root`,
        { operation: 'open metadata database' },
      );
    }
    for (let next = version; next < migrations.length; next++) {
      this.transaction(() => {
        this.#db.exec(migrations[next]!);
        this.#db.exec(`PRAGMA user_version=${next + 1}`);
      });
    }
  }
}

/** True for SQLite's answer to a value that must be unique and is not (SQLITE_CONSTRAINT_UNIQUE, _PRIMARYKEY). */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (error.errcode === 2067 || error.errcode === 1555);
}

/** True for SQLite's answer when a row that goes is still referred to (SQLITE_CONSTRAINT_FOREIGNKEY, _TRIGGER). */
export function isForeignKeyViolation(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (error.errcode === 787 || error.errcode === 1811);
}

export function openDatabase(path: string): Database {
  return new Database(path);
}
