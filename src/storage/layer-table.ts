/** The layers that exist, as the database records them; kept in memory too, because every `create` walks a chain. */
import { conflict } from '../errors.ts';
import { type Database, isForeignKeyViolation } from '../store/database.ts';
import type { Digest } from './driver.ts';

export interface LayerRecord {
  /** Number of the layer's directory. Never used twice. */
  readonly dir: number;
  readonly chainId: Digest;
  readonly diffId: Digest;
  readonly parent: Digest | null;
  readonly size: number;
}

export class LayerTable {
  readonly #db: Database;
  readonly #layers = new Map<Digest, LayerRecord>();

  constructor(db: Database) {
    this.#db = db;
    for (const row of db.all('SELECT dir, chain_id AS chainId, diff_id AS diffId, parent, size FROM layers')) {
      const record = row as unknown as LayerRecord;
      this.#layers.set(record.chainId, record);
    }
  }

  get(chainId: Digest): LayerRecord | undefined {
    return this.#layers.get(chainId);
  }

  all(): Iterable<LayerRecord> {
    return this.#layers.values();
  }

  /** The layer and its ancestors, topmost first. Throws RangeError when one is missing. */
  chain(top: Digest | null): LayerRecord[] {
    const chain: LayerRecord[] = [];
    for (let next = top; next !== null;) {
      const layer = this.#layers.get(next);
      if (!layer) throw new RangeError(`layer ${next} is missing`);
      chain.push(layer);
      next = layer.parent;
    }
    return chain;
  }

  /** Records a layer; `place` puts its directory where the number says, and is part of the transaction. */
  add(layer: Omit<LayerRecord, 'dir'>, place: (dir: number) => void): LayerRecord {
    const { chainId, diffId, parent, size } = layer;
    const record = this.#db.transaction(() => {
      this.#db.run(
        'INSERT INTO layers (chain_id, diff_id, parent, size) VALUES (?, ?, ?, ?)',
        chainId,
        diffId,
        parent,
        size,
      );
      const dir = Number(this.#db.get('SELECT dir FROM layers WHERE chain_id = ?', chainId)!.dir);
      place(dir);
      return { dir, ...layer };
    });
    this.#layers.set(chainId, record);
    return record;
  }

  /**
   * Deletes the rows of layers, topmost first. Throws conflict, and deletes none, when another layer or an image is on one of
   * them. What is returned is to be called when the transaction is over: until then the layers are still known here.
   */
  delete(chainIds: readonly Digest[]): () => void {
    this.#db.transaction(() => {
      for (const chainId of chainIds) this.#delete(chainId);
    });
    return () => {
      for (const chainId of chainIds) this.#layers.delete(chainId);
    };
  }

  #delete(chainId: Digest): void {
    try {
      this.#db.run('DELETE FROM layers WHERE chain_id = ?', chainId);
    } catch (cause) {
      if (isForeignKeyViolation(cause)) throw conflict(`layer ${chainId} is in use`, { object: chainId, cause });
      throw cause;
    }
  }
}
