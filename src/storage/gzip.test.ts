import { expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { gzip } from './gzip.ts';
import { collect, failureOf, streamOf } from './testing.ts';

const content = (size: number) => Buffer.from(Array.from({ length: size }, (_, at) => (at * at * 31) >> 7));
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

for (const size of [0, 1, 65_536, 65_537, 1_048_576, 1_048_577, 7_300_000]) {
  test(`${size} bytes come back, and the same bytes each time`, async () => {
    const bytes = content(size);
    const first = await collect(gzip(streamOf(bytes, 100_000)));
    expect(digest(gunzipSync(first))).toBe(digest(bytes));
    expect(digest(await collect(gzip(streamOf(bytes, 33_333))))).toBe(digest(first));
  });
}

test('several streams at once do not mix', async () => {
  const all = [1, 2, 3, 4].map((number) => Buffer.alloc(3_000_000, number));
  const zipped = await Promise.all(all.map((bytes) => collect(gzip(streamOf(bytes)))));
  for (const [index, bytes] of all.entries()) expect(digest(gunzipSync(zipped[index]!))).toBe(digest(bytes));
});

test('a source that fails: its error comes through, and the next stream is compressed', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield content(5_000_000);
    throw new Error('the layer has changed');
  }
  expect(await failureOf(collect(gzip(broken())))).toBe('the layer has changed');
  expect(gunzipSync(await collect(gzip(streamOf(content(2_000_000)))))).toHaveLength(2_000_000);
});

test('a reader that leaves early ends the source', async () => {
  let ended = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield new Uint8Array(1_000_000);
    } finally {
      ended = true;
    }
  }
  for await (const member of gzip(endless())) {
    expect(member.length).toBeGreaterThan(0);
    break;
  }
  expect(ended).toBe(true);
});
