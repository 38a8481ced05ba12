import { expect, test } from 'bun:test';
import { readFields, Writer, writeFields } from './codec.ts';

const fields = { before: 'u32', text: 'string', list: 'strings', data: 'bytes', after: 'u64' } as const;

/** Enough to make the buffer grow several times, so that it grows within every kind of field. */
const rounds = 6000;

test('values come back as they were, wherever the buffer has to grow', () => {
  const writer = new Writer();
  const expected = Array.from({ length: rounds }, (_, index) => ({
    before: index,
    text: 'x'.repeat(index % 61),
    list: ['a'.repeat(index % 7), 'é'.repeat(index % 13)],
    data: Buffer.alloc(index % 17, index % 251),
    after: BigInt(index),
  }));
  const starts = expected.map((values) => {
    const start = writer.length;
    writeFields(writer, fields, values);
    return start;
  });
  const encoded = Buffer.from(writer.finish());
  for (const [index, start] of starts.entries()) expect(readFields(fields, encoded.subarray(start))).toEqual(expected[index] as never);
});
