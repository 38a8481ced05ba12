import { afterAll, expect, test } from 'bun:test';
import { appendFileSync, closeSync, mkdtempSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogsRequest } from './engine.ts';
import { readLogs, wakeFollowers } from './log-reader.ts';

const directory = mkdtempSync(join(tmpdir(), 'caisson-logs-'));
afterAll(() => rmSync(directory, { recursive: true }));

const request: LogsRequest = { stdout: true, stderr: true, follow: false, timestamps: false, details: false, tail: 'all', since: '', until: '' };
const line = (log: string, second = 0, stream = 'stdout') =>
  `${JSON.stringify({ log, stream, time: `2026-01-01T00:00:${String(second).padStart(2, '0')}.5Z` })}\n`;

async function text(path: string, changes: Partial<LogsRequest> = {}): Promise<string> {
  let all = '';
  for await (const chunk of readLogs(path, { ...request, ...changes }, true, () => false)) all += Buffer.from(chunk).toString();
  return all;
}

test('lines come back whole, across rotated files, oldest first', async () => {
  const path = join(directory, 'rotated');
  writeFileSync(`${path}.2`, line('1\n'));
  writeFileSync(`${path}.1`, line('2\n') + line('3\n'));
  writeFileSync(path, line('4\n'));
  expect(await text(path)).toBe('1\n2\n3\n4\n');
  expect(await text(path, { tail: '2' })).toBe('3\n4\n');
  expect(await text(path, { tail: '9' })).toBe('1\n2\n3\n4\n');
  expect(await text(path, { tail: '0' })).toBe('');
});

test('streams, times and timestamps select and mark', async () => {
  const path = join(directory, 'selected');
  writeFileSync(path, line('a\n', 1) + line('b\n', 2, 'stderr') + line('c\n', 3));
  expect(await text(path, { stdout: false })).toBe('b\n');
  expect(await text(path, { since: '2026-01-01T00:00:02Z' })).toBe('b\nc\n');
  expect(await text(path, { until: '2026-01-01T00:00:02Z' })).toBe('a\n');
  expect(await text(path, { stderr: false, timestamps: true, tail: '1' })).toBe('2026-01-01T00:00:03.500000000Z c\n');
});

test('without a terminal each line is a frame with its stream and length', async () => {
  const path = join(directory, 'framed');
  writeFileSync(path, line('hé\n', 0, 'stderr'));
  const chunks = [];
  for await (const chunk of readLogs(path, request, false, () => false)) chunks.push(chunk);
  expect(Buffer.concat(chunks)).toEqual(Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 4]), Buffer.from('hé\n')]));
});

test('a line longer than a block, and a last line that is cut short', async () => {
  const path = join(directory, 'long');
  writeFileSync(path, `${line(`${'x'.repeat(600_000)}\n`)}{"log":"cut`);
  expect((await text(path)).length).toBe(600_001);
});

test('follow sees later lines, survives a rotation, and ends with the container', async () => {
  const path = join(directory, 'followed');
  writeFileSync(path, line('1\n'));
  let live = true;
  const seen: string[] = [];
  for await (const chunk of readLogs(path, { ...request, follow: true }, true, () => live)) {
    seen.push(...Buffer.from(chunk).toString().trim().split('\n'));
    if (seen.length === 1) appendFileSync(path, line('2\n'));
    if (seen.length === 2) {
      appendFileSync(path, line('3\n'));
      renameSync(path, `${path}.1`);
      writeFileSync(path, line('4\n'));
    }
    if (seen.length === 4) {
      live = false;
      wakeFollowers(path);
    }
  }
  expect(seen).toEqual(['1', '2', '3', '4']);
});

test('follow misses no file, however often it was rotated since it looked', async () => {
  const path = join(directory, 'rotated-twice');
  writeFileSync(path, line('1\n'));
  const controller = new AbortController();
  const seen: string[] = [];
  for await (const chunk of readLogs(path, { ...request, follow: true, signal: controller.signal }, true, () => true)) {
    seen.push(...Buffer.from(chunk).toString().trim().split('\n'));
    if (seen.length === 1) {
      renameSync(path, `${path}.2`);
      writeFileSync(`${path}.1`, line('2\n'));
      writeFileSync(path, line('3\n'));
    }
    if (seen.length === 3) controller.abort();
  }
  expect(seen).toEqual(['1', '2', '3']);
});

test('a file that is cut short is followed from its new beginning; one that is removed is read on', async () => {
  const path = join(directory, 'cut');
  writeFileSync(path, line('1\n') + line('2\n'));
  const controller = new AbortController();
  const seen: string[] = [];
  for await (const chunk of readLogs(path, { ...request, follow: true, signal: controller.signal }, true, () => true)) {
    seen.push(...Buffer.from(chunk).toString().trim().split('\n'));
    // Cut short and grown beyond where it had been, with a line's end elsewhere.
    if (seen.length === 2) writeFileSync(path, line(`3${' '.repeat(500)}\n`));
    if (seen.length === 3) {
      const writer = openSync(path, 'a');
      rmSync(path);
      writeSync(writer, line('4\n'));
      closeSync(writer);
    }
    if (seen.length === 4) controller.abort();
  }
  expect(seen).toEqual(['1', '2', '3', '4']);
});

test('garbage is passed over, also in front of a record', async () => {
  const path = join(directory, 'garbage');
  writeFileSync(path, `${line('1\n')}{"log":"cut${line('2\n')}\0\0\0${line('3\n')}no json\n{}\n[1]\n${line('4\n')}`);
  expect(await text(path)).toBe('1\n2\n3\n4\n');
});

test('records of a shim and of others come out alike: escapes, attributes, times', async () => {
  const path = join(directory, 'forms');
  const time = '2026-01-01T00:00:01.000000000Z';
  const log = '{"log":"a\\"\\\\\\t\\r\\u0007\\u00e9\\u20ac\\u003c\\n","stream":"stderr"';
  writeFileSync(path, `${log},"time":"${time}"}\n${log},"attrs":{"k":"v w"},"time":"${time}"}\n{"time":"2026-01-01T00:00:01Z","log":"x\\ud83d\\ude00\\n"}\n`);
  const one = 'a"\\\t\r\x07é€<\n';
  expect(await text(path)).toBe(`${one}${one}x😀\n`);
  expect(await text(path, { timestamps: true })).toBe(`${time} ${one}${time} ${one}${time} x😀\n`);
  expect(await text(path, { details: true, stdout: false })).toBe(` ${one}k=v+w ${one}`);
});

test('a time that is none is refused', async () => {
  const read = () => readLogs(join(directory, 'none'), { ...request, since: 'soon' }, true, () => false);
  expect(read).toThrow('strconv.ParseInt: parsing "soon": invalid syntax');
});

test('a client that leaves ends its follow, though nothing is written', async () => {
  const path = join(directory, 'left');
  writeFileSync(path, line('1\n'));
  const controller = new AbortController();
  const seen: string[] = [];
  for await (const chunk of readLogs(path, { ...request, follow: true, signal: controller.signal }, true, () => true)) {
    seen.push(Buffer.from(chunk).toString());
    setTimeout(() => controller.abort(), 1);
  }
  expect(seen).toEqual(['1\n']);
});
