import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import * as zlib from 'node:zlib';
import { drain, failureClassOf, failureOf } from '../testing.ts';
import { compressionOf, decompress } from './compression.ts';

const data = Buffer.alloc(3_000_000, 0).map((_, at) => (at * at) >> 7);

async function* pieces(bytes: Uint8Array, step: number) {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

async function plain(bytes: Uint8Array, step = 65_537): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of decompress(pieces(bytes, step))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const small = { gzip: zlib.gzipSync(data.subarray(0, 20_000)), zstd: zlib.zstdCompressSync(data.subarray(0, 20_000)) };
const compressed = { gzip: zlib.gzipSync(data), zstd: zlib.zstdCompressSync(data) };

test('what is not compressed passes through, also when it is shorter than a magic number', async () => {
  expect((await plain(data)).equals(data)).toBe(true);
  expect((await plain(Buffer.from('abc'), 1)).toString()).toBe('abc');
  expect((await plain(Buffer.alloc(0))).length).toBe(0);
});

for (const kind of ['gzip', 'zstd'] as const) {
  const bytes = compressed[kind];
  test(`${kind}: one and several frames, in pieces of any size`, async () => {
    expect(compressionOf(bytes)).toBe(kind);
    expect((await plain(bytes)).equals(data)).toBe(true);
    expect((await plain(small[kind], 1)).equals(data.subarray(0, 20_000))).toBe(true);
    expect((await plain(Buffer.concat([bytes, bytes]))).equals(Buffer.concat([data, data]))).toBe(true);
  });

  test(`${kind}: truncated data is an error wherever it ends`, async () => {
    for (const length of [10, 100, bytes.length >> 1, bytes.length - 1]) {
      expect(await failureClassOf(plain(bytes.subarray(0, length)))).toBe('invalid-parameter');
    }
    // A second frame that is cut off must not go unnoticed either.
    expect(await failureClassOf(plain(Buffer.concat([bytes, bytes.subarray(0, 1000)])))).toBe('invalid-parameter');
  });
}

test('zstd: skippable frames and frames with a checksum', async () => {
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  const checked = zlib.zstdCompressSync(data, { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } });
  expect((await plain(Buffer.concat([checked, skippable, checked]), 7)).length).toBe(2 * data.length);
  expect(await failureClassOf(plain(Buffer.concat([checked, skippable.subarray(0, 9)])))).toBe('invalid-parameter');
});

for (const kind of ['xz', 'bzip2'] as const) {
  const there = spawnSync(kind, ['--version'], { stdio: 'ignore' }).error === undefined;
  test.skipIf(!there)(`${kind}: by the host's program${there ? '' : ' (which is not here)'}`, async () => {
    const bytes = spawnSync(kind, ['-c', '-1'], { input: data, maxBuffer: 16 * 1024 * 1024 }).stdout;
    expect(compressionOf(bytes)).toBe(kind);
    expect((await plain(bytes)).equals(data)).toBe(true);
    expect(await failureOf(plain(bytes.subarray(0, bytes.length >> 1)))).toContain('the archive is damaged');
    expect(await failureOf(plain(Buffer.concat([bytes.subarray(0, 10), Buffer.alloc(100_000, 7)])))).toContain('the archive is damaged');
  });
}

test('an error of the source comes through as it is', async () => {
  expect(await failureOf(drain(decompress(failing())))).toBe('client went away');
});

async function* failing() {
  yield compressed.gzip.subarray(0, 5000);
  throw new Error('client went away');
}
