import { expect, test } from 'bun:test';
import { demultiplex } from '../../engine/demultiplex.ts';
import { DetachScanner, parseDetachKeys } from './detach-keys.ts';
import { jsonLines } from './json-lines.ts';

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < bytes.length; index += size) yield bytes.subarray(index, index + size);
}

function frame(stream: number, text: string): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

test.each([1, 3, 8, 9, 1000])('frames in pieces of %d bytes', async (size) => {
  const seen = { 1: '', 2: '' };
  const bytes = Buffer.concat([frame(1, 'out'), frame(2, 'err'), frame(1, ''), frame(1, 'more')]);
  await demultiplex(pieces(bytes, size), async (stream, payload) => {
    seen[stream] += Buffer.from(payload).toString();
  });
  expect(seen).toEqual({ 1: 'outmore', 2: 'err' });
});

test('bytes that are no frame', () => {
  expect(demultiplex(pieces(Buffer.from('plain text'), 100), async () => undefined)).rejects.toThrow('unrecognized stream');
});

test('detach keys', () => {
  expect([...parseDetachKeys('ctrl-p,ctrl-q')]).toEqual([16, 17]);
  expect([...parseDetachKeys('ctrl-@,a,ctrl-_')]).toEqual([0, 97, 31]);
  expect(() => parseDetachKeys('ctrl-1')).toThrow('Unknown character');
});

test('the sequence is held back, given up when it breaks, and found across chunks', () => {
  const scanner = new DetachScanner(parseDetachKeys('ctrl-p,ctrl-q'));
  const scan = (...bytes: number[]) => {
    const { pass, detached } = scanner.scan(Uint8Array.from(bytes));
    return [[...pass], detached];
  };
  expect(scan(97, 16)).toEqual([[97], false]);
  expect(scan(98)).toEqual([[16, 98], false]);
  expect(scan(16, 16)).toEqual([[16], false]);
  expect(scan(17, 99)).toEqual([[], true]);
});

test('JSON values across chunks', async () => {
  const values: unknown[] = [];
  for await (const value of jsonLines(pieces(Buffer.from('{"a":"é"}\r\n\n{"b":2}\n{"c":3}'), 2))) values.push(value);
  expect(values).toEqual([{ a: 'é' }, { b: 2 }, { c: 3 }]);
});
