/** The values a command line gave to a command's flags. */
import type { FlagSpec } from './spec.ts';

export type FlagValue = string | number | boolean | readonly string[];

/** Typed access to parsed flags. Asking for a flag that the command did not declare is a programming error and throws. */
export class Flags {
  readonly #specs: ReadonlyMap<string, FlagSpec>;
  readonly #values: ReadonlyMap<string, FlagValue>;

  constructor(specs: ReadonlyMap<string, FlagSpec>, values: ReadonlyMap<string, FlagValue>) {
    this.#specs = specs;
    this.#values = values;
  }

  /** True when the command line gave the flag, whatever its value. */
  changed(name: string): boolean {
    return this.#values.has(name);
  }

  bool(name: string): boolean {
    return (this.#values.get(name) ?? this.#spec(name).initial ?? false) as boolean;
  }

  string(name: string): string {
    return (this.#values.get(name) ?? this.#spec(name).initial ?? '') as string;
  }

  /** Integers; also `bytes` (bytes), `cpus` (billionths of a CPU) and `duration` (nanoseconds). */
  number(name: string): number {
    return (this.#values.get(name) ?? this.#spec(name).initial ?? 0) as number;
  }

  list(name: string): readonly string[] {
    return (this.#values.get(name) ?? []) as readonly string[];
  }

  #spec(name: string): FlagSpec {
    const spec = this.#specs.get(name);
    if (spec === undefined) throw new Error(`flag --${name} is not declared`);
    return spec;
  }
}
