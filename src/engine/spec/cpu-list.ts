/** Lists of CPUs and memory nodes as cpuset(7) writes them: `0-3,8`. */

/** More than any kernel numbers; a range beyond it is a mistake, or an attempt to exhaust memory. */
const maximum = 8192;

/** The numbers; for text that is no list, what is wrong with it in Docker's words (moby pkg/parsers ParseUintList). */
export function parseCpuList(text: string): Set<number> | string {
  const numbers = new Set<number>();
  if (text === '') return numbers;
  for (const part of text.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (match === null) return `invalid format: ${text}`;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first) return `invalid format: ${text}`;
    if (last > maximum) return `value of out range, maximum is ${maximum}`;
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return numbers;
}

export const isSubset = (inner: ReadonlySet<number>, outer: ReadonlySet<number>): boolean =>
  [...inner].every((number) => outer.has(number));
