import { afterAll, expect, test } from 'bun:test';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaissonError } from '../../errors.ts';
import { fromByteString, type TarEntry, toByteString } from './entry.ts';
import { TarReader } from './reader.ts';
import { encodeHeader, endOfArchive, padding } from './writer.ts';

const dir = mkdtempSync(join(tmpdir(), 'caisson-tar-'));
afterAll(() => rmSync(dir, { recursive: true }));

interface ReadEntry extends TarEntry {
  content: Buffer;
}

/** Reads a whole archive in pieces of `step` bytes; content has its holes filled with zeros. */
function readAll(tar: Uint8Array, step = 70_001, onMetadata?: (bytes: Uint8Array) => void): ReadEntry[] {
  const reader = new TarReader(onMetadata);
  const entries: ReadEntry[] = [];
  for (let at = 0; at < tar.length; at += step) {
    reader.feed(tar.subarray(at, at + step));
    for (let event = reader.next(); event; event = reader.next()) {
      if (event.type === 'entry')
        entries.push({ ...event.entry, content: Buffer.alloc(Math.min(event.entry.size, 1 << 24)) });
      else if (event.type === 'data') entries.at(-1)!.content.set(event.chunk, event.offset);
    }
  }
  reader.finish();
  return entries;
}

const systemTar = (...args: string[]) => execFileSync('tar', args, { maxBuffer: 1 << 26 });

test('an archive of the system’s tar is read the same in every format', () => {
  const tree = join(dir, 'formats');
  mkdirSync(join(tree, 'd'), { recursive: true });
  writeFileSync(join(tree, 'd', 'a'), 'hello');
  linkSync(join(tree, 'd', 'a'), join(tree, 'd', 'b'));
  symlinkSync('../somewhere', join(tree, 'd', 'link'));
  utimesSync(join(tree, 'd', 'a'), 1_600_000_000.25, 1_600_000_000.25);
  for (const format of ['v7', 'ustar', 'gnu', 'pax']) {
    const entries = readAll(systemTar('--format', format, '--sort=name', '-C', tree, '-cf', '-', 'd'));
    expect(entries.map(({ name, type }) => [name.replace(/\/$/, ''), type])).toEqual([
      ['d', 'directory'],
      ['d/a', 'file'],
      ['d/b', 'hard-link'],
      ['d/link', 'symlink'],
    ]);
    expect(entries[1]!.content.toString()).toBe('hello');
    expect(entries[2]!.linkName).toBe('d/a');
    expect(entries[3]!.linkName).toBe('../somewhere');
    expect(entries[1]!.mtime).toEqual({ seconds: 1_600_000_000, nanoseconds: format === 'pax' ? 250_000_000 : 0 });
  }
});

test('names longer than any header field, and names that are not UTF-8', () => {
  const tree = join(dir, 'long');
  const deep = Array.from({ length: 6 }, (_, index) => String(index).repeat(90)).join('/');
  mkdirSync(join(tree, deep), { recursive: true });
  const odd = Buffer.concat([Buffer.from(`${tree}/caf`), Buffer.from([0xe9])]);
  writeFileSync(odd, 'x');
  symlinkSync('t'.repeat(300), join(tree, 'link'));
  for (const format of ['gnu', 'pax']) {
    const entries = readAll(systemTar('--format', format, '-C', tree, '-cf', '-', '.'));
    const names = entries.map((entry) => entry.name);
    expect(names).toContain(`./${deep}/`);
    expect(names).toContain('./caf\xe9');
    expect(entries.find((entry) => entry.type === 'symlink')!.linkName).toBe('t'.repeat(300));
  }
});

