/** Build arguments: what the client gives, what `ARG` lets in, and where (Dockerfile reference, "ARG"). */

import { expand } from '../../images/shell-words.ts';
import type { Dockerfile } from '../dockerfile/instruction.ts';

/** Given without an `ARG`, and no reason to run a step again. */
const predefined: ReadonlySet<string> = new Set(
  ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]),
);

/** Arguments of the whole build; each stage has a scope of its own. */
export class BuildArgs {
  readonly #given: ReadonlyMap<string, string>;
  readonly #asked: readonly string[];
  /** What every build knows of its platforms; a stage must ask for it. */
  readonly #automatic: ReadonlyMap<string, string>;
  readonly #global = new Map<string, string | undefined>();
  readonly #used = new Set<string>();

  /** A null value is that of an argument that the client has no value for. */
  constructor(given: Readonly<Record<string, string | null>>, automatic: Readonly<Record<string, string>>) {
    this.#asked = Object.keys(given);
    this.#given = new Map(Object.entries(given).flatMap(([key, value]) => (value === null ? [] : [[key, value] as const])));
    this.#automatic = new Map(Object.entries(automatic));
  }

  /** `ARG` before the first `FROM`: each sees those before it. Throws invalid-parameter for what cannot be expanded. */
  declareGlobals({ globalArgs, escape }: Pick<Dockerfile, 'globalArgs' | 'escape'>): void {
    for (const { key, value } of globalArgs.flatMap(({ args }) => args)) {
      this.#used.add(key);
      this.#global.set(key, value === undefined ? undefined : expand(value, (name) => this.global(name), { escape }));
    }
  }

  /** As `FROM` sees it. */
  global(key: string): string | undefined {
    if (!this.#global.has(key)) return this.#automatic.get(key);
    return this.#given.get(key) ?? this.#global.get(key);
  }

  /** A stage that is made from another begins with what that one has asked for. */
  scope(from?: ArgScope): ArgScope {
    return new ArgScope(this, from);
  }

  /** As a stage sees an argument that it has asked for. */
  value(key: string, fallback: string | undefined): string | undefined {
    this.#used.add(key);
    return this.#given.get(key) ?? fallback ?? this.#global.get(key) ?? this.#automatic.get(key);
  }

  /** Those of `predefined` that were given. */
  proxies(): [string, string][] {
    return [...this.#given].filter(([key]) => predefined.has(key));
  }

  /** Given, and asked for by nobody. */
  unused(): string[] {
    return this.#asked.filter((key) => !this.#used.has(key) && !predefined.has(key)).sort();
  }
}

/** What one stage has asked for so far. */
export class ArgScope {
  readonly #args: BuildArgs;
  readonly #values = new Map<string, string | undefined>();

  constructor(args: BuildArgs, from?: ArgScope) {
    this.#args = args;
    for (const [key, value] of from ? from.#values : []) this.#values.set(key, value);
  }

  declare(key: string, fallback: string | undefined): void {
    this.#values.set(key, this.#args.value(key, fallback));
  }

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  /** `KEY=value` of all that have a value and do not stand in the environment already; `named` leaves out proxies nobody asked for. */
  entries(environment: readonly string[]): { readonly all: string[]; readonly named: string[] } {
    const taken = new Set(environment.map((entry) => entry.split('=', 1)[0]!));
    const own = [...this.#values].flatMap(([key, value]) => (value === undefined || taken.has(key) ? [] : [`${key}=${value}`]));
    const proxies = this.#args.proxies().filter(([key]) => !this.#values.has(key) && !taken.has(key)).map(([key, value]) => `${key}=${value}`);
    return { all: [...own, ...proxies], named: own };
  }
}
