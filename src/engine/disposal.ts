/**
 * Deletes what belongs to nothing any more, after its owner has gone from the database and its client has been answered.
 * A daemon killed in the middle loses nothing: the next one sweeps what no row knows of (reconcile.ts).
 */
import type { Logger } from './logger.ts';

export class Disposal {
  readonly #logger: Logger;
  readonly #pending = new Map<Promise<void>, string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Starts a deletion; a failure is logged, and left to the next start. */
  add(object: string, remove: () => Promise<void>): void {
    const done = remove().catch((error: unknown) => {
      this.#logger.error('cannot delete the files of a container', { object, error });
    });
    this.#pending.set(done, object);
    void done.finally(() => this.#pending.delete(done));
  }

  /** Whether files of an object are being deleted. */
  has(object: string): boolean {
    return [...this.#pending.values()].includes(object);
  }

  /** Settles when everything begun so far is done. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending.keys());
  }
}
