/** Quantities people type and read: sizes, numbers of CPUs, durations. The formats are those of docker/go-units and Go's time. */

import { parseSize } from '../../sizes.ts';

/** `64m`, `1.5GiB`, `512` → bytes; units are powers of 1024 whatever their spelling (go-units RAMInBytes). */
export function parseBytes(text: string): number {
  const size = parseSize(text, 1024);
  if (size === undefined) throw new Error(`invalid size: '${text}'`);
  return size;
}

/** `1.5` → 1500000000, billionths of a CPU. */
export function parseCpus(text: string): number {
  const match = /^(\d*)(?:\.(\d*))?$/.exec(text);
  if (match === null || (match[1] ?? '') + (match[2] ?? '') === '') {
    throw new Error(`failed to parse ${text} as a rational number`);
  }
  const fraction = (match[2] ?? '').replace(/0+$/, '');
  if (fraction.length > 9) throw new Error('value is too precise');
  return Number(match[1] || '0') * 1e9 + Number(fraction.padEnd(9, '0'));
}

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ns: 1, us: 1e3, 'µs': 1e3, 'μs': 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9,
};

/** Go's `time.ParseDuration`: `1h15m30.5s` → nanoseconds. */
export function parseDuration(text: string): number {
  const fail = () => new Error(`time: invalid duration ${JSON.stringify(text)}`);
  const sign = text.startsWith('-') ? -1 : 1;
  const body = text.replace(/^[+-]/, '');
  if (body === '0') return 0;
  const part = /(\d+(?:\.\d*)?|\.\d+)([a-zµμ]*)/y;
  let total = 0;
  while (part.lastIndex < body.length) {
    const match = part.exec(body);
    if (match === null) throw fail();
    if (match[2] === '') throw new Error(`time: missing unit in duration ${JSON.stringify(text)}`);
    const unit = DURATION_UNITS[match[2] as string];
    if (unit === undefined) {
      throw new Error(`time: unknown unit ${JSON.stringify(match[2])} in duration ${JSON.stringify(text)}`);
    }
    total += Number(match[1]) * unit;
  }
  if (body === '') throw fail();
  return sign * Math.round(total);
}

const DECIMAL_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];
const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB'];

/** `1131168` → `1.13MB`: powers of 1000, `digits` significant digits (go-units HumanSize has 4; Docker's tables use 3). */
export function humanSize(bytes: number, digits = 4): string {
  return scaled(bytes, 1000, DECIMAL_UNITS, digits);
}

/** `1073741824` → `1GiB`: powers of 1024. */
export function binarySize(bytes: number): string {
  return scaled(bytes, 1024, BINARY_UNITS, 4);
}

function scaled(bytes: number, base: number, units: readonly string[], digits: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  return `${Number(value.toPrecision(digits))}${units[unit]}`;
}

/** A span of time in words, as `docker ps` shows it: `About a minute`, `3 hours`. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(seconds / 3600 / 24 / 365)} years`;
}

/** `3 minutes ago`, from seconds since the epoch. */
export function ago(epochSeconds: number, now = Date.now()): string {
  return `${humanDuration(now - epochSeconds * 1000)} ago`;
}

const two = (value: number) => String(value).padStart(2, '0');

/** Go's default rendering of a local time, as Docker's templates show `.CreatedAt`: `2024-01-02 03:04:05 +0100 CET`. */
export function localTime(epochSeconds: number): string {
  const date = new Date(epochSeconds * 1000);
  const offset = -date.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.trunc(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const name = /\(([^)]+)\)/.exec(date.toString())?.[1] ?? 'UTC';
  const short = name === 'Coordinated Universal Time' ? 'UTC' : name.replace(/[^A-Z]/g, '') || zone;
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone} ${short}`;
}
