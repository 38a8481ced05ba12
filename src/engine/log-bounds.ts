/** `--log-opt max-size=10m --log-opt max-file=3`, of the daemon and of a container. */
import { invalidParameter } from '../errors.ts';
import type { LogBounds } from './settings.ts';

/** Docker's `local` driver has the same total; its `json-file` has no bound, and fills disks. */
export const defaultLogBounds: LogBounds = { maxSize: 20_000_000, maxFiles: 5 };

const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1000, m: 1000 ** 2, g: 1000 ** 3, t: 1000 ** 4 };

/** Options override `fallback`; `max-size=-1` is without limit. A size without a file count keeps one file, as with Docker. */
export function parseLogBounds(options: Readonly<Record<string, string>>, fallback: LogBounds): LogBounds {
  const size = options['max-size'];
  const files = options['max-file'];
  const maxSize = size === undefined ? fallback.maxSize : parseSize(size);
  const maxFiles = files === undefined ? (size === undefined ? fallback.maxFiles : 1) : parseFiles(files);
  return { maxSize, maxFiles };
}

function parseSize(text: string): number {
  if (text === '-1') return 0;
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?$/i.exec(text);
  const unit = units[(match?.[2] ?? '').toLowerCase()];
  if (!match || unit === undefined) throw invalidParameter(`invalid size: '${text}'`);
  return Math.floor(Number(match[1]) * unit);
}

function parseFiles(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1) throw invalidParameter('max-file cannot be less than 1');
  return count;
}
