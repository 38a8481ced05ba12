/** Decompression by a program of the host, for what is too rare to be built in. */
import { spawn } from 'node:child_process';
import { pipeline, Readable } from 'node:stream';
import { invalidParameter } from '../../errors.ts';

/** The last words of a program, in bytes. */
const maxMessage = 4096;

/**
 * What the program makes of the input. Rejects with invalid-parameter when there is no such program, or when it finds the input damaged.
 * It is ended when the reader leaves.
 */
export async function* throughProgram(input: AsyncIterable<Uint8Array>, program: 'xz' | 'bzip2'): AsyncGenerator<Uint8Array> {
  const child = spawn(program, ['-d', '-c', '-q'], { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' } });
  let message = '';
  child.stderr.on('data', (chunk: Buffer) => { message = (message + chunk.toString()).slice(-maxMessage); });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', () => reject(invalidParameter(`the archive is compressed with ${program}, and there is no program ${program} on this host to decompress it`)));
    child.on('close', resolve);
  });
  let failure: unknown;
  // A program that has found damage does not read on, which is no failure of its own.
  pipeline(Readable.from(input, { objectMode: false }), child.stdin, (error) => {
    if (error && !['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'].includes(String(error.code))) failure = error;
  });
  ended.catch(() => undefined);
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array;
    const code = await ended;
    if (failure) throw failure;
    if (code !== 0) throw invalidParameter(`the archive is damaged: ${message.trim() || `${program} ended with ${code}`}`);
  } finally {
    child.kill('SIGKILL');
  }
}
