/** Downloads against sources that fail in every way. */
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemError } from '../errors.ts';
import { sha256 } from '../storage/digest.ts';
import { BlobDownloads, type BlobDownload, BlobMismatch, type BlobSource, type DownloadObserver } from './blob-downloads.ts';
import type { OpenedBlob } from './registry/repository.ts';

let directory: string;
let downloads: BlobDownloads;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'caisson-downloads-'));
  downloads = new BlobDownloads(directory, { backoff: 0 });
});
afterEach(() => rmSync(directory, { recursive: true }));

const content = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7919) & 0xff));
const blob = { digest: sha256(content), size: content.length };
const hex = blob.digest.slice(7);

/** Pieces of `bytes` from an offset on; after `breakAt` bytes in all the connection is gone. */
async function* pieces(bytes: Uint8Array, breakAt = Infinity): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 10_000) {
    const piece = bytes.subarray(at, Math.min(at + 10_000, breakAt));
    if (piece.length > 0) yield piece;
    if (at + 10_000 >= breakAt) throw systemError('unexpected EOF');
  }
}

const opened = (offset: number, source: AsyncGenerator<Uint8Array>): OpenedBlob => ({ offset, size: undefined, content: source });
const honest: BlobSource = async (offset) => opened(offset, pieces(content.subarray(offset)));

function observer(): DownloadObserver & { steps: string[] } {
  const steps: string[] = [];
  const note = (step: string) => () => void (steps.at(-1) === step || steps.push(step));
  return { steps, waiting: note('waiting'), received: note('received'), retrying: note('retrying'), verifying: note('verifying'), complete: note('complete') };
}

async function read(download: BlobDownload): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of download.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('a blob arrives, and is gone when nobody needs it', async () => {
  const seen = observer();
  const download = downloads.join(blob, honest, seen);
  expect((await read(download)).equals(content)).toBe(true);
  expect(seen.steps).toEqual(['received', 'verifying', 'complete']);
  expect(readdirSync(directory)).toEqual([hex]);
  download.release(false);
  expect(readdirSync(directory)).toEqual([]);
});

test('a connection that breaks off is taken up where it broke', async () => {
  const offsets: number[] = [];
  const download = downloads.join(blob, async (offset) => {
    offsets.push(offset);
    return opened(offset, pieces(content.subarray(offset), offsets.length < 4 ? 25_000 : Infinity));
  }, observer());
  expect((await read(download)).equals(content)).toBe(true);
  expect(offsets).toEqual([0, 25_000, 50_000, 75_000]);
  download.release(false);
});

test('from a server that cannot serve parts, what is here is passed over', async () => {
  let attempts = 0;
  const download = downloads.join(blob, async () => opened(0, pieces(content, ++attempts === 1 ? 34_567 : Infinity)), observer());
  expect((await read(download)).equals(content)).toBe(true);
  download.release(false);
});

test('what an earlier daemon has left is taken up', async () => {
  writeFileSync(join(directory, `${hex}.partial`), content.subarray(0, 60_000));
  const offsets: number[] = [];
  const download = downloads.join(blob, (offset, signal) => (offsets.push(offset), honest(offset, signal)), observer());
  expect((await read(download)).equals(content)).toBe(true);
  expect(offsets).toEqual([60_000]);
  download.release(true);
  const again = downloads.join(blob, () => Promise.reject(new Error('asked for what is here')), observer());
  expect((await read(again)).equals(content)).toBe(true);
  again.release(false);
});

test('another blob than was asked for is refused, and does not stay', async () => {
  const wrong = Buffer.from(content);
  wrong[5] = wrong[5]! ^ 1;
  const download = downloads.join(blob, async () => opened(0, pieces(wrong)), observer());
  expect(await read(download).catch((error: unknown) => error)).toMatchObject({ message: `filesystem layer verification failed for digest ${blob.digest}`, resumed: false });
  download.release(true);
  expect(readdirSync(directory)).toEqual([]);
});

