/**
 * The encoding that plans and shim messages share: little-endian, unpadded, read in place by the helper.
 *
 *   u32 i32 u64   4, 4, 8 bytes
 *   string        u32 length, UTF-8 bytes, NUL (the length leaves the NUL out)
 *   strings       u32 count, u32 bytes in all, each string with its NUL
 *   bytes         u32 length, bytes
 *   u32s          u32 count, 4 bytes each
 */
import { invalidParameter } from '../../errors.ts';
import type { FieldKind } from './operations.ts';

/** The fields of an operation or a message, in wire order. */
export type Fields = Readonly<Record<string, FieldKind>>;

interface FieldTypes {
  u32: number;
  i32: number;
  u64: bigint;
  string: string;
  strings: readonly string[];
  bytes: Uint8Array;
  u32s: readonly number[];
}

/** The TypeScript value that a field table describes. */
export type FieldValues<F extends Fields> = { readonly [K in keyof F]: FieldTypes[F[K]] };

/** Holds the launch of an ordinary container. */
const FIRST_SIZE = 32 * 1024;

/** A growing buffer with one method per field kind. */
export class Writer {
  #buffer = Buffer.allocUnsafe(FIRST_SIZE);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value, this.#length);
  }

  i32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeInt32LE(value, this.#length);
  }

  u64(value: bigint): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigUInt64LE(value, this.#length);
  }

  string(value: string): void {
    const at = this.#length;
    this.u32(0);
    // First the text: it may move the buffer.
    const bytes = this.#terminated(value);
    this.#buffer.writeUInt32LE(bytes - 1, at);
  }

  strings(values: readonly string[]): void {
    this.u32(values.length);
    const at = this.#length;
    this.u32(0);
    let bytes = 0;
    for (const value of values) bytes += this.#terminated(value);
    this.#buffer.writeUInt32LE(bytes, at);
  }

  bytes(value: Uint8Array): void {
    this.u32(value.length);
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  u32s(values: readonly number[]): void {
    this.u32(values.length);
    for (const value of values) this.u32(value);
  }

  /** Reserves a u32 that is written later with `patch`: a length that is not known yet. */
  hole(): number {
    this.u32(0);
    return this.#length - 4;
  }

  patch(hole: number, value: number): void {
    this.#buffer.writeUInt32LE(value, hole);
  }

  /** What has been written, without a copy: do not write again. */
  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Writes a string with its NUL and returns the bytes it took. */
  #terminated(value: string): number {
    if (value.includes('\0')) throw invalidParameter(`"${value.replaceAll('\0', '\\0')}" contains a NUL character`);
    this.#reserve(value.length * 3 + 1);
    const bytes = this.#buffer.write(value, this.#length, 'utf8');
    this.#buffer[this.#length + bytes] = 0;
    this.#length += bytes + 1;
    return bytes + 1;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

/** Writes `values` in the order of `fields`. */
export function writeFields<F extends Fields>(writer: Writer, fields: F, values: FieldValues<F>): void {
  for (const name in fields) writeField(writer, fields[name] as FieldKind, values[name]);
}

function writeField(writer: Writer, kind: FieldKind, value: unknown): void {
  switch (kind) {
    case 'u32': return writer.u32(value as number);
    case 'i32': return writer.i32(value as number);
    case 'u64': return writer.u64(value as bigint);
    case 'string': return writer.string(value as string);
    case 'strings': return writer.strings(value as readonly string[]);
    case 'bytes': return writer.bytes(value as Uint8Array);
    case 'u32s': return writer.u32s(value as readonly number[]);
  }
}

/** Reads `fields` from the start of `data`. Throws RangeError when `data` is too short. */
export function readFields<F extends Fields>(fields: F, data: Buffer): FieldValues<F> {
  const values: Record<string, unknown> = {};
  let at = 0;
  const u32 = () => data.readUInt32LE((at += 4) - 4);
  const take = (bytes: number) => {
    if (at + bytes > data.length) throw new RangeError('message is too short');
    return data.subarray(at, (at += bytes));
  };
  const readers: Record<FieldKind, () => unknown> = {
    u32,
    i32: () => data.readInt32LE((at += 4) - 4),
    u64: () => data.readBigUInt64LE((at += 8) - 8),
    string: () => take(u32() + 1).subarray(0, -1).toString('utf8'),
    strings: () => {
      const count = u32();
      const text = take(u32()).toString('utf8');
      return count === 0 ? [] : text.slice(0, -1).split('\0');
    },
    bytes: () => take(u32()),
    u32s: () => Array.from({ length: u32() }, u32),
  };
  for (const name in fields) values[name] = readers[fields[name] as FieldKind]();
  return values as FieldValues<F>;
}
