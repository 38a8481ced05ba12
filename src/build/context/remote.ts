/** `POST /build?remote=URL`: a git repository, a tar, or a Dockerfile alone. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { CaissonError, invalidParameter, notImplemented } from '../../errors.ts';
import { fetchUrl } from '../../images/fetch-url.ts';
import { compressionOf } from '../../storage/tar/compression.ts';
import { parseHeader } from '../../storage/tar/header.ts';
import { checkOut } from '../git/checkout.ts';
import { isGitUrl, parseGitUrl } from '../git/url.ts';
import { receiveContext } from './receive.ts';
import type { ContextTree } from './tree.ts';

/** A Dockerfile is not larger than this. Bytes. */
const maxDockerfile = 1024 * 1024;

/** Fills an empty tree; `dockerfile` gets a Dockerfile that came alone. */
export async function fetchContext(url: string, tree: ContextTree, dockerfile: string, signal: AbortSignal): Promise<void> {
  if (isGitUrl(url)) {
    const work = `${tree.path}.repository`;
    mkdirSync(work, { mode: 0o700 });
    return checkOut(parseGitUrl(url), tree.path, work, signal);
  }
  if (!/^https?:\/\//.test(url)) throw notImplemented(`a context from ${JSON.stringify(url)} is not supported: give a URL of a git repository, of a tar archive or of a Dockerfile, or send the context`);
  const response = await fetchUrl(url, signal, `error downloading remote context ${url}`);
  const chunks = (response.body ?? new ReadableStream<Uint8Array>())[Symbol.asyncIterator]();
  const head = await readHead(chunks);
  if (isArchive(head)) return receiveContext(tree, withHead(head, chunks));
  mkdirSync(tree.path, { recursive: true, mode: 0o700 });
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of withHead(head, chunks)) {
    size += chunk.length;
    if (size > maxDockerfile) throw invalidParameter(`the Dockerfile at ${url} is larger than 1 MiB`, { object: url });
    parts.push(chunk);
  }
  try {
    writeFileSync(`${tree.path}/${dockerfile || 'Dockerfile'}`, Buffer.concat(parts), { flag: 'wx' });
  } catch (cause) {
    throw new CaissonError('invalid-parameter', `invalid name of a Dockerfile: ${JSON.stringify(dockerfile)}`, { cause });
  }
}

async function readHead(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < 512) {
    const { value, done } = await chunks.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  return head;
}

function isArchive(head: Uint8Array): boolean {
  if (compressionOf(head) !== 'none') return true;
  if (head.length < 512) return false;
  try {
    return parseHeader(Buffer.from(head.subarray(0, 512))) !== undefined;
  } catch {
    return false;
  }
}

async function* withHead(head: Uint8Array, chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
}
