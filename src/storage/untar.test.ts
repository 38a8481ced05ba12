import { afterAll, describe, expect, test } from 'bun:test';
import { chmodSync, chownSync, closeSync, constants, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packEntry, packOpenDirectory } from './pack.ts';
import type { ExtractOptions } from './extract.ts';
import { collect, failureOf, isRoot, streamOf, tarOf } from './testing.ts';
import { untar } from './untar.ts';

const scratch = mkdtempSync(join(tmpdir(), 'caisson-untar-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function into(directory: string, tar: Uint8Array, options: Partial<ExtractOptions> = {}): Promise<void> {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await untar(fd, streamOf(tar), options);
  } finally {
    closeSync(fd);
  }
}

function fresh(name: string): string {
  const directory = join(scratch, name);
  mkdirSync(directory);
  return directory;
}

const shown = (path: string) => {
  const { mode, uid, gid } = statSync(path);
  return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
};

describe.skipIf(!isRoot)('an archive into a directory (needs root)', () => {
  test('has its owners and modes whatever the umask and the parent say', async () => {
    const directory = fresh('modes');
    chownSync(directory, 0, 77);
    chmodSync(directory, 0o2755);
    const before = process.umask(0o077);
    try {
      await into(directory, tarOf(
        { name: 'open', mode: 0o666, content: 'x' }, { name: 'privileged', mode: 0o6755, uid: 5, gid: 6, content: 'x' },
        { name: 'plain', mode: 0o4755, content: 'x' }, { name: 'd/', mode: 0o1777 },
      ));
    } finally {
      process.umask(before);
    }
    expect(['open', 'privileged', 'plain', 'd'].map((name) => shown(join(directory, name)))).toEqual(['666 0:0', '6755 5:6', '4755 0:0', '1777 0:0']);
  });

  test('takes whiteouts for names, and leaves the directory itself alone when told to', async () => {
    const directory = fresh('literal');
    chmodSync(directory, 0o711);
    await into(directory, tarOf({ name: './', mode: 0o700 }, { name: '.wh.kept', content: 'x' }, { name: '.wh..wh..opq', content: '' }), { keepRoot: true });
    expect(readFileSync(join(directory, '.wh.kept'), 'utf8')).toBe('x');
    expect(shown(directory)).toBe('711 0:0');
  });

  test('gives what is made to the owner that is asked for, and refuses other kinds', async () => {
    const directory = fresh('owned');
    const options = { owner: () => ({ uid: 3, gid: 4 }), noOverwriteDirNonDir: { destination: '/there' } };
    await into(directory, tarOf({ name: 'f', content: '' }, { name: 'd/' }, { name: 'l', type: 'symlink', linkName: 'f' }), options);
    expect([shown(join(directory, 'f')), shown(join(directory, 'd'))]).toEqual(['644 3:4', '755 3:4']);
    expect(await failureOf(into(directory, tarOf({ name: 'd', content: '' }), options))).toBe('cannot overwrite directory "d" with non-directory "/there"');
    expect(await failureOf(into(directory, tarOf({ name: 'f/' }), options))).toBe('cannot overwrite non-directory "f" with directory "/there"');
  });

  test('gives the same archive when it is packed again', async () => {
    const long = `${'n'.repeat(200)}/${'é'.repeat(60)}`;
    const tar = tarOf(
      { name: 't/', mtime: { seconds: 5, nanoseconds: 6 } }, { name: 't/big', content: Buffer.alloc(200_000, 7), mtime: { seconds: -3, nanoseconds: 9 } },
      { name: `t/${'n'.repeat(200)}/` }, { name: Buffer.from(`t/${long}`).toString('latin1'), content: 'x', uid: 3_000_000, xattrs: new Map([['user.a', Buffer.from('b')]]) },
      { name: 't/zero', content: '' },
    );
    const first = fresh('first');
    await into(first, tar);
    const packed = async (directory: string) => {
      const fd = openSync(join(directory, 't'), constants.O_RDONLY | constants.O_DIRECTORY);
      const bytes = await collect(packOpenDirectory(fd, 't/', { whiteouts: 'none' }));
      closeSync(fd);
      return bytes;
    };
    const again = fresh('again');
    const bytes = await packed(first);
    await into(again, bytes);
    expect((await packed(again)).equals(bytes)).toBe(true);
    const fd = openSync(join(again, 't'), constants.O_RDONLY | constants.O_DIRECTORY);
    await into(again, await collect(packEntry(fd, 'big', 'renamed', { whiteouts: 'none' })));
    closeSync(fd);
    expect(readFileSync(join(again, 'renamed')).equals(Buffer.alloc(200_000, 7))).toBe(true);
  });
});
