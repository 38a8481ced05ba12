/** When images were last used by a container, for those who collect what is not needed. Milliseconds since 1970. */
import type { Database } from './database.ts';

export class ImageUseStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  used(image: string, at: number): void {
    this.#db.run('INSERT INTO image_uses (image, used_at) VALUES (?, ?) ON CONFLICT (image) DO UPDATE SET used_at = excluded.used_at', image, at);
  }

  all(): ReadonlyMap<string, number> {
    return new Map(this.#db.all('SELECT image, used_at AS usedAt FROM image_uses').map((row) => [row.image as string, Number(row.usedAt)]));
  }

  /** Forgets images that are gone. */
  sweep(): void {
    this.#db.run('DELETE FROM image_uses WHERE image NOT IN (SELECT id FROM images)');
  }
}
