/**
 * Directories of clients that are kept between builds, so that the next one sends what has changed. Each is used by one build at a
 * time: another one that comes meanwhile has one of its own, which is kept, too.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { removeTree } from '../../storage/remove.ts';
import { makeSpread } from '../../storage/spread.ts';
import { ContextTree } from '../context/tree.ts';

/** As long as BuildKit keeps them. Milliseconds. */
const maxAge = 48 * 3600 * 1000;
const maxKnown = 4;
const maxNodes = 200_000;

export interface LocalContext {
  readonly tree: ContextTree;
  /** The build has ended. */
  release(): Promise<void>;
}

export class LocalContexts {
  readonly #root: string;
  readonly #used = new Set<string>();
  /** What is known of the files of those that nobody uses, the last one used last. */
  readonly #known = new Map<string, ContextTree>();

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
    const tree = this.#known.get(own) ?? new ContextTree(`${this.#root}/${own}`);
    this.#known.delete(own);
    this.#used.add(own);
    if (!existsSync(tree.path)) mkdirSync(tree.path, { mode: 0o700 });
    return {
      tree,
      release: async () => {
        this.#used.delete(own);
        const now = Date.now() / 1000;
        utimesSync(tree.path, now, now);
        this.#remember(own, tree);
        await this.#removeOld();
      },
    };
  }

  /** Removes the directories that no build uses. Resolves to how many bytes of files they were known to have. */
  async prune(): Promise<number> {
    let bytes = 0;
    for (const name of readdirSync(this.#root)) {
      if (this.#used.has(name)) continue;
      bytes += this.#known.get(name)?.size ?? 0;
      this.#known.delete(name);
      await removeTree(`${this.#root}/${name}`);
    }
    return bytes;
  }

  /** What nobody has built for two days goes. */
  async #removeOld(): Promise<void> {
    const oldest = Date.now() - maxAge;
    for (const name of readdirSync(this.#root)) {
      if (this.#used.has(name) || statSync(`${this.#root}/${name}`).mtimeMs >= oldest) continue;
      this.#known.delete(name);
      await removeTree(`${this.#root}/${name}`);
    }
  }

  /** The digests of files are held in memory: those of the last few directories, and of none that is beyond all measure. */
  #remember(name: string, tree: ContextTree): void {
    if (tree.nodes.size <= maxNodes) this.#known.set(name, tree);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= maxKnown) break;
      this.#known.delete(oldest);
    }
  }
}
