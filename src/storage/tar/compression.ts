/** Decompression of what an archive may come in, recognised by its first bytes. */
import { pipeline, Readable, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { invalidParameter } from '../../errors.ts';
import { throughProgram } from './program.ts';
import { ZstdFrames } from './zstd-frames.ts';

/** Bun's and Node's default of 16 kB halves the speed. */
const chunkSize = 256 * 1024;

const magics = [
  { bytes: [0x1f, 0x8b, 0x08], kind: 'gzip' },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], kind: 'zstd' },
  { bytes: [0x42, 0x5a, 0x68], kind: 'bzip2' },
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], kind: 'xz' },
] as const;

export type Compression = (typeof magics)[number]['kind'] | 'none';

/**
 * Bytes that are handed to the decompressor at once: its thread copies what is left of a larger piece again for each piece of
 * output (measured: 512 kB at once take twice the processor time, and more when the machine is busy).
 */
const inputSize = 64 * 1024;

/** How many bytes tell the compression. */
const longestMagic = 6;

export function compressionOf(head: Uint8Array): Compression {
  return magics.find(({ bytes }) => bytes.every((byte, at) => head[at] === byte))?.kind ?? 'none';
}

/**
 * The same bytes uncompressed: gzip and zstd, with programs of the host bzip2 and xz, or nothing to do. Rejects with invalid-parameter when
 * a compressed stream is damaged or incomplete.
 */
export async function* decompress(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = input[Symbol.asyncIterator]();
  try {
    const head = await readHead(iterator);
    const whole = resume(head, iterator);
    const kind = compressionOf(head);
    if (kind === 'none') yield* whole;
    else if (kind === 'gzip') yield* through(whole, zlib.createGunzip({ chunkSize }), kind);
    else if (kind === 'zstd') yield* through(checkedFrames(whole), zlib.createZstdDecompress({ chunkSize }), kind);
    else yield* throughProgram(whole, kind);
  } finally {
    await iterator.return?.();
  }
}

async function readHead(iterator: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < longestMagic) {
    const { value, done } = await iterator.next();
    if (done) break;
    head = head.length === 0 ? value : Buffer.concat([head, value]);
  }
  return head;
}

async function* resume(head: Uint8Array, iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
}

/** Bun's decompressor takes a truncated zstd stream for a whole one, so the frames are followed here. */
async function* checkedFrames(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const frames = new ZstdFrames();
  for await (const chunk of input) {
    frames.feed(chunk);
    yield chunk;
  }
  if (!frames.complete) throw invalidParameter('the archive is damaged: unexpected end of zstd data');
}

async function* inPieces(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of input) {
    for (let at = 0; at < chunk.length; at += inputSize) yield chunk.subarray(at, at + inputSize);
  }
}

async function* through(
  input: AsyncIterable<Uint8Array>,
  transform: Transform,
  kind: Compression,
): AsyncGenerator<Uint8Array> {
  let failure: unknown;
  pipeline(Readable.from(inPieces(input), { objectMode: false }), transform, (error) => {
    failure = error ?? undefined;
  });
  try {
    for await (const chunk of transform) yield chunk as Uint8Array;
  } catch (error) {
    failure ??= error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (/^Z_|^ZSTD_|ERR_ZSTD|ERR_BUFFER|ERR_ZLIB/.test(code)) {
      throw invalidParameter(`the archive is damaged: ${kind}: ${(error as Error).message}`, { cause: error });
    }
    throw error;
  }
  if (failure) throw failure;
}
