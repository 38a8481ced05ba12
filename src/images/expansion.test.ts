import { expect, test } from 'bun:test';
import { zstdCompressSync } from 'node:zlib';
import { decompress } from '../storage/tar/compression.ts';
import { limitExpansion } from './expansion.ts';

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function sizeOf(bytes: Uint8Array): Promise<number> {
  let size = 0;
  for await (const chunk of limitExpansion(decompress(one(bytes)), bytes.length, 1024 * 1024)) size += chunk.length;
  return size;
}

test('a bomb is stopped early, an honest layer is not', async () => {
  const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
  expect(bomb.length * 1032).toBeLessThan(64 * 1024 * 1024);
  expect(await sizeOf(bomb).catch((error: Error) => error.message)).toBe(`the layer expands to more than ${bomb.length * 1032} bytes from ${bomb.length}`);
  expect(await sizeOf(zstdCompressSync(Buffer.alloc(1024 * 1024)))).toBe(1024 * 1024);
});
