/** What building has given, found by the digest of what it was made of. */
import type { Database, Row } from './database.ts';

export interface BuildCacheRow {
  readonly key: string;
  /** The chain id of a tree's topmost layer; null for the empty tree, and for a record that is of no tree. */
  readonly topLayer: string | null;
  /** False for the record of a step that has changed no tree: only its time is known. */
  readonly hasTree: boolean;
  /** The instruction. */
  readonly description: string;
  /** JSON text; its shape is the solver's own. */
  readonly parts: string;
  /** `file:…`, `dir:…` of what was copied, or empty. */
  readonly content: string;
  /** Bytes of its own layer. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly usedAt: number;
  /** How often it was found. */
  readonly uses: number;
}

const columns = 'key, top_layer, has_tree, description, parts, content, size, created_at, used_at, uses';

export class BuildCacheStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  get(key: string): BuildCacheRow | undefined {
    const row = this.#db.get(`SELECT ${columns} FROM build_cache WHERE key = ?`, key);
    return row && rowOf(row);
  }

  /** Inserts or replaces. */
  put(row: BuildCacheRow): void {
    this.#db.run(
      `INSERT OR REPLACE INTO build_cache (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      row.key, row.topLayer, row.hasTree ? 1 : 0, row.description, row.parts, row.content, row.size, row.createdAt, row.usedAt, row.uses,
    );
  }

  used(key: string, at: number): void {
    this.#db.run('UPDATE build_cache SET used_at = ?, uses = uses + 1 WHERE key = ?', at, key);
  }

  /** The youngest record of the same instruction. */
  latest(description: string): BuildCacheRow | undefined {
    const row = this.#db.get(`SELECT ${columns} FROM build_cache WHERE description = ? AND has_tree = 1 ORDER BY created_at DESC LIMIT 1`, description);
    return row && rowOf(row);
  }

  /** The least recently used first. */
  all(): BuildCacheRow[] {
    return this.#db.all(`SELECT ${columns} FROM build_cache ORDER BY used_at`).map(rowOf);
  }

  delete(keys: readonly string[]): void {
    this.#db.transaction(() => {
      for (const key of keys) this.#db.run('DELETE FROM build_cache WHERE key = ?', key);
    });
  }

  topLayers(): string[] {
    return this.#db.all('SELECT DISTINCT top_layer FROM build_cache WHERE top_layer IS NOT NULL').map((row) => row.top_layer as string);
  }
}

const rowOf = (row: Row): BuildCacheRow => ({
  key: row.key as string, topLayer: row.top_layer as string | null, hasTree: row.has_tree === 1, description: row.description as string,
  parts: row.parts as string, content: row.content as string, size: Number(row.size), createdAt: Number(row.created_at), usedAt: Number(row.used_at),
  uses: Number(row.uses),
});
