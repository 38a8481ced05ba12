import { afterAll, describe, expect, test } from 'bun:test';
import { closeSync, constants, lstatSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fsetxattr, lgetxattr, mkdirAt, openAt, utimensat } from '../linux/ffi/files.ts';
import { copyTree, type CopyOptions } from './copy-tree.ts';
import { removeTree } from './remove.ts';
import { failureClassOf, isRoot, streamOf, tarOf } from './testing.ts';
import { untar } from './untar.ts';

const scratch = mkdtempSync(join(tmpdir(), 'caisson-copy-'));
afterAll(() => removeTree(scratch));

async function withDirectory<T>(path: string, action: (fd: number) => Promise<T>): Promise<T> {
  mkdirSync(path, { recursive: true });
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await action(fd);
  } finally {
    closeSync(fd);
  }
}

const make = (path: string, ...entries: Parameters<typeof tarOf>) => withDirectory(path, (fd) => untar(fd, streamOf(tarOf(...entries)), {}));
const copy = (from: string, to: string, options: CopyOptions) => withDirectory(from, (source) => withDirectory(to, (target) => copyTree(source, target, options)));

describe.skipIf(!isRoot)('copies of trees (need root)', () => {
  test('have owners, modes, times, links, special files, attributes and holes', async () => {
    const [from, to] = [join(scratch, 'from'), join(scratch, 'to')];
    const mtime = { seconds: 1_500_000_000, nanoseconds: 987_654_321 };
    await make(
      from,
      { name: 'd/', mode: 0o2750, uid: 5, gid: 6, mtime },
      { name: 'd/f', content: 'hello', mode: 0o6755, uid: 7, gid: 8, mtime, xattrs: new Map([['user.note', Buffer.from('x')]]) },
      { name: 'z-hard', type: 'hard-link', linkName: 'd/f', mode: 0o6755, uid: 7, gid: 8, mtime, xattrs: new Map([['user.note', Buffer.from('x')]]) },
      { name: 'sym', type: 'symlink', linkName: '/nowhere', uid: 9, mtime },
      { name: 'null', type: 'character-device', deviceMajor: 1, deviceMinor: 3, mode: 0o666 },
      { name: 'pipe', type: 'fifo', mode: 0o620 },
    );
    Bun.spawnSync(['truncate', '-s', '64M', join(from, 'sparse')]);
    Bun.spawnSync(['dd', 'if=/dev/urandom', `of=${from}/sparse`, 'bs=1M', 'seek=40', 'count=2', 'conv=notrunc']);
    await copy(from, to, { whiteouts: 'none' });
    const facts = (name: string) => {
      const { mode, uid, gid, mtimeNs, rdev, nlink, size } = lstatSync(join(name), { bigint: true });
      return { mode, uid, gid, mtimeNs, rdev, nlink, size };
    };
    for (const name of ['d', 'd/f', 'z-hard', 'sym', 'null', 'pipe', 'sparse']) expect([name, facts(join(to, name))]).toEqual([name, facts(join(from, name))]);
    expect(lstatSync(join(to, 'd/f')).ino).toBe(lstatSync(join(to, 'z-hard')).ino);
    expect(Buffer.from(lgetxattr(join(to, 'd/f'), 'user.note')!).toString()).toBe('x');
    expect(readFileSync(join(to, 'sparse')).equals(readFileSync(join(from, 'sparse')))).toBe(true);
    expect(statSync(join(to, 'sparse')).blocks * 512).toBeLessThan(4 * 2 ** 20);
  });

  test('of a layer take away and replace what it says', async () => {
    const [base, layer] = [join(scratch, 'base'), join(scratch, 'layer')];
    await make(
      base,
      { name: 'gone/x', content: 'x' }, { name: 'opaque/x', content: 'x' }, { name: 'merged/', mode: 0o755, xattrs: new Map([['user.old', Buffer.from('x')]]) }, { name: 'merged/x', content: 'x' },
      { name: 'dir-to-file/x', content: 'x' }, { name: 'file-to-dir', content: 'x' }, { name: 'link-to-dir', type: 'symlink', linkName: '/etc' },
    );
    await make(
      layer,
      { name: 'gone', type: 'character-device' }, { name: 'never-there', type: 'character-device' }, { name: 'opaque/y', content: 'y' }, { name: 'merged/', mode: 0o700 }, { name: 'merged/y', content: 'y' },
      { name: 'dir-to-file', content: 'f' }, { name: 'file-to-dir/z', content: 'z' }, { name: 'link-to-dir/z', content: 'z' },
    );
    await withDirectory(join(layer, 'opaque'), async (fd) => fsetxattr(fd, 'trusted.overlay.opaque', Buffer.from('y')));
    await copy(layer, base, { whiteouts: 'apply' });
    const tree = (path: string): string[] => readdirSync(join(base, path)).sort();
    expect(tree('.')).toEqual(['dir-to-file', 'file-to-dir', 'link-to-dir', 'merged', 'opaque']);
    expect([tree('opaque'), tree('merged'), tree('file-to-dir'), tree('link-to-dir')]).toEqual([['y'], ['x', 'y'], ['z'], ['z']]);
    expect(lstatSync(join(base, 'link-to-dir')).isDirectory()).toBe(true);
    expect(lgetxattr(join(base, 'opaque'), 'trusted.overlay.opaque')).toBeUndefined();
    expect([lstatSync(join(base, 'merged')).mode & 0o7777, lgetxattr(join(base, 'merged'), 'user.old')]).toEqual([0o700, undefined]);
  });

  /** Directories of one name in each other, a file in the innermost. */
  function nest(path: string, name: string, depth: number): void {
    mkdirSync(path);
    let fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    for (let level = 0; level < depth; level++) {
      mkdirAt(fd, name, 0o700 + (level % 8));
      utimensat(fd, name, BigInt(level), BigInt(level));
      const next = openAt(fd, name, constants.O_RDONLY | constants.O_DIRECTORY);
      closeSync(fd);
      fd = next;
    }
    closeSync(openAt(fd, 'bottom', constants.O_CREAT | constants.O_WRONLY, 0o600));
    closeSync(fd);
  }

  /** With as few more descriptors as there may be. */
  async function withDescriptors(count: number, action: () => Promise<void>): Promise<void> {
    const limit = (soft: string) => expect(Bun.spawnSync(['prlimit', `--nofile=${soft}:`, '--pid', String(process.pid)]).exitCode).toBe(0);
    const before = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))![1]!;
    limit(String(Math.max(...readdirSync('/proc/self/fd').map(Number)) + count));
    await action().finally(() => limit(before));
  }

  test('take few descriptors, however deep the tree is', async () => {
    const [from, to] = [join(scratch, 'deep-from'), join(scratch, 'deep-to')];
    nest(from, 'd', 1500);
    await withDescriptors(200, () => copy(from, to, { whiteouts: 'none' }));
    for (const depth of [1, 63, 64, 65, 700, 1499]) {
      const of = (root: string) => lstatSync(join(root, ...Array<string>(depth).fill('d')), { bigint: true });
      expect([depth, of(to).mode, of(to).mtimeNs]).toEqual([depth, of(from).mode, of(from).mtimeNs]);
    }
    expect(readdirSync(join(to, ...Array<string>(1500).fill('d')))).toEqual(['bottom']);
  });

  test('of paths that the kernel does not take are refused, and leave nothing open', async () => {
    const [from, to] = [join(scratch, 'long-from'), join(scratch, 'long-to')];
    nest(from, 'n'.repeat(200), 100);
    const open = readdirSync('/proc/self/fd').length;
    expect(await failureClassOf(copy(from, to, { whiteouts: 'none' }))).toBe('invalid-parameter');
    expect(readdirSync('/proc/self/fd').length).toBe(open);
  });
});
