/** Flags of an instruction: `--from=stage`, `--link`. */
import { suggestion } from './suggest.ts';

export type FlagKind = 'string' | 'strings' | 'bool';

/** The values of the flags that were given. */
export class Flags {
  readonly #values = new Map<string, string[]>();

  /** Throws Error in Docker's words for what is not among `kinds`. */
  constructor(given: readonly string[], kinds: Readonly<Record<string, FlagKind>>) {
    for (const flag of given) {
      const equals = flag.indexOf('=');
      const name = flag.slice(2, equals === -1 ? undefined : equals);
      const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
      if (kind === undefined) throw new Error(`unknown flag: --${name}${suggestion(name, Object.keys(kinds))}`);
      if (this.#values.has(name) && kind !== 'strings') throw new Error(`duplicate flag specified: --${name}`);
      const value = valueOf(name, kind, equals === -1 ? undefined : flag.slice(equals + 1));
      this.#values.set(name, [...(this.#values.get(name) ?? []), value]);
    }
  }

  /** Empty when it was not given. */
  string(name: string): string {
    return this.#values.get(name)?.[0] ?? '';
  }

  strings(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  bool(name: string): boolean {
    return this.string(name) === 'true';
  }
}

function valueOf(name: string, kind: FlagKind, value: string | undefined): string {
  if (kind !== 'bool') {
    if (value === undefined) throw new Error(`missing a value on flag: --${name}`);
    return value;
  }
  if (value === undefined) return 'true';
  if (value === '') throw new Error(`missing a value on flag: --${name}`);
  const lower = value.toLowerCase();
  if (lower !== 'true' && lower !== 'false') throw new Error(`expecting boolean value for flag --${name}, not: ${value}`);
  return lower;
}
