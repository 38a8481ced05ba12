import { afterAll, expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { lgetxattr, llistxattr } from '../../linux/ffi/files.ts';
import { streamOf, tarOf } from '../../storage/testing.ts';
import { receiveContext } from './receive.ts';
import { ContextTree } from './tree.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'caisson-context-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

type Entry = Parameters<typeof tarOf>[number];
const archive = (entries: readonly Entry[]) => streamOf(tarOf(...entries));

/** Everything that a build could see; owners and times of directories that no entry names are not the client's. */
function listing(root: string, below = ''): string[] {
  return readdirSync(path.join(root, below)).sort().flatMap((name) => {
    const inner = path.join(below, name);
    const file = path.join(root, inner);
    const stat = lstatSync(file);
    const what = stat.isSymbolicLink() ? readlinkSync(file) : stat.isFile() ? `${stat.mtimeMs} ${stat.nlink} ${readFileSync(file, 'utf8')}` : '';
    const attributes = llistxattr(file).sort().map((key) => ` ${key}=${Buffer.from(lgetxattr(file, key)!).toString('hex')}`).join('');
    return [`${inner} ${stat.mode.toString(8)} ${what}${attributes}`, ...(stat.isDirectory() ? listing(root, inner) : [])];
  });
}

/** The listing, or that the archive was refused. */
const outcome = async (tree: ContextTree, entries: readonly Entry[]): Promise<string[]> => {
  try {
    await receiveContext(tree, archive(entries));
    return listing(tree.path);
  } catch (error) {
    return [`refused: ${(error as Error).message.replaceAll(tree.path, '')}`];
  }
};

const names = fc.constantFrom('a', 'b', 'd', 'd/a', 'd/b', 'd/e', 'd/e/f', 'a/x');
const modes = fc.constantFrom(0o644, 0o755, 0o700, 0o4755);
const times = fc.constantFrom(1000, 2000).map((seconds) => ({ seconds, nanoseconds: 5 }));
const entry: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ name: names, type: fc.constant('file' as const), mode: modes, mtime: times, content: fc.constantFrom('', 'one', 'two', 'three') }) },
  { weight: 3, arbitrary: fc.record({ name: names.map((name) => `${name}/`), type: fc.constant('directory' as const), mode: modes, mtime: times }) },
  { weight: 2, arbitrary: fc.record({ name: names, type: fc.constant('symlink' as const), linkName: fc.constantFrom('a', 'd', '/d/e', '..'), mtime: times }) },
  { weight: 1, arbitrary: fc.record({ name: names, type: fc.constant('hard-link' as const), linkName: names }) },
  { weight: 1, arbitrary: fc.record({ name: names, type: fc.constant('fifo' as const), mode: modes }) },
);

const maxEntries = 8;
const different = fc.array(fc.array(entry, { maxLength: maxEntries }), { minLength: 2, maxLength: 4 });
/** What of each entry differs between one context and the next of the same project. */
const change = fc.record({ isThere: fc.boolean(), attribute: fc.constantFrom('', '', '1', '2') });
const related = fc.tuple(fc.array(entry, { maxLength: maxEntries }), fc.array(fc.array(change, { minLength: maxEntries, maxLength: maxEntries }), { minLength: 2, maxLength: 4 }))
  .map(([entries, contexts]) => contexts.map((changes) => entries.flatMap((each, index) => {
    const { isThere, attribute } = changes[index]!;
    if (!isThere) return [];
    return attribute === '' ? each : { ...each, xattrs: new Map([['user.a', Buffer.from(attribute)]]) };
  })));

test('a tree that had another context in it is like a new one afterwards', async () => {
  let number = 0;
  await fc.assert(fc.asyncProperty(fc.oneof(different, related), async (contexts) => {
    let kept = new ContextTree(`${scratch}/${number++}`);
    for (const entries of contexts) {
      const fresh = await outcome(new ContextTree(`${scratch}/${number++}`), entries);
      expect(await outcome(kept, entries)).toEqual(fresh);
      // What is not known is not used again.
      if (!kept.isKnown) kept = new ContextTree(`${scratch}/${number++}`);
    }
  }), { numRuns: 200, seed: 7 });
}, 60_000);

test('files that are there already stay, and their digests are known until they change', async () => {
  const tree = new ContextTree(`${scratch}/stay`);
  const file = (name: string, content: string): Entry => ({ name, content });
  await receiveContext(tree, archive([file('d/same', 'same'), file('d/changed', 'old'), file('d/gone', 'gone')]));
  const inode = (name: string) => lstatSync(`${tree.path}/${name}`).ino;
  const before = [inode('d/same'), inode('d/changed')];
  await receiveContext(tree, archive([file('d/same', 'same'), file('d/changed', 'new')]));
  expect(tree.isKnown).toBe(true);
  expect(inode('d/same')).toBe(before[0]!);
  expect(readFileSync(`${tree.path}/d/changed`, 'utf8')).toBe('new');
  expect([...tree.nodes.keys()].sort()).toEqual(['d', 'd/changed', 'd/same']);
});
