/** `ADD` of a URL, and contexts from one. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, utimesSync, writeSync } from 'node:fs';
import { posix } from 'node:path';
import { invalidParameter, systemError } from '../../errors.ts';
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

/** The answer to a GET that has succeeded. Rejects with `failure: …` in the words of Go's net/http. */
export async function fetchUrl(url: string, signal: AbortSignal, failure: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (cause) {
    throw systemError(`${failure}: Get ${JSON.stringify(url)}: ${reason(url, cause)}`, { object: url, cause });
  }
  if (response.status >= 400) throw systemError(`${failure}: failed to GET ${url} with status ${response.status} ${response.statusText}: `, { object: url });
  return response;
}

function reason(url: string, cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const { hostname, port, protocol } = new URL(url);
  const address = `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
  if (code === 'ConnectionRefused' || code === 'ECONNREFUSED') return `dial tcp ${address}: connect: connection refused`;
  return cause instanceof Error ? cause.message : String(cause);
}

function fileName(url: string, response: Response): string {
  const fromPath = posix.basename(decodeURIComponent(new URL(url).pathname));
  const fromHeader = /filename="?([^";]+)"?/i.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? '';
  const name = url.endsWith('/') ? posix.basename(fromHeader) : fromPath || posix.basename(fromHeader);
  return ['', '.', '..', '/'].includes(name) || name.includes('\0') ? unnamed : name;
}
