/** `docker import URL`. */
import { ProgressStream } from './progress-stream.ts';
import type { ImageService, ImportRequest, ProgressRecord } from './service.ts';

/** An address without a scheme is one of HTTP, as for Docker. */
export const importUrl = (source: string): string => (/^[a-z][a-z0-9+.-]*:\/\//i.test(source) ? source : `http://${source}`);

/** Imports what `response` brings. Yields progress, the new image's id at the end. */
export async function* importDownloaded(
  images: Pick<ImageService, 'import'>, url: string, response: Response, request: ImportRequest,
): AsyncGenerator<ProgressRecord> {
  const progress = new ProgressStream();
  progress.message(`Downloading from ${url}`);
  const work = images.import(counted(response, progress), request);
  yield* progress.during(work);
  yield { status: await work };
}

async function* counted(response: Response, progress: ProgressStream): AsyncGenerator<Uint8Array> {
  const total = Number(response.headers.get('content-length') ?? 0);
  let current = 0;
  for await (const chunk of response.body ?? []) {
    current += chunk.length;
    progress.bytes('', 'Importing', current, total);
    yield chunk;
  }
}
