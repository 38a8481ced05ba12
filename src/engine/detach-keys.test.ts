import { expect, test } from 'bun:test';
import { detachFilter, parseDetachKeys } from './detach-keys.ts';

async function typed(keys: string, chunks: readonly string[]): Promise<{ passed: string; detached: boolean }> {
  let detached = false;
  const filter = detachFilter(parseDetachKeys(keys), () => { detached = true; });
  for (const chunk of chunks) filter.write(Buffer.from(chunk, 'latin1'));
  filter.end();
  let passed = '';
  for await (const chunk of filter) passed += Buffer.from(chunk).toString('latin1');
  return { passed, detached };
}

test('the default sequence is ctrl-p ctrl-q', () => {
  expect([...parseDetachKeys('')]).toEqual([16, 17]);
  expect([...parseDetachKeys('ctrl-a,x')]).toEqual([1, 120]);
  expect([...parseDetachKeys('ctrl-@,ctrl-[')]).toEqual([0, 27]);
});

test('a sequence Docker would not take is refused', () => {
  expect(() => parseDetachKeys('ctrl-')).toThrow('Invalid detach keys');
  expect(() => parseDetachKeys('enter')).toThrow('Invalid detach keys');
});

test('the sequence detaches, also when it arrives in pieces, and what follows is dropped', async () => {
  expect(await typed('', ['ls\x10', '\x11rest'])).toEqual({ passed: 'ls', detached: true });
});

test('a broken sequence reaches the program whole', async () => {
  expect(await typed('', ['a\x10b'])).toEqual({ passed: 'a\x10b', detached: false });
  expect(await typed('', ['\x10\x10\x11'])).toEqual({ passed: '\x10', detached: true });
  expect(await typed('', ['a\x10'])).toEqual({ passed: 'a\x10', detached: false });
});
