import { afterAll, describe, expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { lgetxattr, mkdirAt, openAt } from '../linux/ffi/files.ts';
import { sha256 } from './digest.ts';
import { readFileInRoot } from './lookup.ts';
import { packDirectory } from './pack.ts';
import { removeTree } from './remove.ts';
import { collect, createTestRoot, failureOf, isRoot, streamOf, tarOf } from './testing.ts';

const root = createTestRoot();
const { storage, dataRoot } = root;
afterAll(() => root.remove());

const unpack = (tar: Uint8Array, parent: Parameters<typeof storage.unpack>[0] = null, step?: number) =>
  storage.unpack(parent, streamOf(tar, step));
const layersOnDisk = () => readdirSync(`${dataRoot}/layers`).sort();
const isWhiteout = (path: string) => lstatSync(path).isCharacterDevice() && lstatSync(path).rdev === 0;

/** Unpacks, and checks that packing gives the same bytes again. */
async function roundTrip(tar: Uint8Array, step?: number) {
  const layer = await unpack(tar, null, step);
  expect(layer.diffId).toBe(sha256(tar));
  expect(storage.packedSize(layer.chainId)).toBe(tar.length);
  expect((await collect(storage.pack(layer.chainId))).equals(Buffer.from(tar))).toBe(true);
  return layer;
}

describe.skipIf(!isRoot)('layers (need root)', () => {
  test('owners, modes, times, links, devices and attributes arrive as they are in the archive', async () => {
    const mtime = { seconds: 1_600_000_000, nanoseconds: 123_456_789 };
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
    const { path } = await roundTrip(
      tarOf(
        { name: './', type: 'directory', mode: 0o751 },
        { name: 'd/', mode: 0o2750, uid: 5, gid: 6, mtime },
        {
          name: 'd/f',
          content: 'hello',
          mode: 0o6755,
          uid: 1000,
          gid: 1001,
          mtime,
          xattrs: new Map([['security.capability', capability]]),
        },
        { name: 'd/hard', type: 'hard-link', linkName: 'd/f' },
        { name: 'd/sym', type: 'symlink', linkName: '../../../etc/passwd', uid: 7, gid: 8, mtime },
        { name: 'null', type: 'character-device', mode: 0o666, deviceMajor: 1, deviceMinor: 3 },
        { name: 'pipe', type: 'fifo', mode: 0o620 },
        { name: 'implicit/deep/file', content: 'x' },
      ),
    );
    const stat = (name: string) => lstatSync(join(path, name), { bigint: true });
    expect(stat('.').mode & 0o7777n).toBe(0o751n);
    expect(stat('d')).toMatchObject({ uid: 5n, gid: 6n, mtimeNs: 1_600_000_000_123_456_789n });
    expect(stat('d').mode & 0o7777n).toBe(0o2750n);
    expect(stat('d/f')).toMatchObject({ uid: 1000n, gid: 1001n, nlink: 2n, mtimeNs: 1_600_000_000_123_456_789n });
    expect(stat('d/f').mode & 0o7777n).toBe(0o6755n);
    expect(Buffer.from(lgetxattr(join(path, 'd/f'), 'security.capability')!).equals(capability)).toBe(true);
    expect(stat('d/hard').ino).toBe(stat('d/f').ino);
    expect(stat('d/sym')).toMatchObject({ uid: 7n, gid: 8n, mtimeNs: 1_600_000_000_123_456_789n });
    expect(readlinkSync(join(path, 'd/sym'))).toBe('../../../etc/passwd');
    expect(stat('null').rdev).toBe(0x103n);
    expect(stat('null').mode & 0o7777n).toBe(0o666n);
    expect(stat('pipe').isFIFO()).toBe(true);
    expect(stat('pipe').mode & 0o7777n).toBe(0o620n);
    expect(stat('implicit/deep').mode & 0o7777n).toBe(0o755n);
  });

  test('archives of the system’s tar come back bit for bit, sparse and long names too', async () => {
    const tree = join(dataRoot, 'tree');
    mkdirSync(join(tree, 'n'.repeat(120), 'm'.repeat(120)), { recursive: true });
    writeFileSync(join(tree, 'n'.repeat(120), 'm'.repeat(120), 'f'), Buffer.alloc(300_000, 'ab'));
    for (let index = 0; index < 2000; index++) writeFileSync(join(tree, `file-${index}`), `content ${index}`);
    execFileSync('truncate', ['-s', '3M', join(tree, 'sparse')]);
    execFileSync('dd', ['if=/dev/zero', `of=${tree}/sparse`, 'bs=4096', 'seek=100', 'count=1', 'conv=notrunc'], {
      stdio: 'ignore',
    });
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff, 0xfe])]), 'not UTF-8');
    for (const format of ['gnu', 'pax']) {
      const tar = execFileSync('tar', ['--format', format, '-S', '--xattrs', '-C', tree, '-cf', '-', '.'], {
        maxBuffer: 1 << 26,
      });
      const { path } = await roundTrip(tar, 4097);
      execFileSync('diff', ['-r', tree, path]);
      expect(lstatSync(join(path, 'sparse')).blocks).toBeLessThan(100);
    }
  });

  test('a later entry replaces an earlier one, whatever the two are, and the archive still comes back', async () => {
    const { path } = await roundTrip(
      tarOf(
        { name: 'f', content: 'first' },
        { name: 'other', type: 'hard-link', linkName: 'f' },
        { name: 'f', content: 'second' },
        { name: 'd/', mode: 0o700 },
        { name: 'd/in/x', content: 'inside' },
        { name: 'd', content: 'now a file' },
        { name: 's', type: 'symlink', linkName: '/etc' },
        { name: 's/', mode: 0o711 },
        { name: 's/y', content: 'below' },
        { name: 'e/', mode: 0o700 },
        { name: 'e/keep', content: 'kept' },
        { name: 'e/', mode: 0o755 },
      ),
    );
    expect(readFileSync(join(path, 'f'), 'utf8')).toBe('second');
    expect(readFileSync(join(path, 'other'), 'utf8')).toBe('first');
    expect(readFileSync(join(path, 'd'), 'utf8')).toBe('now a file');
    expect(lstatSync(join(path, 's')).isDirectory()).toBe(true);
    expect(readFileSync(join(path, 'e/keep'), 'utf8')).toBe('kept');
    expect(lstatSync(join(path, 'e')).mode & 0o777).toBe(0o755);
  });

  test('whiteouts become overlayfs’s', async () => {
    const { path } = await roundTrip(
      tarOf(
        { name: 'a/.wh.gone', content: '' },
        { name: 'b/.wh..wh..opq', content: '' },
        { name: 'b/new', content: 'n' },
        { name: '.wh..wh.plnk/1.2', content: 'aufs' },
        { name: 'c/.wh.both', content: '' },
        { name: 'c/both/', mode: 0o700 },
        { name: 'c/both/x', content: 'x' },
        { name: 'own', content: 'stays' },
        { name: '.wh.own', content: '' },
      ),
    );
    expect(isWhiteout(join(path, 'a/gone'))).toBe(true);
    expect(Buffer.from(lgetxattr(join(path, 'b'), 'trusted.overlay.opaque')!).toString()).toBe('y');
    expect(Buffer.from(lgetxattr(join(path, 'c/both'), 'trusted.overlay.opaque')!).toString()).toBe('y');
    expect(readFileSync(join(path, 'own'), 'utf8')).toBe('stays');
    expect(readdirSync(path).sort()).toEqual(['a', 'b', 'c', 'own']);
  });

  test('a directory that the archive does not list keeps what the layer below says of it', async () => {
    const lower = await unpack(
      tarOf({ name: 'private/', mode: 0o700, uid: 42, gid: 43 }, { name: 'private/a', content: 'a' }),
    );
    const upper = await unpack(tarOf({ name: 'private/b', content: 'b' }), lower.chainId);
    expect(lstatSync(join(upper.path, 'private'))).toMatchObject({ uid: 42, gid: 43 });
    expect(lstatSync(join(upper.path, 'private')).mode & 0o777).toBe(0o700);
  });

  test('overlayfs’s own attributes are not taken from an archive', async () => {
    const { path } = await roundTrip(
      tarOf({
        name: 'd/',
        xattrs: new Map([
          ['trusted.overlay.redirect', Buffer.from('/etc')],
          ['user.fine', Buffer.from('1')],
        ]),
      }),
    );
    expect(lgetxattr(join(path, 'd'), 'trusted.overlay.redirect')).toBeUndefined();
  });

  test('a wrong digest is refused, the right one is idempotent, and two at once are one', async () => {
    const tar = tarOf({ name: 'unique', content: 'digest' });
    const before = layersOnDisk();
    expect(await failureOf(storage.unpack(null, streamOf(tar), `sha256:${'0'.repeat(64)}`))).toContain(
      'invalid diffID for layer 0: expected "sha256:000',
    );
    expect(layersOnDisk()).toEqual(before);
    const [one, two] = await Promise.all([unpack(tar), unpack(tar)]);
    expect(one).toEqual(two);
    const again = await storage.unpack(null, streamOf(Buffer.from('not even read')), sha256(tar));
    expect(again).toEqual(one);
    expect(layersOnDisk().length).toBe(before.length + 1);
  });

  test('125 layers are the most, and their options fit into a page', async () => {
    let parent: Parameters<typeof storage.unpack>[0] = null;
    for (let index = 0; index < 125; index++)
      parent = (await unpack(tarOf({ name: `depth-${index}`, content: '' }), parent)).chainId;
    expect(await failureOf(unpack(tarOf({ name: 'one-more', content: '' }), parent))).toContain('max depth exceeded');
    const { lowerDirs, cwd } = storage.root('x', parent);
    expect(lowerDirs.map((dir) => dir.slice(cwd.length + 1)).join(':').length).toBeLessThan(2048);
    expect(() => storage.forgetLayers([storage.layer(parent!)!.parent!])).toThrow('is in use');
  });

  test('a layer is gone after its removal, and its number is not used again', async () => {
    const first = await unpack(tarOf({ name: 'removed', content: '1' }));
    await storage.forgetLayers([first.chainId])();
    expect(storage.layer(first.chainId)).toBeUndefined();
    expect(existsSync(first.path)).toBe(false);
    expect((await unpack(tarOf({ name: 'removed', content: '1' }))).path).not.toBe(first.path);
  });

  test('after a crash, layers are there, and what was half-done is swept', async () => {
    const layer = await unpack(tarOf({ name: 'survivor', content: 's' }));
    mkdirSync(`${dataRoot}/layers/tmp-left/diff/a`, { recursive: true });
    mkdirSync(`${dataRoot}/layers/99999/diff/a`, { recursive: true });
    const again = root.reopen();
    expect(again.storage.layer(layer.chainId)).toEqual(layer);
    await again.storage.recover();
    expect(layersOnDisk().filter((name) => name.startsWith('tmp-') || name === '99999')).toEqual([]);
    again.database.close();
  });

  test('a root: directories, the shared init layer lowest, removal of whatever is in it', async () => {
    const layer = await unpack(tarOf({ name: 'x', content: 'x' }));
    await storage.createRoot('c1', layer.chainId, { owner: { uid: 1000, gid: 1001 }, storageOptions: {} });
    const made = storage.root('c1', layer.chainId);
    expect(made.lowerDirs).toEqual([layer.path, `${dataRoot}/layers/init/diff`]);
    expect(lstatSync(made.upperDir)).toMatchObject({ uid: 1000, gid: 1001 });
    expect(readdirSync(made.lowerDirs.at(-1)!).sort()).toEqual(['.dockerenv', 'dev', 'etc', 'proc', 'sys']);
    expect(storage.roots()).toEqual(['c1']);
    execFileSync(
      'sh',
      [
        '-c',
        'mkdir -p work/work; chmod 0 work/work; ln -s / diff/link; mkfifo diff/pipe; mkdir diff/-rf; touch "diff/$(printf "\\377")"',
      ],
      { cwd: `${dataRoot}/overlay/c1` },
    );
    await storage.removeRoot('c1');
    await storage.removeRoot('c1');
    expect(storage.roots()).toEqual([]);
  });

  test('files of a root that is not mounted are found as overlayfs would', async () => {
    const lower = await unpack(
      tarOf(
        { name: 'etc/passwd', content: 'lower' },
        { name: 'etc/group', content: 'lower' },
        { name: 'gone/x', content: 'x' },
        { name: 'opaque/x', content: 'x' },
        { name: 'abs', type: 'symlink', linkName: '/etc/passwd' },
        { name: 'climb', type: 'symlink', linkName: '../../../../../etc/group' },
        { name: 'loop', type: 'symlink', linkName: 'loop' },
        { name: 'file-then-dir', content: 'f' },
        { name: 'dir-then-file/x', content: 'x' },
        { name: 'big', content: Buffer.alloc(1024 * 1024 + 1) },
        { name: 'long', type: 'symlink', linkName: 'n'.repeat(300) },
      ),
    );
    const upper = await unpack(
      tarOf(
        { name: 'etc/passwd', content: 'upper' },
        { name: '.wh.gone', content: '' },
        { name: 'opaque/.wh..wh..opq', content: '' },
        { name: 'opaque/y', content: 'y' },
        { name: 'file-then-dir/z', content: 'z' },
        { name: 'dir-then-file', content: 'f' },
        { name: 'etcl', type: 'symlink', linkName: 'etc' },
      ),
      lower.chainId,
    );
    await storage.createRoot('look', upper.chainId, { owner: { uid: 0, gid: 0 }, storageOptions: {} });
    const made = storage.root('look', upper.chainId);
    mkdirSync(join(made.upperDir, 'etc'));
    writeFileSync(join(made.upperDir, 'etc/own'), 'own');
    const read = (path: string) => {
      const content = readFileInRoot(made, path);
      return content && Buffer.from(content).toString();
    };
    expect(read('/etc/passwd')).toBe('upper');
    expect(read('/etc/group')).toBe('lower');
    expect(read('etc/own')).toBe('own');
    expect(read('/abs')).toBe('upper');
    expect(read('/climb')).toBe('lower');
    expect(read('/etcl/../etcl/own')).toBe('own');
    expect(read('/opaque/y')).toBe('y');
    expect(read('/file-then-dir/z')).toBe('z');
    for (const missing of [
      '/gone/x',
      '/opaque/x',
      '/file-then-dir/y',
      '/dir-then-file/x',
      '/etc',
      '/none/none',
      '/long',
      '/etc/passwd/x',
    ])
      expect(read(missing)).toBeUndefined();
    expect(read('/etc/hosts')).toBe('');
    expect(() => read('/loop')).toThrow('too many levels of symbolic links');
    expect(() => read('/big')).toThrow('larger than 1 MiB');
  });

  test('a directory packs to the same bytes each time, whiteouts and hard links included', async () => {
    const { path } = await unpack(
      tarOf(
        { name: 'a/.wh.gone', content: '' },
        { name: 'b/.wh..wh..opq', content: '' },
        { name: 'b/f', content: 'f', mtime: { seconds: 9, nanoseconds: 1 } },
        { name: 'b/h', type: 'hard-link', linkName: 'b/f' },
        { name: 'z', type: 'symlink', linkName: 'b/f' },
        { name: 'null', type: 'character-device', deviceMajor: 1, deviceMinor: 3 },
      ),
    );
    const tar = await collect(packDirectory(path, { whiteouts: 'overlay' }));
    expect((await collect(packDirectory(path, { whiteouts: 'overlay' }))).equals(tar)).toBe(true);
    const names = execFileSync('tar', ['-tf', '-'], { input: tar }).toString().trimEnd().split('\n');
    expect(names).toEqual(['a/', 'a/.wh.gone', 'b/', 'b/.wh..wh..opq', 'b/f', 'b/h', 'null', 'z']);
    const again = await unpack(tar);
    expect((await collect(packDirectory(again.path, { whiteouts: 'overlay' }))).equals(tar)).toBe(true);
  });

  test('a file of a layer that was changed on disk is noticed when it is packed', async () => {
    const layer = await unpack(tarOf({ name: 'shrunk', content: 'x'.repeat(100) }));
    writeFileSync(join(layer.path, 'shrunk'), 'short');
    expect(await failureOf(collect(storage.pack(layer.chainId)))).toContain('shorter than it was');
  });
});

