/** Files by URL: an archive to import, what a Dockerfile adds, a build context. */
import { notFound, systemError } from '../errors.ts';
import { dialError } from './registry/dial-error.ts';

/** Characters of an answer that says why not. */
const maxExplanation = 4096;

/**
 * The answer to a GET that has succeeded, its body not read. Rejects in the words of Go's net/http, after `failure: ` where that is
 * given; with not-found for a status 404.
 */
export async function fetchUrl(url: string, signal: AbortSignal, failure = ''): Promise<Response> {
  const prefix = failure === '' ? '' : `${failure}: `;
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw systemError(`${prefix}Get ${JSON.stringify(url)}: ${await reason(url, cause)}`, { object: url, cause });
  }
  if (response.status < 400) return response;
  const explanation = (await response.text()).slice(0, maxExplanation).trim();
  const message = `${prefix}failed to GET ${url} with status ${response.status} ${response.statusText}: ${explanation}`;
  throw response.status === 404 ? notFound(message, { object: url }) : systemError(message, { object: url });
}

async function reason(url: string, cause: unknown): Promise<string> {
  if (!URL.canParse(url)) return 'invalid URL';
  const parsed = new URL(url);
  if (!['http:', 'https:'].includes(parsed.protocol)) return `unsupported protocol scheme "${parsed.protocol.slice(0, -1)}"`;
  return dialError(parsed, cause, undefined);
}

