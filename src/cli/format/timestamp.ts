/** Points in time as people type them, in the form the engine takes: seconds since the epoch with a fraction. */
import { parseDuration } from './quantity.ts';

/** `42m` → that long ago; RFC 3339 dates and times, with or without a zone; anything else goes to the engine as it is. */
export function timestamp(text: string, now = Date.now()): string {
  if (text === '' || /^\d+(\.\d+)?$/.test(text)) return text;
  try {
    return seconds(now - parseDuration(text) / 1e6);
  } catch {
    const match = /^\d{4}-\d{2}-\d{2}(T\d{2}(:\d{2}(:\d{2}(\.\d+)?)?)?)?(Z|[+-]\d{2}:\d{2})?$/.exec(text);
    if (match === null) return text;
    const full = match[1] === undefined ? `${text}T00:00:00` : match[2] === undefined ? text.replace(/T\d{2}/, '$&:00') : text;
    const parsed = Date.parse(full);
    return Number.isNaN(parsed) ? text : seconds(parsed);
  }
}

function seconds(milliseconds: number): string {
  return `${Math.floor(milliseconds / 1000)}.${String(Math.floor(((milliseconds % 1000) + 1000) % 1000)).padStart(3, '0')}000000`;
}
