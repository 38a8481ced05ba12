import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalContexts } from './local-contexts.ts';

let root: string;
let contexts: LocalContexts;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'contexts-'));
  contexts = new LocalContexts(root);
});
afterEach(() => rmSync(root, { recursive: true }));

test('the next build has the directory of the last one, and one that comes meanwhile another', async () => {
  const first = contexts.acquire('a');
  const meanwhile = contexts.acquire('a');
  expect(meanwhile.tree.path).not.toBe(first.tree.path);
  expect(contexts.acquire('b').tree.path).not.toBe(first.tree.path);
  await first.release();
  expect(contexts.acquire('a').tree).toBe(first.tree);
});

test('what is in use stays when the rest is pruned', async () => {
  const used = contexts.acquire('used');
  await contexts.acquire('idle').release();
  await contexts.prune();
  expect(readdirSync(root).map((name) => join(root, name))).toEqual([used.tree.path]);
});

test('what was not used for two days goes', async () => {
  const old = join(root, 'old-0');
  mkdirSync(old);
  writeFileSync(join(old, 'file'), '');
  const threeDaysAgo = Date.now() / 1000 - 3 * 86_400;
  utimesSync(old, threeDaysAgo, threeDaysAgo);
  const kept = contexts.acquire('kept');
  await kept.release();
  expect([existsSync(old), existsSync(kept.tree.path)]).toEqual([false, true]);
});
