/**
 * Layers that nobody has thought of: whatever an archive says, it is unpacked and comes back bit for bit, or it is refused as one that
 * is wrong; nothing outside of the layer changes, and nothing half-made stays. The corpus has those that once mattered.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { CaissonError } from '../errors.ts';
import { lookUp } from './lookup.ts';
import { removeTree } from './remove.ts';
import { collect, createTestRoot, isRoot, streamOf, tarOf } from './testing.ts';
import { treeChanges } from './tree-changes.ts';
import { layLayers } from './vfs.ts';

type Entry = Parameters<typeof tarOf>[number];

const root = createTestRoot();
const { storage, dataRoot } = root;
afterAll(() => root.remove());

/** What links in an archive may want to reach. */
const canary = join(dataRoot, 'canary');
beforeAll(() => {
  mkdirSync(canary);
  writeFileSync(join(canary, 'file'), 'untouched');
});

/** Most are such that archives are whole, so that what they say is carried out. */
const part = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('a', 'b', 'dir', 'link', '.wh.a', '.wh.b', '.wh..wh..opq') },
  { weight: 1, arbitrary: fc.constantFrom('..', '.', '', '.wh.', '.wh..', '.wh..wh.plnk', 'x'.repeat(255), 'y'.repeat(256), '\u0001') },
);
const name = fc.oneof(
  { weight: 20, arbitrary: fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')) },
  { weight: 1, arbitrary: fc.constantFrom('/', './', '../../canary/file', `${canary}/file`, 'd/'.repeat(200)) },
);
const target = fc.oneof(name, fc.constantFrom(canary, `${canary}/file`, '../'.repeat(20), '/', '.', '', 'link', 'a/b'));
const type = fc.constantFrom<NonNullable<Entry['type']>>('file', 'file', 'directory', 'directory', 'directory', 'symlink', 'hard-link', 'character-device', 'block-device', 'fifo');
const entry: fc.Arbitrary<Entry> = fc.record({
  name, type, linkName: target, content: fc.constantFrom('', 'content', 'z'.repeat(2000)), mode: fc.nat(0o7777), uid: fc.nat(70_000), gid: fc.nat(70_000),
  deviceMajor: fc.nat(5), deviceMinor: fc.nat(5),
}).map(({ content, ...rest }) => (rest.type === 'file' ? { ...rest, content } : rest));
const archive = fc.array(entry, { maxLength: 8 }).map((entries) => tarOf(...entries));

/** Bytes changed, taken away, or put behind. */
const damage = fc.record({ at: fc.nat(), byte: fc.nat(255), kind: fc.constantFrom('none', 'none', 'none', 'none', 'flip', 'cut', 'repeat') });
function damaged(tar: Buffer, { at, byte, kind }: { at: number; byte: number; kind: string }): Buffer {
  const place = at % Math.max(1, tar.length);
  if (kind === 'cut') return tar.subarray(0, place);
  if (kind === 'repeat') return Buffer.concat([tar, tar]);
  const copy = Buffer.from(tar);
  if (kind === 'flip') copy[place] = byte;
  return copy;
}

/** Laid over each other in a tree of their own, layers show the same as looked through. */
async function sameAsTree(lowerDirs: readonly string[]): Promise<void> {
  const path = join(dataRoot, 'tree');
  mkdirSync(path);
  try {
    await layLayers(lowerDirs, path);
    expect(await treeChanges({ kind: 'tree', path, shiftedDir: '', lowerDirs })).toEqual([]);
  } finally {
    await removeTree(path);
  }
}

/** Unpacks it on a layer, and looks whether all is as it should be. */
async function hold(tar: Buffer, parent: Parameters<typeof storage.unpack>[0]): Promise<void> {
  try {
    const layer = await storage.unpack(parent, streamOf(tar, 777));
    expect((await collect(storage.pack(layer.chainId))).equals(tar)).toBe(true);
    lookUp([layer.path], 'a/b/../../link');
    await sameAsTree([layer.path, ...(parent === null ? [] : [storage.layer(parent)!.path])]);
    await storage.forgetLayers([layer.chainId])();
  } catch (error) {
    if (!(error instanceof CaissonError)) throw error;
    expect([error.class, error.message]).toEqual(['invalid-parameter', error.message]);
  }
  expect(readdirSync(canary)).toEqual(['file']);
  expect(readFileSync(join(canary, 'file'), 'utf8')).toBe('untouched');
  expect(storage.check()).toEqual([]);
}

describe.skipIf(!isRoot)('fuzzed layers (need root)', () => {
  test('are unpacked and come back, or are refused', async () => {
    const base = await storage.unpack(null, streamOf(tarOf({ name: 'a/b', content: 'lower' }, { name: 'link', type: 'symlink', linkName: canary }, { name: 'dir/', type: 'directory' })));
    await fc.assert(fc.asyncProperty(archive, damage, fc.boolean(), (tar, how, onBase) => hold(damaged(tar, how), onBase ? base.chainId : null)), { numRuns: 150, seed: 20_251_126 });
  }, 60_000);

  const corpus: Readonly<Record<string, readonly Entry[]>> = {
    'a link out, and a file through it': [{ name: 'out', type: 'symlink', linkName: canary }, { name: 'out/file', content: 'changed' }],
    'a link up, and a directory through it': [{ name: 'up', type: 'symlink', linkName: '../'.repeat(30) }, { name: 'up/canary/', type: 'directory', mode: 0 }],
    'a hard link to what is outside': [{ name: 'h', type: 'hard-link', linkName: '../../canary/file' }, { name: 'h', content: 'changed' }],
    'a hard link through a link': [{ name: 'out', type: 'symlink', linkName: canary }, { name: 'h', type: 'hard-link', linkName: 'out/file' }],
    'a directory that becomes a link': [{ name: 'd/', type: 'directory' }, { name: 'd', type: 'symlink', linkName: canary }, { name: 'd/file', content: 'changed' }],
    'whiteouts of parents and of nothing': [{ name: '.wh...', content: '' }, { name: 'd/.wh..', content: '' }, { name: '.wh.', content: '' }],
    'a whiteout through a link': [{ name: 'out', type: 'symlink', linkName: canary }, { name: 'out/.wh.file', content: '' }],
    'an opaque mark through a link': [{ name: 'out', type: 'symlink', linkName: canary }, { name: 'out/.wh..wh..opq', content: '' }],
    'one name again and again': Array.from({ length: 200 }, (_, index) => ({ name: 'same', content: String(index) })),
    'kinds that take turns': (['file', 'directory', 'symlink', 'fifo', 'character-device', 'directory', 'file'] as const).map((kind) => ({ name: 'n', type: kind, linkName: '/' })),
    'a device that is a whiteout': [{ name: 'd/x', content: 'x' }, { name: 'd', type: 'character-device', deviceMajor: 0, deviceMinor: 0 }],
    'names as long as they may be, and longer': [{ name: 'n'.repeat(255), content: '' }, { name: `${'p/'.repeat(300)}f`, content: '' }, { name: 'n'.repeat(256), content: '' }],
    'the root as a file': [{ name: '/', type: 'file', content: 'x' }],
    'the root as a link': [{ name: './', type: 'symlink', linkName: canary }],
  };
  test.each(Object.entries(corpus))('corpus: %s', async (_, entries) => {
    const tar = tarOf(...entries);
    await hold(tar, null);
    for (const at of [1, 511, 512, 700, tar.length - 1]) await hold(tar.subarray(0, at), null);
  });
});
