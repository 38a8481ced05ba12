import { afterAll, expect, test } from 'bun:test';
import { closeSync, constants, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  chmodAt, currentDirectory, fileSystemMagic, fileSystemType, fsetxattr, lchownAt, lgetxattr, linkAt, linkFd, llistxattr,
  lremovexattr, lsetxattr, lutimes, makedev, mkdirAt, mknod, openAt, openat2, openFlag, readlinkAt, renameAt, resolveFlag, rmdirAt,
  symlinkAt, unlinkAt,
} from './files.ts';
import { SystemCallError } from './libc.ts';

const root = mkdtempSync(join(tmpdir(), 'caisson-files-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const isRoot = process.getuid?.() === 0;

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SystemCallError) return error.code;
    throw error;
  }
  return 'no error';
}

test('extended attributes are set, listed, read and removed', () => {
  const path = join(root, 'attributes');
  writeFileSync(path, '');
  const name = isRoot ? 'trusted.caisson' : 'user.caisson';
  const value = new Uint8Array([0, 255, 1, 0]);
  expect(lgetxattr(path, name)).toBeUndefined();
  lsetxattr(path, name, value);
  expect(lgetxattr(path, name)).toEqual(value);
  expect(llistxattr(path)).toContain(name);
  const fd = openAt(currentDirectory, path, constants.O_RDWR);
  fsetxattr(fd, name, new Uint8Array());
  closeSync(fd);
  expect(lgetxattr(path, name)).toEqual(new Uint8Array());
  lremovexattr(path, name);
  lremovexattr(path, name);
  expect(llistxattr(path)).not.toContain(name);
});

test('an error has call, code, number and path', () => {
  try {
    lgetxattr(join(root, 'missing'), 'user.x');
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({ call: 'lgetxattr', code: 'ENOENT', errno: 2, path: join(root, 'missing') });
    expect((error as Error).message).toEndWith('missing: no such file or directory');
  }
});

test('a NUL in a path and a path that is too long are refused, not cut', () => {
  expect(codeOf(() => mkdirAt(currentDirectory, join(root, 'a\0b'), 0o755))).toBe('EINVAL');
  expect(codeOf(() => mkdirAt(currentDirectory, new Uint8Array([47, 0, 47]), 0o755))).toBe('EINVAL');
  expect(codeOf(() => mkdirAt(currentDirectory, `${root}/${'x/'.repeat(3000)}`, 0o755))).toBe('ENAMETOOLONG');
  expect(codeOf(() => mkdirAt(currentDirectory, new Uint8Array(4096).fill(120), 0o755))).toBe('ENAMETOOLONG');
});

test('times are exact to the nanosecond, before 1970 too, and of the symlink itself', () => {
  const [file, link] = [join(root, 'timed'), join(root, 'timed-link')];
  writeFileSync(file, '');
  symlinkSync('timed', link);
  const before = lstatSync(file, { bigint: true }).mtimeNs;
  lutimes(link, -1_500_000_001n, 1_700_000_000_123_456_789n);
  const status = lstatSync(link, { bigint: true });
  expect(status.atimeNs).toBe(-1_500_000_001n);
  expect(status.mtimeNs).toBe(1_700_000_000_123_456_789n);
  expect(lstatSync(file, { bigint: true }).mtimeNs).toBe(before);
});

test('device numbers are packed as the kernel packs them', () => {
  expect(makedev(1, 3)).toBe(0x103n);
  expect(makedev(0x12345, 0x6789a)).toBe((0x12000n << 32n) | (0x345n << 8n) | (0x67800n << 12n) | 0x9an);
});

test('a FIFO is made', () => {
  mknod(join(root, 'fifo'), 0o010644);
  expect(lstatSync(join(root, 'fifo')).isFIFO()).toBe(true);
});

test.skipIf(!isRoot)('a character device is made (needs root)', () => {
  const path = join(root, 'null');
  mknod(path, 0o020666, 1, 3);
  const status = lstatSync(path);
  expect(status.isCharacterDevice()).toBe(true);
  expect(status.rdev).toBe(Number(makedev(1, 3)));
});

test('openat2 keeps a path below its directory', () => {
  mkdirSync(join(root, 'jail/etc'), { recursive: true });
  writeFileSync(join(root, 'jail/etc/passwd'), 'ours');
  symlinkSync('/etc/passwd', join(root, 'jail/absolute'));
  const directory = openAt(currentDirectory, join(root, 'jail'), openFlag.O_PATH | constants.O_DIRECTORY);
  const fd = openat2(directory, '../../absolute', constants.O_RDONLY, 0, resolveFlag.RESOLVE_IN_ROOT);
  expect(readFileSync(fd, 'utf8')).toBe('ours');
  closeSync(fd);
  expect(codeOf(() => openat2(directory, '../jail', constants.O_RDONLY, 0, resolveFlag.RESOLVE_BENEATH))).toBe('EXDEV');
  expect(codeOf(() => openat2(directory, 'absolute', constants.O_RDONLY, 0, resolveFlag.RESOLVE_NO_SYMLINKS))).toBe('ELOOP');
  closeSync(directory);
});

test('calls below a directory descriptor', () => {
  mkdirSync(join(root, 'at'));
  const directory = openAt(currentDirectory, join(root, 'at'), constants.O_RDONLY | constants.O_DIRECTORY);
  mkdirAt(directory, 'sub', 0o700);
  chmodAt(directory, 'sub', 0o1711);
  expect(lstatSync(join(root, 'at/sub')).mode & 0o7777).toBe(0o1711);
  symlinkAt('nowhere', directory, 'link');
  expect(readlinkAt(directory, 'link')).toBe('nowhere');
  linkAt(directory, 'link', directory, 'second');
  expect(lstatSync(join(root, 'at/link')).nlink).toBe(2);
  renameAt(directory, 'second', directory, 'third');
  unlinkAt(directory, 'third');
  rmdirAt(directory, 'sub');
  expect(codeOf(() => rmdirAt(directory, 'sub'))).toBe('ENOENT');
  const file = openAt(directory, '.', openFlag.O_TMPFILE | constants.O_RDWR, 0o600);
  writeFileSync(file, 'anonymous');
  linkFd(file, directory, 'named');
  closeSync(file);
  expect(readFileSync(join(root, 'at/named'), 'utf8')).toBe('anonymous');
  const [uid, gid] = isRoot ? [1234, 4321] : [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  lchownAt(directory, 'link', uid, gid);
  expect(lstatSync(join(root, 'at/link'))).toMatchObject({ uid, gid });
  lchownAt(directory, '', uid, gid);
  expect(lstatSync(join(root, 'at'))).toMatchObject({ uid, gid });
  closeSync(directory);
});

test('names need not be UTF-8', () => {
  const path = new Uint8Array([...Buffer.from(root), 47, 0xff, 0xfe]);
  mkdirAt(currentDirectory, path, 0o755);
  expect(lstatSync(Buffer.from(path)).isDirectory()).toBe(true);
});

test('the type of a file system', () => {
  expect(fileSystemType('/proc')).toBe(fileSystemMagic.proc);
});