test('remains that are damaged say so', async () => {
  writeFileSync(join(directory, `${hex}.partial`), Buffer.alloc(60_000));
  const download = downloads.join(blob, honest, observer());
  const error = await read(download).catch((error: unknown) => error);
  expect(error instanceof BlobMismatch && error.resumed).toBe(true);
  download.release(true);
  expect(readdirSync(directory)).toEqual([]);
});

test('more bytes than the descriptor says end the download', async () => {
  const endless = async function* () {
    for (;;) yield Buffer.alloc(10_000);
  };
  const download = downloads.join(blob, async () => opened(0, endless()), observer());
  expect(await read(download).catch((error: Error) => error.message)).toContain('and should have 100000');
  download.release(true);
  expect(readdirSync(directory)).toEqual([]);
});

test('a server that never gets on is given up; what came stays', async () => {
  let attempts = 0;
  const download = downloads.join(blob, async (offset) => {
    attempts++;
    return opened(offset, pieces(content.subarray(offset), offset === 0 ? 10 : 0));
  }, observer());
  expect(await read(download).catch((error: Error) => error.message)).toBe('unexpected EOF');
  expect(attempts).toBe(6);
  download.release(true);
  expect(readdirSync(directory)).toEqual([`${hex}.partial`]);
});

test('two who want the same blob share one download', async () => {
  let opens = 0;
  const source: BlobSource = (offset, signal) => (opens++, honest(offset, signal));
  const [one, two] = [downloads.join(blob, source, observer()), downloads.join(blob, source, observer())];
  const both = await Promise.all([read(one), read(two)]);
  expect(both.every((bytes) => bytes.equals(content))).toBe(true);
  expect(opens).toBe(1);
  one.release(false);
  expect(readdirSync(directory)).toEqual([hex]);
  two.release(false);
  expect(readdirSync(directory)).toEqual([]);
});

test('when the last one leaves, the download ends', async () => {
  const aborted = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const download = downloads.join(blob, async (offset, signal) => {
    signal.addEventListener('abort', () => aborted.resolve());
    const hangs = async function* (): AsyncGenerator<Uint8Array> {
      yield content.subarray(0, 10);
      started.resolve();
      await aborted.promise;
      throw systemError('aborted');
    };
    return opened(offset, hangs());
  }, observer());
  const reading = read(download).catch((error: Error) => error.message);
  await started.promise;
  download.release(false);
  await aborted.promise;
  expect(await reading).toBe('the download was given up');
  expect(readdirSync(directory)).toEqual([]);
  const again = downloads.join(blob, honest, observer());
  expect((await read(again)).equals(content)).toBe(true);
  again.release(false);
});

test('three at once; the others wait', async () => {
  const gates: (() => void)[] = [];
  const seen = Array.from({ length: 5 }, observer);
  const all = seen.map((each, index) => {
    const bytes = Buffer.from(`blob ${index}`);
    return downloads.join({ digest: sha256(bytes), size: bytes.length }, async () => {
      await new Promise<void>((resolve) => gates.push(resolve));
      return opened(0, pieces(bytes));
    }, each);
  });
  const reading = Promise.all(all.map(read));
  while (seen.filter(({ steps }) => steps.includes('waiting')).length < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(gates).toHaveLength(3);
  const open = setInterval(() => gates.splice(0).forEach((gate) => gate()), 1);
  expect((await reading).map(String)).toEqual(['blob 0', 'blob 1', 'blob 2', 'blob 3', 'blob 4']);
  clearInterval(open);
  for (const download of all) download.release(false);
});

test('what nobody has used for a day is swept', () => {
  for (const name of ['old', 'old.partial', 'new.partial']) writeFileSync(join(directory, name), 'x');
  const dayAgo = Date.now() / 1000 - 25 * 3600;
  for (const name of ['old', 'old.partial']) utimesSync(join(directory, name), dayAgo, dayAgo);
  downloads.sweep();
  expect(readdirSync(directory)).toEqual(['new.partial']);
});
