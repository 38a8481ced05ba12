import { afterAll, describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { endOfArchive } from './tar/writer.ts';
import { collect, createTestRoot, failureClassOf, failureOf, isRoot, streamOf, tarOf } from './testing.ts';

const root = createTestRoot();
const { storage, dataRoot } = root;
afterAll(() => root.remove());

const layersOnDisk = () => readdirSync(`${dataRoot}/layers`).sort();
const withoutEnd = (tar: Buffer) => tar.subarray(0, -endOfArchive.length);

/** More than is unpacked without a thread; headers, long names and contents fall on the ends of batches in every way. */
function largeArchive(seed: number): Buffer {
  const files = Array.from({ length: 400 }, (_, number) => ({
    name: `${seed}/${'long-name/'.repeat(number % 23)}f${number}`,
    content: Buffer.alloc((number * 7919 * seed) % 12_000, number),
  }));
  return tarOf({ name: `${seed}/` }, ...files);
}

describe.skipIf(!isRoot)('layers unpacked in threads (need root)', () => {
  test('more at once than there are threads: each gives its archive back', async () => {
    const archives = [1, 2, 3, 4, 5].map(largeArchive);
    const layers = await Promise.all(archives.map((archive, index) => storage.unpack(null, streamOf(archive, 30_000 + index))));
    for (const [index, layer] of layers.entries()) {
      expect(Buffer.compare(await collect(storage.pack(layer.chainId)), archives[index]!)).toBe(0);
      expect(readFileSync(`${layer.path}/${index + 1}/f0`)).toHaveLength(0);
    }
  });

  test('an entry that is refused far into an archive: the same words, nothing left, and the next layer is unpacked', async () => {
    const before = layersOnDisk();
    const hostile = () => storage.unpack(null, streamOf(Buffer.concat([withoutEnd(largeArchive(6)), tarOf({ name: '../../outside', content: 'x' })])));
    expect(await failureOf(hostile())).toContain('outside of the root directory');
    expect(await failureClassOf(hostile())).toBe('invalid-parameter');
    expect(layersOnDisk()).toEqual(before);
    const archive = largeArchive(7);
    const { chainId } = await storage.unpack(null, streamOf(archive));
    expect(Buffer.compare(await collect(storage.pack(chainId)), archive)).toBe(0);
  });

  test('an archive that is refused while most of it is still to come: the rest is not read', async () => {
    let read = 0;
    let isClosed = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        yield tarOf({ name: '../../outside', content: 'x' });
        for (;;) {
          read++;
          yield Buffer.alloc(65_536);
        }
      } finally {
        isClosed = true;
      }
    }
    expect(await failureOf(storage.unpack(null, endless()))).toContain('outside of the root directory');
    expect({ isClosed, few: read < 1000 }).toEqual({ isClosed: true, few: true });
  });

  test('a source that fails: its error comes through, and nothing is left', async () => {
    const before = layersOnDisk();
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield largeArchive(8).subarray(0, 1_000_000);
      throw new Error('the line was cut');
    }
    expect(await failureOf(storage.unpack(null, broken()))).toBe('the line was cut');
    expect(layersOnDisk()).toEqual(before);
  });

  test('an archive that ends early is refused', async () => {
    expect(await failureOf(storage.unpack(null, streamOf(largeArchive(9).subarray(0, 900_000))))).toContain('unexpected EOF');
  });
});
