/** Times as filters take them: Docker's timetypes.GetTimestamp. */
import { invalidParameter } from '../errors.ts';
import { parseGoDuration } from './spec/go-duration.ts';
import { parseBound } from './timestamps.ts';

/**
 * Nanoseconds since the epoch of a duration before now (`10m`, `1h30m`), a time or a date, local without a zone
 * (`2024-01-02T03:04:05`, `2024-01-02`), or seconds since the epoch with a fraction. Throws invalid-parameter in Docker's words.
 */
export function parseTimestamp(text: string): bigint {
  // Days are no unit of Go's, and a bare zero is a time.
  const duration = text === '0' || text.includes('d') ? undefined : parseGoDuration(text);
  if (duration !== undefined) return BigInt(Date.now()) * 1_000_000n - duration;
  const time = localTime(text) ?? parseBound(text);
  if (typeof time === 'bigint') return time;
  throw invalidParameter(`failed to parse value as time or duration: "${text}"`, { object: text });
}

/** Shortened forms: the day, the hour or the minute, with or without a zone. Undefined for a whole RFC 3339 time and for others. */
function localTime(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (!match) return undefined;
  const [, day, hour = '00', minute = '00', second = '00', fraction = '', zone = ''] = match;
  const ms = Date.parse(`${day}T${hour}:${minute}:${second}${zone}`);
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}
