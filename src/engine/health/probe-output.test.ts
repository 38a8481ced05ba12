import { expect, test } from 'bun:test';
import { frameHeader } from '../stream-session.ts';
import { ProbeOutput } from './probe-output.ts';

const frame = (stream: 'stdout' | 'stderr', text: string) => Buffer.concat([frameHeader(stream, text.length), Buffer.from(text)]);

test('both streams, in any pieces', () => {
  const bytes = Buffer.concat([frame('stdout', 'one\n'), frame('stderr', 'two\n'), frame('stdout', '')]);
  for (const size of [1, 3, 8, 100]) {
    const output = new ProbeOutput();
    for (let at = 0; at < bytes.length; at += size) output.add(bytes.subarray(at, at + size));
    expect(output.text()).toBe('one\ntwo\n');
  }
});

test('4096 bytes are kept', () => {
  const output = new ProbeOutput();
  output.add(frame('stdout', 'x'.repeat(4096)));
  expect(output.text()).toBe('x'.repeat(4096));
  output.add(frame('stderr', 'y'));
  expect(output.text()).toBe(`${'x'.repeat(4096)}...`);
});