test('sparse files in GNU’s old format and in PAX 0.0, 0.1 and 1.0', () => {
  const path = join(dir, 'sparse');
  const fd = openSync(path, 'w');
  // More fragments than a header holds, so that extension blocks are needed.
  for (let index = 0; index < 40; index++) writeSync(fd, `piece ${index}`, index * 65536);
  ftruncateSync(fd, 4_000_000);
  closeSync(fd);
  const content = readFileSync(path);
  const formats = [
    ['--format=gnu'],
    ['--format=pax', '--sparse-version=0.0'],
    ['--format=pax', '--sparse-version=0.1'],
    ['--format=pax', '--sparse-version=1.0'],
  ];
  for (const format of formats) {
    const tar = systemTar(...format, '-S', '-C', dir, '-cf', '-', 'sparse');
    expect(tar.length).toBeLessThan(1_000_000);
    for (const step of [10_240, 511]) {
      const [entry] = readAll(tar, step);
      expect({ name: entry!.name, size: entry!.size, fragments: entry!.fragments!.length > 30 }).toEqual({
        name: 'sparse',
        size: 4_000_000,
        fragments: true,
      });
      expect(entry!.content.equals(content)).toBe(true);
    }
  }
});

test('byte by byte gives the same as at once, and metadata plus data is the whole archive', () => {
  const tar = Buffer.concat([
    encodeHeader({ name: 'a', type: 'file', size: 3, mtime: { seconds: 5, nanoseconds: 7 } }),
    Buffer.from('abc'),
    padding(3),
    encodeHeader({ name: 'n'.repeat(200), type: 'file', size: 600 }),
    Buffer.alloc(600, 1),
    padding(600),
    endOfArchive,
    Buffer.alloc(3000),
  ]);
  let metadata = 0;
  const whole = readAll(tar, tar.length, (bytes) => {
    metadata += bytes.length;
  });
  expect(metadata + 603).toBe(tar.length);
  expect(readAll(tar, 1)).toEqual(whole);
  expect(whole.map((entry) => entry.name)).toEqual(['a', 'n'.repeat(200)]);
});

test('what is written is read back, by us and by the system’s tar', () => {
  const entries = [
    {
      name: 'plain',
      type: 'file',
      mode: 0o4755,
      uid: 1000,
      gid: 100,
      mtime: { seconds: 1_700_000_000, nanoseconds: 0 },
    },
    { name: `${'p'.repeat(120)}/${'n'.repeat(90)}`, type: 'file', mode: 0o644 },
    { name: `${'x'.repeat(300)}/y`, type: 'file', mode: 0o600 },
    {
      name: toByteString('grüße'),
      type: 'file',
      mode: 0o644,
      mtime: { seconds: 1_700_000_000, nanoseconds: 123_456_789 },
    },
    { name: 'old', type: 'file', mode: 0o644, mtime: { seconds: -2, nanoseconds: 500_000_000 } },
    { name: 'big-ids', type: 'file', mode: 0o644, uid: 4_000_000_000, gid: 3_000_000 },
    { name: 'dir/', type: 'directory', mode: 0o1777 },
    { name: 'sym', type: 'symlink', mode: 0o777, linkName: 'l'.repeat(150) },
    { name: 'hard', type: 'hard-link', mode: 0o755, linkName: 'plain' },
    { name: 'null', type: 'character-device', mode: 0o666, deviceMajor: 1, deviceMinor: 3 },
    { name: 'pipe', type: 'fifo', mode: 0o600 },
    {
      name: 'caps',
      type: 'file',
      mode: 0o755,
      xattrs: new Map([
        ['security.capability', Buffer.from([1, 0, 10, 61])],
        ['user.a', Buffer.from('')],
      ]),
    },
  ] as const;
  const tar = Buffer.concat([...entries.map((entry) => encodeHeader(entry)), endOfArchive]);
  for (const [index, read] of readAll(tar).entries()) {
    const { xattrs, ...rest } = entries[index]! as (typeof entries)[number] & {
      xattrs?: ReadonlyMap<string, Uint8Array>;
    };
    expect(read).toMatchObject(rest);
    expect([...(read.xattrs ?? [])].map(([key, value]) => [key, Buffer.from(value)])).toEqual(
      [...(xattrs ?? [])].map(([key, value]) => [key, Buffer.from(value)]),
    );
  }
  const path = join(dir, 'written.tar');
  writeFileSync(path, tar);
  const listing = systemTar('--quoting-style=literal', '--full-time', '--numeric-owner', '-tvf', path)
    .toString()
    .trimEnd()
    .split('\n');
  expect(listing.length).toBe(entries.length);
  expect(listing[0]).toMatch(/^-rwsr-xr-x 1000\/100 /);
  expect(listing[3]).toContain('.123456789 grüße');
  expect(listing[5]).toContain('4000000000/3000000');
  expect(listing.every((line, index) => line.includes(fromByteString(entries[index]!.name)))).toBe(true);
});

