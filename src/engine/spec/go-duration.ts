/** Durations as Go writes them (`1h30m`, `500ms`, `-2s`), with `d` for days added. */

const unitNanoseconds: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
};

/** Nanoseconds; undefined for text that is no duration. */
export function parseGoDuration(text: string): bigint | undefined {
  const match = /^([+-]?)(0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d))+)$/.exec(text);
  if (match === null) return undefined;
  let total = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of text.matchAll(/(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h|d)/g)) {
    const scale = unitNanoseconds[unit] ?? 0n;
    total += BigInt(whole || '0') * scale + (BigInt(fraction || '0') * scale) / 10n ** BigInt(fraction.length);
  }
  return match[1] === '-' ? -total : total;
}

/** Nanoseconds as timens_offsets takes them: whole seconds, and 0 to 999,999,999 nanoseconds on top. */
export function secondsAndNanoseconds(nanoseconds: bigint): { secs: number; nanosecs: number } {
  const second = 1_000_000_000n;
  const rest = ((nanoseconds % second) + second) % second;
  return { secs: Number((nanoseconds - rest) / second), nanosecs: Number(rest) };
}

/** As Go's Duration prints it: `1h2m3.5s`, `100ms`, `0s`. */
export function formatGoDuration(nanoseconds: bigint): string {
  if (nanoseconds < 0n) return `-${formatGoDuration(-nanoseconds)}`;
  if (nanoseconds === 0n) return '0s';
  for (const [unit, next] of [['ns', 'µs'], ['µs', 'ms'], ['ms', 's']] as const) {
    if (nanoseconds < (unitNanoseconds[next] ?? 0n)) return `${decimal(nanoseconds, unitNanoseconds[unit] ?? 1n)}${unit}`;
  }
  const [hour, minute, second] = [3_600_000_000_000n, 60_000_000_000n, 1_000_000_000n];
  const hours = nanoseconds >= hour ? `${nanoseconds / hour}h` : '';
  const minutes = nanoseconds >= minute ? `${(nanoseconds % hour) / minute}m` : '';
  return `${hours}${minutes}${decimal(nanoseconds % minute, second)}s`;
}

function decimal(nanoseconds: bigint, unit: bigint): string {
  const digits = unit.toString().length - 1;
  const fraction = (nanoseconds % unit).toString().padStart(digits, '0').replace(/0+$/, '');
  return `${nanoseconds / unit}${digits === 0 || fraction === '' ? '' : `.${fraction}`}`;
}
