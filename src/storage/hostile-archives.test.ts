import { afterAll, describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeHeader, endOfArchive } from './tar/writer.ts';
import { createTestRoot, failureClassOf, failureOf, isRoot, streamOf, tarOf } from './testing.ts';

const root = createTestRoot();
const { storage, dataRoot } = root;
afterAll(() => root.remove());

const unpack = (tar: Uint8Array) => storage.unpack(null, streamOf(tar));
const layersOnDisk = () => readdirSync(`${dataRoot}/layers`).sort();

describe.skipIf(!isRoot)('hostile archives (need root)', () => {
  const outside = join(dataRoot, 'outside');
  const hostile: Record<string, [Buffer, string]> = {
    'a name that climbs': [tarOf({ name: '../../outside', content: 'x' }), 'outside of the root directory'],
    'a name that climbs in its middle': [
      tarOf({ name: 'a/../../outside', content: 'x' }),
      'outside of the root directory',
    ],
    'a whiteout that climbs': [tarOf({ name: '../.wh.outside', content: '' }), 'outside of the root directory'],
    'a whiteout of the parent': [tarOf({ name: 'd/.wh...', content: '' }), 'names nothing that can be removed'],
    'a parent that is an absolute symlink': [
      tarOf({ name: 'l', type: 'symlink', linkName: dataRoot }, { name: 'l/outside', content: 'x' }),
      'is not a directory in the root',
    ],
    'a parent that is a climbing symlink': [
      tarOf(
        { name: 'l', type: 'symlink', linkName: '../../..' },
        { name: 'l/missing/l/outside', content: '' },
        { name: 'l/etc', type: 'symlink', linkName: dataRoot },
        { name: 'etc/outside', content: 'x' },
      ),
      'is not a directory in the root',
    ],
    'a hard link to outside': [
      tarOf({ name: 'h', type: 'hard-link', linkName: '../../../../../../etc/passwd' }),
      'outside of the root directory',
    ],
    'a hard link through a symlink': [
      tarOf({ name: 'l', type: 'symlink', linkName: '/etc' }, { name: 'h', type: 'hard-link', linkName: 'l/passwd' }),
      'not in this archive before it',
    ],
    'an absolute hard link': [
      tarOf({ name: 'h', type: 'hard-link', linkName: '/etc/passwd' }),
      'not in this archive before it',
    ],
    'a parent that is a file': [
      tarOf({ name: 'f', content: '' }, { name: 'f/x', content: '' }),
      'is not a directory in the root',
    ],
    'a name that is too long': [tarOf({ name: 'n'.repeat(256), content: '' }), 'file name too long'],
    'a path that is too long': [tarOf({ name: 'abcdefg/'.repeat(600), type: 'directory' }), 'file name too long'],
    'a symlink loop': [
      tarOf({ name: 'l', type: 'symlink', linkName: 'l' }, { name: 'l/x', content: '' }),
      'is not a directory in the root',
    ],
    'a root that is a file': [tarOf({ name: '/', type: 'file', content: '' }), 'not a directory'],
    'a type that does not exist': [
      Buffer.concat([changeType(encodeHeader({ name: 'a', type: 'file' }), 'V'), endOfArchive]),
      'unhandled tar header type 86',
    ],
    'an archive that ends early': [tarOf({ name: 'f', content: 'x'.repeat(5000) }).subarray(0, 3000), 'unexpected EOF'],
    'what is no archive': [Buffer.alloc(5000, 'garbage'), 'does not begin with a tar header'],
  };
  for (const [what, [tar, message]] of Object.entries(hostile)) {
    test(`${what} is refused, and leaves nothing`, async () => {
      const before = layersOnDisk();
      expect(await failureOf(unpack(tar))).toContain(message);
      expect(await failureClassOf(unpack(tar))).toBe('invalid-parameter');
      expect(layersOnDisk()).toEqual(before);
      expect(existsSync(outside)).toBe(false);
    });
  }

  test('absolute names and symlinked parents stay inside the root', async () => {
    const { path } = await unpack(
      tarOf(
        { name: '/abs', content: 'a' },
        { name: 'usr/lib/', mode: 0o755 },
        { name: 'lib', type: 'symlink', linkName: '/usr/lib' },
        { name: 'lib/x', content: 'in usr' },
        { name: 'up', type: 'symlink', linkName: '../../../../usr' },
        { name: 'up/y', content: 'also' },
      ),
    );
    expect(readFileSync(join(path, 'abs'), 'utf8')).toBe('a');
    expect(readFileSync(join(path, 'usr/lib/x'), 'utf8')).toBe('in usr');
    expect(readFileSync(join(path, 'usr/y'), 'utf8')).toBe('also');
  });
});

function changeType(header: Buffer, type: string): Buffer {
  const block = Buffer.from(header);
  block.write(type, 156);
  block.fill(32, 148, 156);
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  return block;
}
