/** The cgroup directories that an engine has made for its containers' to stand in, so that it can take them away again. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemError } from '../../errors.ts';
import { ancestors } from './paths.ts';

/** What may be removed: whoever made the others still wants them. */
export class Parents {
  /** The engine's own, which all containers share by default. */
  readonly #own = new Set<string>();
  readonly #made: Set<string>;
  readonly #record: string | undefined;

  /** `record`: a file that tells the next daemon what this one has made. */
  constructor(record?: string) {
    this.#record = record;
    this.#made = new Set(record === undefined ? [] : readRecord(record));
  }

  /** Counts a directory as the engine's own, whoever made it: one that a killed daemon left is this one's now. */
  adopt(directory: string): void {
    this.#own.add(directory);
  }

  /** Makes it if it is missing. Throws system when the kernel refuses. */
  make(directory: string): void {
    if (existsSync(directory)) return;
    try {
      mkdirSync(directory, { mode: 0o755 });
    } catch (cause) {
      if (existsSync(directory)) return;
      throw systemError(`cannot make the cgroup ${directory}: ${(cause as Error).message}`, { object: directory, cause });
    }
    this.#made.add(directory);
    this.#remember();
  }

  /**
   * Removes those that were made here for the cgroup at `path` below each of `roots`, but not the engine's own; one that is still
   * in use stays.
   */
  releaseAbove(roots: readonly string[], path: string): void {
    const above = roots.flatMap((root) => ancestors(path).map((ancestor) => join(root, ancestor)));
    this.#remove(above.filter((directory) => this.#made.has(directory) && !this.#own.has(directory)));
  }

  /** Removes all of them, at the end of the engine. */
  release(): void {
    this.#remove([...this.#made, ...this.#own]);
  }

  /** Deepest first; one that is still in use stays as it is. */
  #remove(directories: readonly string[]): void {
    for (const directory of directories.toSorted((a, b) => b.length - a.length)) {
      try {
        rmdirSync(directory);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') continue;
      }
      this.#made.delete(directory);
    }
    if (directories.length > 0) this.#remember();
  }

  #remember(): void {
    if (this.#record === undefined) return;
    const foreign = [...this.#made].filter((directory) => !this.#own.has(directory));
    if (foreign.length === 0) rmSync(this.#record, { force: true });
    else writeFileSync(this.#record, foreign.map((directory) => `${directory}\n`).join(''), { mode: 0o600 });
  }
}

function readRecord(path: string): string[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8').split('\n').filter((line) => line !== '');
}
