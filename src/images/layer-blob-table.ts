/** Which blobs registries have of our layers, as the database records it. */
import type { Digest } from '../storage/digest.ts';
import type { Database } from '../store/database.ts';
import type { Descriptor } from './registry/manifest.ts';

export interface LayerBlob extends Descriptor {
  /** Full name of the repository that has it. */
  readonly repository: string;
}

/** Of one layer; older ones are forgotten. */
const maxRepositories = 50;

export class LayerBlobTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The newest first. */
  of(diffId: string): LayerBlob[] {
    const rows = this.#db.all('SELECT digest, size, media_type, repository FROM layer_blobs WHERE diff_id = ? ORDER BY rowid DESC', diffId);
    return rows.map((row) => ({
      digest: row['digest'] as Digest,
      size: row['size'] as number,
      mediaType: row['media_type'] as string,
      repository: row['repository'] as string,
    }));
  }

  add(diffId: string, { digest, size, mediaType, repository }: LayerBlob): void {
    this.#db.transaction(() => {
      this.#db.run('DELETE FROM layer_blobs WHERE diff_id = ? AND digest = ? AND repository = ?', diffId, digest, repository);
      this.#db.run(
        'INSERT INTO layer_blobs (diff_id, digest, size, media_type, repository) VALUES (?, ?, ?, ?, ?)',
        diffId, digest, size, mediaType, repository,
      );
      this.#db.run(
        `DELETE FROM layer_blobs WHERE diff_id = ?1 AND rowid NOT IN
           (SELECT rowid FROM layer_blobs WHERE diff_id = ?1 ORDER BY rowid DESC LIMIT ${maxRepositories})`,
        diffId,
      );
    });
  }

  /** A registry that was asked does not have it any more. */
  forget(diffId: string, { digest, repository }: LayerBlob): void {
    this.#db.run('DELETE FROM layer_blobs WHERE diff_id = ? AND digest = ? AND repository = ?', diffId, digest, repository);
  }

  /** Forgets what was known of layers that are gone. */
  sweep(): void {
    this.#db.run('DELETE FROM layer_blobs WHERE diff_id NOT IN (SELECT diff_id FROM layers)');
  }
}
