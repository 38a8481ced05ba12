/**
 * Directories of clients that are kept between builds, so that the next one sends what has changed. Each is used by one build at a
 * time: another one that comes meanwhile has one of its own, which is kept, too.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, utimesSync } from 'node:fs';
import { makeSpread } from '../../storage/spread.ts';

export interface LocalContext {
  readonly path: string;
  /** The build has ended. */
  release(): void;
}

export class LocalContexts {
  readonly #root: string;
  readonly #used = new Set<string>();

  constructor(root: string) {
    this.#root = root;
    makeSpread(root, 0o700);
  }

  /** `key`: the same for the same directory of the same client. */
  acquire(key: string): LocalContext {
    const name = createHash('sha256').update(key).digest('hex').slice(0, 32);
    let number = 0;
    while (this.#used.has(`${name}-${number}`)) number++;
    const own = `${name}-${number}`;
    const path = `${this.#root}/${own}`;
    this.#used.add(own);
    if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
    return {
      path,
      release: () => {
        this.#used.delete(own);
        const now = Date.now() / 1000;
        utimesSync(path, now, now);
      },
    };
  }
}
