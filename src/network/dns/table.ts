/**
 * A network's names as a file that shims read (native/names_table.c). Numbers are little-endian, offsets count from the beginning:
 *
 *   u32 magic, u32 count, u32 offset of the network's name
 *   count times: u32 offset of a key, u32 offset of its records; sorted by the keys' bytes
 *   a text (the network's name, a key): u8 length, bytes; a key is the type of its records (u8) and a name
 *   records: u32 length, the data of each, as DNS has it
 *
 * Names are in lower case and without the dot at their end.
 */
import { addressBytes } from '../address-bytes.ts';
import { reverseName } from './reverse.ts';

/** Who has addresses on a network, and by which names the others there know it; the first one is what its addresses lead back to. */
export interface NameOwner {
  readonly names: readonly string[];
  readonly addresses: readonly string[];
}

const magic = 0x314d_414e;
const headerSize = 12;
const entrySize = 8;
const recordType = { A: 1, PTR: 12, AAAA: 28 } as const;
const maxName = 253;
const maxLabel = 63;

/** DNS has no other letters without case (RFC 4343). */
export const lowerCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());

export function encodeNameTable(network: string, owners: readonly NameOwner[]): Buffer {
  const records = recordsOf(network, owners);
  const keys = [...records.keys()].map((key) => Buffer.from(key)).toSorted((a, b) => a.compare(b));
  const head = Buffer.alloc(headerSize + entrySize * keys.length);
  const parts: Buffer[] = [head];
  let at = head.length;
  const place = (...bytes: readonly Buffer[]): number => {
    const offset = at;
    parts.push(...bytes);
    for (const { length } of bytes) at += length;
    return offset;
  };
  head.writeUInt32LE(magic, 0);
  head.writeUInt32LE(keys.length, 4);
  head.writeUInt32LE(place(...text(Buffer.from(lowerCase(network)))), 8);
  for (const [index, key] of keys.entries()) {
    const data = Buffer.concat(records.get(key.toString()) ?? []);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(data.length);
    head.writeUInt32LE(place(...text(key)), headerSize + entrySize * index);
    head.writeUInt32LE(place(length, data), headerSize + entrySize * index + 4);
  }
  return Buffer.concat(parts);
}

const text = (bytes: Buffer): [Buffer, Buffer] => [Buffer.of(bytes.length), bytes];

/** By key. Nobody asks for a name that does not fit into a message. */
function recordsOf(network: string, owners: readonly NameOwner[]): Map<string, Buffer[]> {
  const records = new Map<string, Buffer[]>();
  const add = (type: number, name: string, data: Buffer) => {
    if (Buffer.byteLength(name) > maxName) return;
    const key = `${String.fromCodePoint(type)}${name}`;
    const all = records.get(key) ?? [];
    if (!all.some((each) => each.equals(data))) records.set(key, [...all, data]);
  };
  for (const { names, addresses } of owners) {
    for (const address of addresses) {
      const bytes = Buffer.from(addressBytes(address));
      for (const name of names) add(bytes.length === 4 ? recordType.A : recordType.AAAA, lowerCase(name), bytes);
      const own = nameBytes(`${names[0] ?? ''}.${network}`);
      if (own !== undefined && !records.has(`${String.fromCodePoint(recordType.PTR)}${reverseName(address)}`)) add(recordType.PTR, reverseName(address), own);
    }
  }
  return records;
}

/** A name as messages have it: labels with their lengths; undefined for what is none. */
function nameBytes(name: string): Buffer | undefined {
  const labels = name.split('.').map((label) => Buffer.from(label));
  if (Buffer.byteLength(name) > maxName || labels.some(({ length }) => length === 0 || length > maxLabel)) return undefined;
  return Buffer.concat([...labels.flatMap((label) => text(label)), Buffer.of(0)]);
}