const rejects = (tar: Uint8Array, text: string) => expect(() => readAll(tar)).toThrow(text);

test('a truncated archive is an error wherever it ends, but a missing end marker is not', () => {
  const file = Buffer.concat([
    encodeHeader({ name: 'a', type: 'file', size: 1000 }),
    Buffer.alloc(1000, 7),
    padding(1000),
  ]);
  for (const length of [1, 511, 512, 1000, 1511]) rejects(file.subarray(0, length), 'invalid tar: unexpected EOF');
  expect(readAll(file).length).toBe(1);
  const long = encodeHeader({ name: 'n'.repeat(200), type: 'file' });
  rejects(long.subarray(0, 1024), 'unexpected EOF');
});

test('hostile headers are errors of one class, not crashes or endless work', () => {
  const header = encodeHeader({ name: 'a', type: 'file', size: 5 });
  const changed = (change: (block: Buffer) => void) => {
    const block = Buffer.from(header);
    change(block);
    block.fill(32, 148, 156);
    block.write(
      `${block
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    return Buffer.concat([block, Buffer.alloc(1024)]);
  };
  rejects(Buffer.from(header).fill(65, 0, 3), 'wrong checksum');
  rejects(
    changed((block) => block.fill(0xff, 124, 136)),
    'negative size',
  );
  rejects(
    changed((block) => block.fill(0xff, 125, 136).fill(0x80, 124, 125)),
    'too large',
  );
  rejects(
    changed((block) => block.write('99999999999', 124)),
    'not a number',
  );
  const pax = (body: string, size = body.length) =>
    Buffer.concat([
      changed((block) => {
        block.write('x', 156);
        block.write(size.toString(8).padStart(11, '0'), 124);
      }).subarray(0, 512),
      Buffer.from(body),
      padding(body.length),
      header,
      Buffer.alloc(512),
    ]);
  rejects(pax('99 path=x\n'), 'malformed record');
  rejects(pax('-5 path=x\n'), 'not a number');
  rejects(pax('11 path=a\0\n'), 'NUL');
  rejects(pax('12 size=1x\n\n'), 'not a number');
  rejects(pax('x', 0o7777777777), 'larger than 1 MiB');
  rejects(pax('22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n'), 'a sparse map is malformed');
});

test('random damage never gives anything but entries or an invalid-parameter error', () => {
  const tree = join(dir, 'formats');
  const archives = ['gnu', 'pax'].map((format) => systemTar('--format', format, '-C', tree, '-cf', '-', 'd'));
  archives.push(systemTar('--format=pax', '-S', '-C', dir, '-cf', '-', 'sparse'));
  let seed = 1;
  const random = (limit: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % limit;
  let failures = 0;
  for (let round = 0; round < 600; round++) {
    const tar = Buffer.from(archives[round % archives.length]!.subarray(0, 8192));
    for (let flips = 0; flips <= random(4); flips++) tar[random(tar.length)] = random(256);
    try {
      readAll(tar, 4096);
    } catch (error) {
      failures++;
      if (!(error instanceof CaissonError)) throw error;
    }
  }
  expect(failures).toBeGreaterThan(50);
});
