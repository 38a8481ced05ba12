/**
 * Contexts of builds that have ended, kept for the next build of the same thing: what has not changed is neither written again nor
 * hashed again. They end with the daemon, and with `builder prune`.
 */
import { randomUUID } from 'node:crypto';
import { removeTree } from '../../storage/remove.ts';
import { ContextTree } from './tree.ts';

/** As many as somebody works on at a time. */
const maxIdle = 4;
/** Of all that wait, in bytes of their files; and names, which are held in memory. */
const maxBytes = 1024 ** 3;
const maxNodes = 200_000;

interface Idle {
  readonly key: string;
  readonly tree: ContextTree;
  readonly size: number;
}

export class ContextPool {
  readonly #root: string;
  /** The one that was used last comes last. */
  #idle: Idle[] = [];

  /** `root`: where the trees are; only root can enter it. */
  constructor(root: string) {
    this.#root = root;
  }

  /** The tree of the last build with this key, or a new one. It is nobody else's until it is given back. */
  take(key: string): ContextTree {
    const found = this.#idle.findLast((each) => each.key === key);
    if (found === undefined) return new ContextTree(`${this.#root}/${randomUUID()}`);
    this.#idle = this.#idle.filter((each) => each !== found);
    return found.tree;
  }

  async giveBack(key: string, tree: ContextTree): Promise<void> {
    const size = tree.size;
    if (!tree.isKnown || size > maxBytes || tree.nodes.size > maxNodes) return removeTree(tree.path);
    this.#idle.push({ key, tree, size });
    const sum = (of: (each: Idle) => number) => this.#idle.reduce((total, each) => total + of(each), 0);
    while (this.#idle.length > maxIdle || sum((each) => each.size) > maxBytes || sum((each) => each.tree.nodes.size) > maxNodes)
      await removeTree(this.#idle.shift()!.tree.path);
  }

  /** Removes what waits; resolves to the bytes of it. */
  async prune(): Promise<number> {
    const gone = this.#idle;
    this.#idle = [];
    for (const { tree } of gone) await removeTree(tree.path);
    return gone.reduce((total, { size }) => total + size, 0);
  }
}
