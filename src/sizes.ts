/** Sizes as people type them. */

const powers = { '': 0, k: 1, m: 2, g: 3, t: 4, p: 5 } as const;

/** Bytes that `10m`, `1.5GiB` or `512` stand for, in multiples of `base` (go-units, RAMInBytes and FromHumanSize); undefined for what is no size. */
export function parseSize(text: string, base: 1000 | 1024): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text) ?? [];
  return number === undefined ? undefined : Math.trunc(Number(number) * base ** powers[unit.toLowerCase() as keyof typeof powers]);
}
