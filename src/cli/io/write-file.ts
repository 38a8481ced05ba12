import * as fs from 'node:fs';
import { openFailure } from '../create/key-values.ts';
import { ExitError } from '../errors.ts';
import { writeAll } from './output.ts';

/** Writes beside the file and renames at the end, so that a broken download never looks like an archive. */
export async function writeFile(file: string, body: AsyncIterable<Uint8Array>): Promise<void> {
  const partial = `${file}.partial-${process.pid}`;
  let descriptor: number;
  try {
    descriptor = fs.openSync(partial, 'wx', 0o600);
  } catch (error) {
    throw new ExitError(1, openFailure(file, error));
  }
  try {
    for await (const chunk of body) await writeAll(descriptor, chunk);
    fs.closeSync(descriptor);
    fs.renameSync(partial, file);
  } catch (error) {
    fs.rmSync(partial, { force: true });
    throw error;
  }
}
