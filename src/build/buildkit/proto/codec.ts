/**
 * Protobuf messages from tables of their fields: types, encoder and decoder in one. The wire format is @bufbuild/protobuf's; what its
 * generated code would bring beside it (reflection, JSON, a compiler) nobody needs here.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** How one value is written. */
interface Codec<Value> {
  readonly wireType: WireType;
  read(reader: BinaryReader): Value;
  write(writer: BinaryWriter, value: Value): void;
}

interface Scalar<Value> extends Codec<Value> {
  readonly zero: Value;
}

/** One field of a message: `Value` is what it is decoded to. */
interface Field<Value> {
  readonly number: number;
  /** When it is not there. */
  absent(): Value;
  /** `before`: what has been read of it already. */
  read(reader: BinaryReader, wireType: WireType, before: Value): Value;
  write(writer: BinaryWriter, value: Value): void;
}

type Fields = Readonly<Record<string, Field<unknown>>>;
type Values<Shape extends Fields> = { readonly [Name in keyof Shape]: Shape[Name] extends Field<infer Value> ? Value : never };

export interface Message<Value> extends Codec<Value> {
  /** Throws Error for what is no such message. */
  decode(bytes: Uint8Array): Value;
  /** Fields that are left out are not there. */
  encode(value: Sparse<Value>): Uint8Array<ArrayBuffer>;
}

/** What a message is decoded to. */
export type ValueOf<Type> = Type extends Message<infer Value> ? Value : never;

/** The same with fields left out, at any depth: what may be encoded. */
export type Sparse<Value> = Value extends Uint8Array | string | number | bigint | boolean | undefined ? Value
  : Value extends ReadonlyMap<string, infer Item> ? ReadonlyMap<string, Sparse<Item>>
  : Value extends readonly (infer Item)[] ? readonly Sparse<Item>[]
  : { readonly [Name in keyof Value]?: Sparse<Value[Name]> | undefined };

export const string: Scalar<string> = {
  wireType: WireType.LengthDelimited, zero: '', read: (reader) => reader.string(), write: (writer, value) => void writer.string(value),
};
export const bytes: Scalar<Uint8Array> = {
  wireType: WireType.LengthDelimited, zero: new Uint8Array(0), read: (reader) => reader.bytes(), write: (writer, value) => void writer.bytes(value),
};
export const bool: Scalar<boolean> = { wireType: WireType.Varint, zero: false, read: (reader) => reader.bool(), write: (writer, value) => void writer.bool(value) };
export const int32: Scalar<number> = { wireType: WireType.Varint, zero: 0, read: (reader) => reader.int32(), write: (writer, value) => void writer.int32(value) };
export const uint32: Scalar<number> = { wireType: WireType.Varint, zero: 0, read: (reader) => reader.uint32(), write: (writer, value) => void writer.uint32(value) };
/** As a number: sizes and counts are exact up to 2^53. */
export const int64: Scalar<number> = {
  wireType: WireType.Varint, zero: 0, read: (reader) => Number(reader.int64()), write: (writer, value) => void writer.int64(value),
};
/** Where nanoseconds since 1970 must be exact. */
export const bigInt64: Scalar<bigint> = {
  wireType: WireType.Varint, zero: 0n, read: (reader) => BigInt(reader.int64()), write: (writer, value) => void writer.int64(value),
};

/** A scalar; its zero is not sent. */
export const field = <Value>(number: number, codec: Scalar<Value>): Field<Value> => ({
  number,
  absent: () => codec.zero,
  read: (reader) => codec.read(reader),
  write: (writer, value) => {
    if (value !== codec.zero && !(value instanceof Uint8Array && value.length === 0)) writeTagged(writer, number, codec, value);
  },
});

/** A message that may be there. */
export const optional = <Value>(number: number, codec: Message<Value>): Field<Value | undefined> => ({
  number,
  absent: () => undefined,
  read: (reader) => codec.read(reader),
  write: (writer, value) => {
    if (value !== undefined) writeTagged(writer, number, codec, value);
  },
});

