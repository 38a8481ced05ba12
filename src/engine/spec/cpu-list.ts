/** Lists of CPUs and memory nodes as cpuset(7) writes them: `0-3,8`. */

/** More than any kernel numbers; a range beyond it is a mistake, or an attempt to exhaust memory. */
const maximum = 8192;

/** The numbers; undefined for text that is no list. */
export function parseCpuList(text: string): Set<number> | undefined {
  const numbers = new Set<number>();
  if (text.trim() === '') return numbers;
  for (const part of text.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first || last > maximum) return undefined;
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return numbers;
}

export const isSubset = (inner: ReadonlySet<number>, outer: ReadonlySet<number>): boolean =>
  [...inner].every((number) => outer.has(number));
