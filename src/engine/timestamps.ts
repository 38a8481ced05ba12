/** Times as Docker's API writes them: RFC 3339 in UTC with nanoseconds, trailing zeros dropped (Go's RFC3339Nano). */

/** Nanoseconds since the epoch, now. The monotonic clock refines the millisecond of the wall clock. */
export function nowNanoseconds(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}

/** `2026-01-02T03:04:05.123456789Z` of nanoseconds since the epoch. */
export function formatNanoseconds(nanoseconds: bigint): string {
  const seconds = nanoseconds / 1_000_000_000n;
  const fraction = (nanoseconds % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  const date = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return fraction === '' ? `${date}Z` : `${date}.${fraction}Z`;
}

/** The last nanosecond that four digits of a year can say. */
const lastNanosecond = 253_402_300_799_999_999_999n;

/** The same with all nine digits, as logs have it: of one length, so that times sort as text. Clamped to the years 1970 to 9999. */
export function timeText(nanoseconds: bigint): string {
  const within = nanoseconds < 0n ? 0n : nanoseconds > lastNanosecond ? lastNanosecond : nanoseconds;
  const seconds = new Date(Number(within / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${(within % 1_000_000_000n).toString().padStart(9, '0')}Z`;
}

export const nowText = () => formatNanoseconds(nowNanoseconds());

/** Nanoseconds since the epoch of an RFC 3339 time; undefined when it is none. */
export function parseTime(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return undefined;
  const zone = match[4] === 'z' ? 'Z' : match[4];
  const ms = Date.parse(`${match[1]}T${match[2]}${zone}`);
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n + BigInt((match[3] ?? '').padEnd(9, '0'));
}

/**
 * The API's `since` and `until`: seconds since the epoch with a fraction (`1700000000.000000001`) or RFC 3339.
 * Undefined when empty; `invalid` when neither.
 */
export function parseBound(text: string): bigint | undefined | 'invalid' {
  if (text === '') return undefined;
  const match = /^(-?\d+)(?:\.(\d{1,9})\d*)?$/.exec(text);
  if (match) return BigInt(match[1] ?? '0') * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0'));
  return parseTime(text) ?? 'invalid';
}