/** Most fields of most messages are not there: one value stands for all of them. */
const noItems: readonly never[] = [];

/** Never of packed numbers: no message here has any. */
export const repeated = <Value>(number: number, codec: Codec<Value>): Field<readonly Value[]> => ({
  number,
  absent: () => noItems,
  read: (reader, _, before) => {
    const list = before.length === 0 ? [] : (before as Value[]);
    list.push(codec.read(reader));
    return list;
  },
  write: (writer, values) => {
    for (const value of values) writeTagged(writer, number, codec, value);
  },
});

/** Keys are strings. */
export const map = <Value>(number: number, codec: Scalar<Value> | Message<Value>): Field<ReadonlyMap<string, Value>> => {
  const entry = entryCodec(codec);
  const noEntries: ReadonlyMap<string, Value> = new Map();
  return {
    number,
    absent: () => noEntries,
    read: (reader, _, before) => {
      const [key, value] = entry.read(reader);
      const entries = before === noEntries ? new Map<string, Value>() : (before as Map<string, Value>);
      return entries.set(key, value);
    },
    write: (writer, values) => {
      for (const pair of values) writeTagged(writer, number, entry, pair);
    },
  };
};

function entryCodec<Value>(codec: Scalar<Value> | Message<Value>): Codec<readonly [string, Value]> {
  return {
    wireType: WireType.LengthDelimited,
    read: (reader) => {
      let key = '';
      let value = 'zero' in codec ? codec.zero : codec.decode(bytes.zero);
      readFields(reader, (number) => {
        if (number === 1) key = reader.string();
        else if (number === 2) value = codec.read(reader);
        else return false;
        return true;
      });
      return [key, value];
    },
    write: (writer, [key, value]) => {
      writer.fork();
      writeTagged(writer, 1, string, key);
      writeTagged(writer, 2, codec, value);
      writer.join();
    },
  };
}

export function message<Shape extends Fields>(shape: Shape): Message<Values<Shape>> {
  const fields = Object.entries(shape);
  const byNumber = new Map(fields.map(([name, each]) => [each.number, [name, each] as const]));
  const readTo = (reader: BinaryReader, end: number): Values<Shape> => {
    const values: Record<string, unknown> = {};
    for (const [name, each] of fields) values[name] = each.absent();
    readUntil(reader, end, (number, wireType) => {
      const known = byNumber.get(number);
      if (known === undefined) return false;
      values[known[0]] = known[1].read(reader, wireType, values[known[0]]);
      return true;
    });
    return values as Values<Shape>;
  };
  const writeFields = (writer: BinaryWriter, value: Partial<Values<Shape>>): void => {
    for (const [name, each] of fields) if (value[name] !== undefined) each.write(writer, value[name]);
  };
  return {
    wireType: WireType.LengthDelimited,
    read: (reader) => readTo(reader, endOf(reader)),
    write: (writer, value) => {
      writer.fork();
      writeFields(writer, value);
      writer.join();
    },
    decode: (input) => readTo(new BinaryReader(input), input.length),
    encode: (value) => {
      const writer = new BinaryWriter();
      writeFields(writer, value as Partial<Values<Shape>>);
      return writer.finish();
    },
  };
}

function writeTagged<Value>(writer: BinaryWriter, number: number, codec: Codec<Value>, value: Value): void {
  writer.tag(number, codec.wireType);
  codec.write(writer, value);
}

function endOf(reader: BinaryReader): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw new Error('a message is cut off');
  return end;
}

const readFields = (reader: BinaryReader, take: (number: number) => boolean): void => readUntil(reader, endOf(reader), take);

/** `take` returns false for a field that it does not know. */
function readUntil(reader: BinaryReader, end: number, take: (number: number, wireType: WireType) => boolean): void {
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    if (!take(number, wireType)) reader.skip(wireType, number);
  }
  if (reader.pos > end) throw new Error('a field is longer than its message');
}
