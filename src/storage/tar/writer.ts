/** Writes tar headers: ustar, with a pax extended header before it for what ustar cannot hold (POSIX.1-2017 pax). */
import { blockSize, type EntryType, paddingOf, type TarEntry } from './entry.ts';
import { xattrPrefix } from './pax.ts';

/** What a header is made of; whatever is left out is zero, empty or none. */
export type EntryToWrite = Pick<TarEntry, 'name' | 'type'> & Partial<Omit<TarEntry, 'typeFlag' | 'fragments'>>;

const flags: Record<Exclude<EntryType, 'unsupported'>, string> = {
  file: '0',
  'hard-link': '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
};

/** The two blocks of zeros that end an archive. */
export const endOfArchive: Uint8Array = new Uint8Array(2 * blockSize);

/** The zeros after `size` bytes of data. */
export const padding = (size: number): Uint8Array => endOfArchive.subarray(0, paddingOf(size));

/**
 * The header blocks of an entry; `entry.size` bytes of data and their padding follow. The same entry gives the same
 * bytes.
 */
export function encodeHeader(entry: EntryToWrite): Buffer {
  if (entry.type === 'unsupported') throw new TypeError('an entry without a type cannot be written');
  const records: Buffer[] = [];
  const block = Buffer.alloc(blockSize);
  const split = splitName(entry.name);
  if (!split) records.push(paxRecord('path', entry.name));
  const linkName = entry.linkName ?? '';
  if (linkName.length > 100 || !isAscii(linkName)) records.push(paxRecord('linkpath', linkName));
  const mtime = entry.mtime ?? { seconds: 0, nanoseconds: 0 };
  if (mtime.nanoseconds !== 0 || mtime.seconds < 0 || mtime.seconds > maxOctal(11))
    records.push(paxRecord('mtime', formatTime(mtime)));
  const numbers = { uid: [entry.uid ?? 0, 7], gid: [entry.gid ?? 0, 7], size: [entry.size ?? 0, 11] } as const;
  for (const [key, [value, digits]] of Object.entries(numbers)) {
    if (value > maxOctal(digits)) records.push(paxRecord(key, String(value)));
  }
  for (const [name, value] of [...(entry.xattrs ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
    records.push(paxRecord(xattrPrefix + name, Buffer.from(value).toString('latin1')));
  }
  const [prefix, name] = split ?? ['', entry.name.slice(0, 100)];
  block.write(name, 0, 100, 'latin1');
  block.write(prefix, 345, 155, 'latin1');
  block.write(linkName.slice(0, 100), 157, 100, 'latin1');
  octal(block, 100, 7, entry.mode ?? 0);
  octal(block, 108, 7, numbers.uid[0]);
  octal(block, 116, 7, numbers.gid[0]);
  octal(block, 124, 11, numbers.size[0]);
  octal(block, 136, 11, mtime.seconds);
  block.write(flags[entry.type], 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  octal(block, 329, 7, entry.deviceMajor ?? 0);
  octal(block, 337, 7, entry.deviceMinor ?? 0);
  sign(block);
  return records.length === 0 ? block : Buffer.concat([extendedHeader(entry.name, records), block]);
}

function extendedHeader(name: string, records: readonly Buffer[]): Buffer {
  const body = Buffer.concat(records);
  const base = name.split('/').filter(Boolean).pop() ?? '';
  const block = Buffer.alloc(blockSize);
  block.write(`PaxHeaders.0/${base}`.slice(0, 100), 0, 100, 'latin1');
  octal(block, 100, 7, 0o644);
  for (const at of [108, 116, 329, 337]) octal(block, at, 7, 0);
  octal(block, 124, 11, body.length);
  octal(block, 136, 11, 0);
  block.write('x', 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  sign(block);
  return Buffer.concat([block, body, padding(body.length)]);
}

/** `length key=value\n`, where length counts its own digits. */
function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + String(rest.length).length;
  length = rest.length + String(length).length;
  return Buffer.from(`${length}${rest}`, 'latin1');
}

/** Prefix and name as ustar splits them, or undefined when they do not fit. */
function splitName(name: string): readonly [prefix: string, name: string] | undefined {
  if (!isAscii(name)) return undefined;
  if (name.length <= 100) return ['', name];
  const slash = name.indexOf('/', name.length - 101);
  if (slash <= 0 || slash > 155 || slash === name.length - 1) return undefined;
  return [name.slice(0, slash), name.slice(slash + 1)];
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return false;
  return true;
}

const maxOctal = (digits: number) => 8 ** digits - 1;

function octal(block: Buffer, at: number, digits: number, value: number): void {
  const fits = value >= 0 && value <= maxOctal(digits);
  block.write((fits ? value : 0).toString(8).padStart(digits, '0'), at, digits, 'latin1');
}

function sign(block: Buffer): void {
  block.fill(32, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
}

function formatTime({ seconds, nanoseconds }: { seconds: number; nanoseconds: number }): string {
  const negative = seconds < 0;
  const whole = negative && nanoseconds > 0 ? -(seconds + 1) : Math.abs(seconds);
  const rest = negative && nanoseconds > 0 ? 1e9 - nanoseconds : nanoseconds;
  const fraction = rest === 0 ? '' : `.${String(rest).padStart(9, '0').replace(/0+$/, '')}`;
  return `${negative ? '-' : ''}${whole}${fraction}`;
}
