/**
 * The 512-byte header block: POSIX ustar, GNU, star and V7 (POSIX.1-2017 pax, "ustar Interchange Format";
 * GNU tar manual, "Basic Tar Format").
 */
import { invalidParameter } from '../../errors.ts';
import { blockSize, type EntryType, type Fragment } from './entry.ts';

export const invalidTar = (why: string) => invalidParameter(`invalid tar: ${why}`);

/** What one header block says by itself, before extended headers change it. */
export interface RawHeader {
  readonly name: string;
  readonly typeFlag: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly linkName: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly sparse: OldSparseHeader | undefined;
}

/** The sparse map's beginning in a GNU header of type S. */
export interface OldSparseHeader {
  readonly realSize: number;
  readonly fragments: Fragment[];
  /** True when more of the map follows in a block of its own. */
  readonly extended: boolean;
}

const code = (character: string) => character.charCodeAt(0);
export const typeFlags = {
  sparse: code('S'),
  pax: code('x'),
  paxGlobal: code('g'),
  longName: code('L'),
  longLink: code('K'),
} as const;

const types = new Map<number, EntryType>([
  [0, 'file'],
  [code('0'), 'file'],
  [code('7'), 'file'],
  [typeFlags.sparse, 'file'],
  [code('1'), 'hard-link'],
  [code('2'), 'symlink'],
  [code('3'), 'character-device'],
  [code('4'), 'block-device'],
  [code('5'), 'directory'],
  [code('6'), 'fifo'],
]);

/** The type of entry that a flag stands for. A V7 regular file whose name ends with a slash is a directory. */
export function entryType(typeFlag: number, name: string): EntryType {
  if (typeFlag === 0 && name.endsWith('/')) return 'directory';
  return types.get(typeFlag) ?? 'unsupported';
}

/** Reads one header block; undefined for a block of zeros. Throws invalid-parameter when it is not a header. */
export function parseHeader(block: Buffer): RawHeader | undefined {
  const sum = checksum(block);
  if (sum.unsigned === 8 * 32 && isZero(block)) return undefined;
  const recorded = numeric(block, 148, 8);
  if (recorded !== sum.unsigned && recorded !== sum.signed) throw invalidTar('a header has a wrong checksum');
  const magic = block.toString('latin1', 257, 265);
  const typeFlag = block[156]!;
  const size = numeric(block, 124, 12);
  if (size < 0) throw invalidTar('an entry has a negative size');
  return {
    name: fullName(block, magic),
    typeFlag,
    mode: numeric(block, 100, 8) & 0o7777,
    uid: numeric(block, 108, 8),
    gid: numeric(block, 116, 8),
    size,
    mtime: numeric(block, 136, 12),
    linkName: text(block, 157, 100),
    deviceMajor: magic.startsWith('ustar') ? numeric(block, 329, 8) : 0,
    deviceMinor: magic.startsWith('ustar') ? numeric(block, 337, 8) : 0,
    sparse: typeFlag === typeFlags.sparse ? oldSparseHeader(block) : undefined,
  };
}

/** The pairs in an extension block of an old GNU sparse map. */
export function parseSparseExtension(block: Buffer): { fragments: Fragment[]; extended: boolean } {
  return { fragments: sparsePairs(block, 0, 21), extended: block[504] !== 0 };
}

function oldSparseHeader(block: Buffer): OldSparseHeader {
  return { realSize: numeric(block, 483, 12), fragments: sparsePairs(block, 386, 4), extended: block[482] !== 0 };
}

function sparsePairs(block: Buffer, start: number, count: number): Fragment[] {
  const fragments: Fragment[] = [];
  for (let at = start; at < start + count * 24; at += 24) {
    if (block[at] === 0) break;
    fragments.push({ offset: numeric(block, at, 12), length: numeric(block, at + 12, 12) });
  }
  return fragments;
}

function fullName(block: Buffer, magic: string): string {
  const name = text(block, 0, 100);
  // GNU headers keep times where ustar keeps the prefix; star's prefix is shorter.
  if (!magic.startsWith('ustar\0')) return name;
  const star = block.toString('latin1', 508, 512) === 'tar\0';
  const prefix = text(block, 345, star ? 131 : 155);
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** A NUL-terminated field as a byte string. */
function text(block: Buffer, start: number, length: number): string {
  const end = block.indexOf(0, start);
  return block.toString('latin1', start, end === -1 || end > start + length ? start + length : end);
}

/** An octal number, or GNU's base-256 two's complement when the first bit is set. */
function numeric(block: Buffer, start: number, length: number): number {
  return block[start]! & 0x80 ? base256(block, start, length) : octal(block, start, length);
}

function octal(block: Buffer, start: number, length: number): number {
  let value = 0;
  let at = start;
  const end = start + length;
  while (at < end && (block[at] === 32 || block[at] === 0)) at++;
  for (; at < end; at++) {
    const digit = block[at]! - 48;
    if (digit >= 0 && digit <= 7) value = value * 8 + digit;
    else if (block[at] === 32 || block[at] === 0) break;
    else throw invalidTar('a header has a field that is not a number');
  }
  return checked(value);
}

function base256(block: Buffer, start: number, length: number): number {
  const negative = (block[start]! & 0x40) !== 0;
  let value = negative ? -1n : 0n;
  for (let at = start; at < start + length; at++) {
    const byte = at === start ? (negative ? block[at]! | 0x80 : block[at]! & 0x7f) : block[at]!;
    value = (value << 8n) | BigInt(byte);
  }
  return checked(Number(value));
}

function checked(value: number): number {
  if (!Number.isSafeInteger(value)) throw invalidTar('a header has a number that is too large');
  return value;
}

/** Sums with the checksum field taken as spaces; some old programs add signed bytes. */
function checksum(block: Buffer): { unsigned: number; signed: number } {
  let unsigned = 8 * 32;
  let high = 0;
  for (let at = 0; at < blockSize; at++) {
    if (at === 148) at = 156;
    const byte = block[at]!;
    unsigned += byte;
    if (byte > 127) high++;
  }
  return { unsigned, signed: unsigned - 256 * high };
}

function isZero(block: Buffer): boolean {
  for (let at = 0; at < blockSize; at++) if (block[at] !== 0) return false;
  return true;
}
