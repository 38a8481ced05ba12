/** `--time-offset`, Caisson's own: clocks of a new time namespace (time_namespaces(7)). */
import { FlagError } from '../errors.ts';
import { splitPair } from './key-values.ts';

/** `monotonic=+1d,boottime=-2h` → `{"monotonic": "+24h", "boottime": "-2h"}`; a day is 24 hours. */
export function parseTimeOffsets(options: readonly string[]): Record<string, string> | undefined {
  if (options.length === 0) return undefined;
  const result: Record<string, string> = {};
  for (const option of options) {
    for (const field of option.split(',')) {
      const [clock, offset] = splitPair(field);
      const match = /^([+-]?)(?:(\d+)d)?((?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))*)$/.exec(offset);
      if (!['monotonic', 'boottime'].includes(clock) || match === null || (match[2] ?? '') + match[3] === '') {
        throw new FlagError(`invalid argument ${JSON.stringify(option)} for "--time-offset" flag: it is monotonic=OFFSET or ` +
          'boottime=OFFSET, an offset being a duration such as +1d, -90m or 1h30m');
      }
      const days = match[2] === undefined ? '' : `${Number(match[2]) * 24}h`;
      result[clock] = `${match[1] === '-' ? '-' : '+'}${days}${match[3]}`;
    }
  }
  return result;
}
