import { expect, test } from 'bun:test';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { readEnvironment, readLabels } from './key-values.ts';
import { csvFields } from './mounts.ts';
import { parseTimeOffsets } from './time-offsets.ts';

function withFile(text: string, use: (file: string) => void): void {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'caisson-options-'));
  try {
    const file = path.join(directory, 'file');
    fs.writeFileSync(file, text);
    use(file);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

test('environment files', () => {
  withFile('\ufeffA=1\r\n# comment\n  B=x y \nUNSET_FOR_SURE\nEMPTY=\nQUOTED="a"\n', (file) => {
    expect(readEnvironment([file], ['C=3'])).toEqual(['A=1', 'B=x y ', 'EMPTY=', 'QUOTED="a"', 'C=3']);
  });
  withFile('bad name=1\n', (file) => expect(() => readEnvironment([file], [])).toThrow('contains whitespaces'));
  withFile('=1\n', (file) => expect(() => readEnvironment([file], [])).toThrow('no variable name'));
});

test('labels: what the command line says comes last', () => {
  withFile('a=1\nb=2\n', (file) => expect(readLabels([file], ['b=3', 'c'])).toEqual({ a: '1', b: '3', c: '' }));
});

test('CSV fields', () => {
  expect(csvFields('a=1,"b=2,3","c=""x"""')).toEqual(['a=1', 'b=2,3', 'c="x"']);
  expect(() => csvFields('a"b,c"d')).not.toThrow();
});

test('time offsets', () => {
  expect(parseTimeOffsets([])).toBeUndefined();
  expect(parseTimeOffsets(['monotonic=+1d,boottime=-1h30m'])).toEqual({ monotonic: '+24h', boottime: '-1h30m' });
  expect(parseTimeOffsets(['monotonic=1d2h', 'boottime=5s'])).toEqual({ monotonic: '+24h2h', boottime: '+5s' });
  for (const bad of ['realtime=1d', 'monotonic', 'monotonic=', 'monotonic=1', 'monotonic=1x']) expect(() => parseTimeOffsets([bad])).toThrow('--time-offset');
});
