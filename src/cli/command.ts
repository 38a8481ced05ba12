/** What a command is. Each lives in a file of its own under `commands/` and is loaded only when it is called. */
import type { Context } from './context.ts';
import type { FlagSpec } from './flags/spec.ts';
import type { Flags } from './flags/values.ts';

export interface Command {
  /** Everything after the command's name in the usage line: `[OPTIONS] IMAGE [COMMAND] [ARG...]`. */
  readonly usage: string;
  readonly summary: string;
  readonly flags: readonly FlagSpec[];
  /** How many operands it takes; `most` defaults to any number. */
  readonly least: number;
  readonly most?: number;
  /** False when options end at the first operand, because the rest is a program's command line. */
  readonly interspersed?: boolean;
  /** Further paragraphs for `--help`. */
  readonly notes?: string;
  /** Returns the exit code. */
  run(context: Context, flags: Flags, args: readonly string[], path: string): Promise<number>;
}
