/** `ADD` of a URL, and contexts from one. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, utimesSync, writeSync } from 'node:fs';
import { posix } from 'node:path';
import { invalidParameter } from '../../errors.ts';
import { fetchUrl } from '../../images/fetch-url.ts';
import type { DownloadOperation } from '../graph/vertex.ts';

/** A file whose URL names none. */
const unnamed = '__unnamed__';

/** Puts the file into a directory, under the name that the URL gives it. Rejects in Docker's words. */
export async function download({ url, checksum }: DownloadOperation, directory: string, signal: AbortSignal): Promise<void> {
  const response = await fetchUrl(url, signal, 'ADD failed');
  const path = `${directory}/${fileName(url, response)}`;
  const hash = createHash('sha256');
  const fd = openSync(path, 'wx', 0o600);
  try {
    for await (const chunk of response.body ?? []) {
      hash.update(chunk);
      for (let done = 0; done < chunk.length;) done += writeSync(fd, chunk, done);
    }
  } finally {
    closeSync(fd);
  }
  const digest = `sha256:${hash.digest('hex')}`;
  if (checksum !== '' && checksum !== digest) throw invalidParameter(`digest mismatch ${digest}: ${checksum}`, { object: url });
  const modified = Date.parse(response.headers.get('last-modified') ?? '') / 1000;
  utimesSync(path, Number.isNaN(modified) ? 0 : modified, Number.isNaN(modified) ? 0 : modified);
}

function fileName(url: string, response: Response): string {
  const fromPath = posix.basename(decodeURIComponent(new URL(url).pathname));
  const fromHeader = /filename="?([^";]+)"?/i.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? '';
  const name = url.endsWith('/') ? posix.basename(fromHeader) : fromPath || posix.basename(fromHeader);
  return ['', '.', '..', '/'].includes(name) || name.includes('\0') ? unnamed : name;
}
