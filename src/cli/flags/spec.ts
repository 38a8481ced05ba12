/** What a flag is; a command declares its flags as a table of these. */

/**
 * How a flag's value is read. `bool` needs no value; `list` collects; `bytes` takes `64m`; `cpus` is a decimal number of
 * CPUs; `duration` is Go's (`1m30s`). The rest are what their names say.
 */
export type FlagKind = 'bool' | 'string' | 'int' | 'uint16' | 'list' | 'bytes' | 'cpus' | 'duration';

export interface FlagSpec {
  readonly name: string;
  readonly short?: string;
  readonly kind: FlagKind;
  readonly help: string;
  /** The word help shows for the value, when the kind's own does not say enough. */
  readonly value?: string;
  /** A default that differs from the kind's zero value. */
  readonly initial?: string | number | boolean;
  /** Accepted, not shown in help (Docker's deprecated spellings, Windows-only options). */
  readonly hidden?: boolean;
  /** Another flag this one is a second name of. */
  readonly aliasOf?: string;
}

/** `-n, --name` written as `n,name`, or just `name`. */
export function flag(names: string, kind: FlagKind, help: string, extra: Partial<FlagSpec> = {}): FlagSpec {
  const comma = names.indexOf(',');
  return comma < 0
    ? { name: names, kind, help, ...extra }
    : { name: names.slice(comma + 1), short: names.slice(0, comma), kind, help, ...extra };
}
