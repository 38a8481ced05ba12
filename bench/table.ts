export type Unit = 'ms' | 'bytes' | 'MB/s' | '/s' | '%';

/** Of these more is better. */
const rates: readonly Unit[] = ['MB/s', '/s', '%'];

/** How many times better the first value is than the best of the others; undefined where there is nothing to compare. */
export function compare([own, ...others]: readonly (number | undefined)[], unit: Unit): number | undefined {
  const peers = others.filter((value) => value !== undefined);
  if (own === undefined || peers.length === 0) return undefined;
  return rates.includes(unit) ? own / Math.max(...peers) : Math.min(...peers) / own;
}

/** `12.3 ms`, `1.31 s`, `4.5 MB`, `180 MB/s`, `41000 /s`, `97 %`. */
export function format(value: number, unit: Unit): string {
  if (unit === 'MB/s') return `${value.toFixed(value < 10 ? 1 : 0)} MB/s`;
  if (unit === '/s' || unit === '%') return `${value.toFixed(0)} ${unit}`;
  if (unit === 'bytes') return value < 1e6 ? `${(value / 1e3).toFixed(0)} kB` : `${(value / 1e6).toFixed(1)} MB`;
  return value < 1000 ? `${value.toFixed(1)} ms` : `${(value / 1000).toFixed(2)} s`;
}

/** A Markdown table, padded to be read in a terminal too. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`);
  return lines.toSpliced(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`).join('\n');
}
