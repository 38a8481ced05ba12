/**
 * Images and their references, as the database records them; kept in memory too, because every `create` looks one up.
 */
import type { Database } from '../store/database.ts';
import type { Digest } from '../storage/digest.ts';
import { parseConfig } from './config.ts';
import { canonical, type Reference } from './reference.ts';
import type { ImageConfigJson } from './service.ts';

export interface ImageRecord {
  readonly id: Digest;
  readonly config: ImageConfigJson;
  readonly topLayer: Digest | null;
  /** The image it was made from here, for `docker history` and removal of ancestors. */
  readonly parent: Digest | null;
  readonly lastTagTime: string;
}

export class ImageTable {
  readonly #db: Database;
  readonly #images = new Map<Digest, ImageRecord>();
  readonly #references = new Map<string, { reference: Reference; image: Digest }>();

  constructor(db: Database) {
    this.#db = db;
    for (const row of db.all('SELECT id, config, top_layer, parent, last_tag_time FROM images')) {
      const id = row.id as Digest;
      this.#images.set(id, {
        id,
        config: parseConfig(row.config as Uint8Array),
        topLayer: row.top_layer as Digest | null,
        parent: row.parent as Digest | null,
        lastTagTime: row.last_tag_time as string,
      });
    }
    for (const row of db.all('SELECT name, tag, digest, image FROM image_references ORDER BY rowid')) {
      const reference = {
        name: row.name as string,
        tag: (row.tag as string) || undefined,
        digest: (row.digest as Digest) || undefined,
      };
      this.#references.set(canonical(reference), { reference, image: row.image as Digest });
    }
  }

  get(id: Digest): ImageRecord | undefined {
    return this.#images.get(id);
  }

  all(): Iterable<ImageRecord> {
    return this.#images.values();
  }

  /** The configuration's exact bytes. */
  configBytes(id: Digest): Uint8Array {
    return this.#db.get('SELECT config FROM images WHERE id = ?', id)!.config as Uint8Array;
  }

  byReference(reference: Reference): Digest | undefined {
    return this.#references.get(canonical(reference))?.image;
  }

  /** All references to an image, or to a repository, sorted by their full texts, as Docker lists them. */
  references(match: { image: Digest } | { name: string }): Reference[] {
    const found: [string, Reference][] = [];
    for (const [text, { reference, image }] of this.#references) {
      if ('image' in match ? image === match.image : reference.name === match.name) found.push([text, reference]);
    }
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, reference]) => reference);
  }

  /** The images whose parent this one is. */
  children(id: Digest): Digest[] {
    return [...this.#images.values()].filter(({ parent }) => parent === id).map((image) => image.id);
  }

  /** Runs writes to this table so that all of them happen or none. */
  transaction<T>(fn: () => T): T {
    const images = new Map(this.#images);
    const references = new Map(this.#references);
    try {
      return this.#db.transaction(fn);
    } catch (error) {
      restore(this.#images, images);
      restore(this.#references, references);
      throw error;
    }
  }

  add(record: ImageRecord, config: Uint8Array): void {
    this.#db.run(
      'INSERT INTO images (id, config, top_layer, parent, last_tag_time) VALUES (?, ?, ?, ?, ?)',
      record.id,
      config,
      record.topLayer,
      record.parent,
      record.lastTagTime,
    );
    this.#images.set(record.id, record);
  }

  delete(id: Digest): void {
    this.#db.run('DELETE FROM images WHERE id = ?', id);
    this.#images.delete(id);
  }

  setParent(id: Digest, parent: Digest): void {
    this.#db.run('UPDATE images SET parent = ? WHERE id = ?', parent, id);
    this.#images.set(id, { ...this.#images.get(id)!, parent });
  }

  /** Points a reference to an image, whatever it pointed to before. */
  tag(reference: Reference, image: Digest): void {
    this.#db.run(
      `INSERT INTO image_references (name, tag, digest, image) VALUES (?, ?, ?, ?)
       ON CONFLICT (name, tag, digest) DO UPDATE SET image = excluded.image`,
      reference.name,
      reference.tag ?? '',
      reference.digest ?? '',
      image,
    );
    this.#references.set(canonical(reference), { reference, image });
  }

  /** Notes when an image was given a name. RFC 3339. */
  setLastTagTime(image: Digest, time: string): void {
    this.#db.run('UPDATE images SET last_tag_time = ? WHERE id = ?', time, image);
    this.#images.set(image, { ...this.#images.get(image)!, lastTagTime: time });
  }

  untag(reference: Reference): void {
    this.#db.run(
      'DELETE FROM image_references WHERE name = ? AND tag = ? AND digest = ?',
      reference.name,
      reference.tag ?? '',
      reference.digest ?? '',
    );
    this.#references.delete(canonical(reference));
  }
}

function restore<K, V>(map: Map<K, V>, before: Map<K, V>): void {
  map.clear();
  for (const [key, value] of before) map.set(key, value);
}
