/** The cgroup directories that an engine has made for its containers' to stand in, so that it can take them away again. */
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { systemError } from '../../errors.ts';

export class Parents {
  readonly #made = new Set<string>();

  /** Counts a directory as the engine's own, whoever made it: one that a killed daemon left is this one's now. */
  adopt(directory: string): void {
    this.#made.add(directory);
  }

  /** Makes it if it is missing. Throws system when the kernel refuses. */
  make(directory: string): void {
    if (existsSync(directory)) return;
    try {
      mkdirSync(directory, { mode: 0o755 });
      this.#made.add(directory);
    } catch (cause) {
      if (existsSync(directory)) return;
      throw systemError(`cannot make the cgroup ${directory}: ${(cause as Error).message}`, { object: directory, cause });
    }
  }

  /** Removes them, deepest first; one that is still in use, or gone, stays as it is. */
  release(): void {
    for (const directory of [...this.#made].sort((a, b) => b.length - a.length)) {
      try {
        rmdirSync(directory);
        this.#made.delete(directory);
      } catch {
        continue;
      }
    }
  }
}
