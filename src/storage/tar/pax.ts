/**
 * Extended headers: `length key=value\n` records (POSIX.1-2017 pax, "pax Extended Header"), and GNU's sparse maps in
 * them (GNU tar manual, "Storing Sparse Files": PAX formats 0.0, 0.1 and 1.0).
 */
import { blockSize, type Fragment, type Timestamp } from './entry.ts';
import { invalidTar } from './header.ts';

/** The records of one extended header. A later record of the same key wins. */
export interface PaxRecords {
  /** Keys and values as byte strings, without xattrs. */
  readonly values: ReadonlyMap<string, string>;
  readonly xattrs: ReadonlyMap<string, Uint8Array> | undefined;
  /** Format 0.0 repeats its offset and length records: all of them in their order. */
  readonly sparsePairs: readonly number[];
}

export const xattrPrefix = 'SCHILY.xattr.';

export function parsePax(body: Buffer): PaxRecords {
  const values = new Map<string, string>();
  const sparsePairs: number[] = [];
  let xattrs: Map<string, Uint8Array> | undefined;
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(32, at);
    const length = space === -1 ? NaN : decimal(body.toString('latin1', at, space));
    const end = at + length;
    const equals = body.indexOf(61, space + 1);
    if (!(length >= 5) || end > body.length || body[end - 1] !== 10 || equals === -1 || equals >= end) {
      throw invalidTar('an extended header has a malformed record');
    }
    const key = body.toString('latin1', space + 1, equals);
    if (key.startsWith(xattrPrefix)) {
      // A copy: the body is part of a chunk that may be reused.
      (xattrs ??= new Map()).set(
        key.slice(xattrPrefix.length),
        Uint8Array.prototype.slice.call(body, equals + 1, end - 1),
      );
    } else {
      const value = body.toString('latin1', equals + 1, end - 1);
      if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') sparsePairs.push(decimal(value));
      else if ((key === 'path' || key === 'linkpath') && value.includes('\0'))
        throw invalidTar('a name has a NUL byte');
      else values.set(key, value);
    }
    at = end;
  }
  return { values, xattrs, sparsePairs };
}

/** A non-negative decimal number. */
export function decimal(text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) throw invalidTar('an extended header has a field that is not a number');
  return value;
}

/** `seconds[.fraction]`, with a sign; fractions beyond a nanosecond are cut off. */
export function parseTime(text: string): Timestamp {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (!match) throw invalidTar('an extended header has a malformed time');
  const seconds = Number(match[2]);
  const nanoseconds = Number((match[3] ?? '').padEnd(9, '0').slice(0, 9));
  if (match[1] === '') return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: -seconds, nanoseconds }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

/** The sparse map of formats 0.0 and 0.1, if there is one. */
export function sparseMap(records: PaxRecords): Fragment[] | undefined {
  const map = records.values.get('GNU.sparse.map');
  const numbers = map === undefined ? records.sparsePairs : map === '' ? [] : map.split(',').map(decimal);
  if (map === undefined && !records.values.has('GNU.sparse.size')) return undefined;
  return pairs(numbers);
}

/** True for format 1.0, where the map is the beginning of the file's data. */
export function hasSparseMapInData(records: PaxRecords): boolean {
  return records.values.get('GNU.sparse.major') === '1' && records.values.get('GNU.sparse.minor') === '0';
}

/** No extended header and no sparse map may be larger than this (bytes); Go's archive/tar has the same limit. */
export const maxExtendedHeader = 1 << 20;

/** Format 1.0: a count, then that many offsets and lengths, each a decimal and a newline, padded to a whole block. */
export class SparseMapParser {
  /** Bytes of the map so far, its padding included. */
  consumed = 0;
  readonly #numbers: number[] = [];
  #rest = '';

  /** Takes the next block; answers the whole map when it ends in this block. */
  feed(block: Buffer): Fragment[] | undefined {
    this.consumed += block.length;
    if (this.consumed > maxExtendedHeader) throw invalidTar('a sparse map is larger than 1 MiB');
    const lines = (this.#rest + block.toString('latin1')).split('\n');
    this.#rest = lines.pop()!;
    if (this.#rest.length > blockSize) throw invalidTar('a sparse map is malformed');
    for (const line of lines) {
      this.#numbers.push(decimal(line));
      if (this.#numbers.length === 1 + 2 * this.#numbers[0]!) return pairs(this.#numbers.slice(1));
    }
    return undefined;
  }
}

function pairs(numbers: readonly number[]): Fragment[] {
  if (numbers.length % 2 !== 0) throw invalidTar('a sparse map has an odd number of fields');
  const fragments: Fragment[] = [];
  for (let at = 0; at < numbers.length; at += 2) fragments.push({ offset: numbers[at]!, length: numbers[at + 1]! });
  return fragments;
}

/** Checks that a map is in order, fits the file, and has as many bytes as the archive stores. */
export function checkFragments(fragments: readonly Fragment[], size: number, stored: number): void {
  let end = 0;
  let total = 0;
  for (const { offset, length } of fragments) {
    if (offset < end || length < 0 || offset + length > size)
      throw invalidTar('a sparse map is out of order or out of its file');
    end = offset + length;
    total += length;
  }
  if (total !== stored) throw invalidTar('a sparse map and its data differ in size');
}