test('removal follows no symlink, and copes with trees deeper than a path may be', async () => {
  const tree = join(dataRoot, 'deep');
  const precious = join(dataRoot, 'precious');
  mkdirSync(precious);
  writeFileSync(join(precious, 'file'), 'stays');
  mkdirSync(tree);
  symlinkSync(precious, join(tree, 'link'));
  linkSync(join(precious, 'file'), join(tree, 'hard'));
  let fd = openSync(tree, constants.O_DIRECTORY);
  for (let depth = 0; depth < 1500; depth++) {
    mkdirAt(fd, 'dddddddd', 0o700);
    closeSync(openAt(fd, 'f', constants.O_CREAT, 0o600));
    const next = openAt(fd, 'dddddddd', constants.O_DIRECTORY);
    closeSync(fd);
    fd = next;
  }
  closeSync(fd);
  mkdirSync(join(tree, '.caisson-removal-0'));
  writeFileSync(join(tree, '.caisson-removal-0', 'x'), '');
  chmodSync(join(tree, '.caisson-removal-0'), 0o700);
  await removeTree(tree);
  expect(existsSync(tree)).toBe(false);
  expect(readFileSync(join(precious, 'file'), 'utf8')).toBe('stays');
  await removeTree(join(tree, 'missing'));
});
