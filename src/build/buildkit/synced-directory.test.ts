import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContextTree } from '../context/tree.ts';
import { goMode, type Stat } from './proto/fsutil.ts';
import { SyncedDirectory } from './synced-directory.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'synced-'));
  mkdirSync(join(root, 'tree'));
});
afterEach(() => rmSync(root, { recursive: true }));

const time = 1_700_000_000_123_456_789n;
const entry = (path: string, more: Partial<Stat> = {}): Stat => ({
  path, mode: 0o644, uid: 7, gid: 8, size: 0, modTime: time, linkname: '', devmajor: 0, devminor: 0, xattrs: new Map(), ...more,
});
const file = (path: string, content: string): Stat => entry(path, { size: content.length });
const directory = (path: string): Stat => entry(path, { mode: goMode.directory + 0o755 });

/** A whole synchronisation: files with their contents. Answers the paths that were asked for. */
function sync(entries: readonly (readonly [Stat, string?])[], tree = new ContextTree(join(root, 'tree'))): string[] {
  const synced = new SyncedDirectory(tree);
  try {
    const wanted = entries.filter(([stat]) => synced.entry(stat));
    for (const [stat, content = ''] of wanted) {
      const incoming = synced.receive(stat);
      incoming.write(Buffer.from(content));
      incoming.end();
    }
    synced.finish();
    return wanted.map(([stat]) => stat.path);
  } finally {
    synced.close();
  }
}

const names = (): string[] => (readdirSync(join(root, 'tree'), { recursive: true }) as string[]).toSorted((a, b) => (a < b ? -1 : 1));

// Owners are set, which takes root.
const asRoot = process.getuid?.() === 0 ? test : test.skip;

asRoot('takes over what is new, keeps what is the same, removes what is gone', () => {
  const first: [Stat, string?][] = [[directory('d')], [file('d/a', 'A'), 'A'], [file('d/b', 'B'), 'B'], [entry('l', { mode: goMode.symlink + 0o777, linkname: '../out' })], [file('z', 'Z'), 'Z']];
  expect(sync(first)).toEqual(['d/a', 'd/b', 'z']);
  expect(readFileSync(join(root, 'tree/d/a'), 'utf8')).toBe('A');
  expect(readlinkSync(join(root, 'tree/l'))).toBe('../out');
  expect(lstatSync(join(root, 'tree/d/a'), { bigint: true })).toMatchObject({ mtimeNs: time, uid: 0n, gid: 0n });
  expect(sync(first)).toEqual([]);
  expect(sync([[directory('d')], [file('d/b', 'BB'), 'BB']])).toEqual(['d/b']);
  expect(names()).toEqual(['d', 'd/b']);
});

asRoot('what was a directory becomes a file, and the other way round', () => {
  sync([[directory('a')], [file('a/x', 'X'), 'X'], [file('b', 'B'), 'B']]);
  expect(sync([[file('a', 'A'), 'A'], [directory('b')], [file('b/y', 'Y'), 'Y']])).toEqual(['a', 'b/y']);
  expect(names()).toEqual(['a', 'b', 'b/y']);
});

asRoot('hard links follow a file that has changed', () => {
  const entries = (content: string): [Stat, string?][] => [[file('a', content), content], [entry('b', { linkname: 'a', size: content.length })]];
  sync(entries('one'));
  sync(entries('three'));
  expect(readFileSync(join(root, 'tree/b'), 'utf8')).toBe('three');
  expect(lstatSync(join(root, 'tree/a')).ino).toBe(lstatSync(join(root, 'tree/b')).ino);
});

asRoot('a file that came in part is asked for again', () => {
  const tree = new ContextTree(join(root, 'tree'));
  const synced = new SyncedDirectory(tree);
  const whole = file('a', 'whole');
  expect(synced.entry(whole)).toBe(true);
  const incoming = synced.receive(whole);
  incoming.write(Buffer.from('who'));
  incoming.abandon();
  synced.close();
  expect(sync([[whole, 'who']])).toEqual(['a']);
  expect(sync([[whole, 'whole']])).toEqual(['a']);
  expect(sync([[whole, 'whole']])).toEqual([]);
});

asRoot('knows the digests of what it has received', () => {
  const tree = new ContextTree(join(root, 'tree'));
  sync([[directory('d')], [file('d/a', 'hello'), 'hello']], tree);
  expect([...tree.nodes]).toEqual([['d/a', expect.objectContaining({ digest: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824' })]]);
  sync([[directory('d')]], tree);
  expect([...tree.nodes]).toEqual([]);
});

asRoot.each([
  ['an absolute path', [entry('/etc/x')]], ['a way up', [entry('../x')]], ['a way up in the middle', [directory('a'), entry('a/../../x')]], ['an empty name', [entry('')]],
  ['a slash too many', [directory('a'), entry('a//x')]], ['a zero', [entry('a\0b')]], ['a file without its directory', [entry('a/x')]], ['a name that comes twice', [entry('a'), entry('a')]],
  ['a file below a link', [entry('l', { mode: goMode.symlink, linkname: '/etc' }), entry('l/x')]], ['a link to nothing that is here', [entry('a', { linkname: '/etc/passwd' })]],
  ['a link to what was not listed', [entry('a', { linkname: 'b' })]], ['a name that is too long', [entry('x'.repeat(256))]], ['a symbolic link without a target', [entry('l', { mode: goMode.symlink })]],
] as const)('%s is refused', (_name, entries) => {
  expect(() => sync(entries.map((stat) => [stat]))).toThrow('invalid file list');
});

asRoot('a link that lies where a directory should be is replaced, not followed', () => {
  mkdirSync(join(root, 'outside'));
  writeFileSync(join(root, 'outside/kept'), 'kept');
  symlinkSync('../outside', join(root, 'tree/d'));
  sync([[directory('d')], [file('d/x', 'X'), 'X']]);
  expect(readdirSync(join(root, 'outside'))).toEqual(['kept']);
  expect(existsSync(join(root, 'tree/d/x'))).toBe(true);
});

asRoot('devices, pipes and sockets are left out', () => {
  expect(sync([[entry('n', { mode: goMode.device + goMode.characterDevice, devmajor: 1, devminor: 3 })], [entry('p', { mode: goMode.namedPipe })], [entry('s', { mode: goMode.socket })]])).toEqual([]);
  expect(readdirSync(join(root, 'tree'))).toEqual([]);
});
