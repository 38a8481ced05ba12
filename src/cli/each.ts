/** Commands that do one thing to many operands. */
import { describeError } from './context.ts';
import { print, printError, printLine } from './io/output.ts';

/**
 * Runs `action` for every operand, 50 at once, and prints the results in the operands' order: a name, or an error on stderr.
 * What `action` returns is printed instead of the operand; '' prints nothing. Returns the exit code.
 */
export async function forEach(operands: readonly string[], action: (operand: string) => Promise<string | void>): Promise<number> {
  let code = 0;
  for (let start = 0; start < operands.length; start += 50) {
    const batch = operands.slice(start, start + 50).map((operand) => ({ operand, outcome: action(operand) }));
    for (const { outcome } of batch) outcome.catch(() => undefined);
    for (const { operand, outcome } of batch) {
      try {
        const shown = await outcome;
        if (shown === undefined) printLine(operand);
        else print(shown);
      } catch (error) {
        printError(describeError(error));
        code = 1;
      }
    }
  }
  return code;
}

/** `--filter name=value` options as the JSON of the query parameter `filters`. */
export function filtersQuery(filters: readonly string[]): string | undefined {
  if (filters.length === 0) return undefined;
  const map: Record<string, string[]> = {};
  for (const filter of filters) {
    const equals = filter.indexOf('=');
    if (equals < 0) throw new Error(`invalid argument "${filter}" for "-f, --filter" flag: bad format of filter (expected name=value)`);
    const name = filter.slice(0, equals).trim().toLowerCase();
    (map[name] ??= []).push(filter.slice(equals + 1).trim());
  }
  return JSON.stringify(map);
}
