/**
 * `POST /build?version=2`: BuildKit by Docker's own API, as docker commands before 23 and SDKs ask for it. The context is the request's
 * body, or comes over the session that the request names; the stream of records carries what `Control/Status` tells.
 */
import type { ProgressRecord } from '../../images/service.ts';
import type { Send } from '../classic/build.ts';
import { receiveContext } from '../context/receive.ts';
import { ContextTree } from '../context/tree.ts';
import { failure, line } from '../classic/stream.ts';
import type { BuildJob } from './build-job.ts';
import type { Builder, ExporterRequest } from './builder.ts';
import type { Uploads } from './uploads.ts';

export interface DockerBuildRequest {
  /** What the client cancels the build by; made up when it gives none. */
  readonly ref: string;
  /** Empty for a client that cannot be asked. */
  readonly session: string;
  /** The context: an archive, the session's, or an archive that comes with another request. */
  readonly context: { readonly kind: 'archive'; readonly archive: AsyncIterable<Uint8Array> } | { readonly kind: 'session' } | { readonly kind: 'upload' };
  /** Nothing is told but the image's id, unless it goes wrong. */
  readonly quiet: boolean;
  /** The frontend's. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly exporters: readonly ExporterRequest[];
  readonly signal: AbortSignal;
}

/** Rejects for what can be refused before anything is told; what goes wrong later is the last record. */
export async function buildForDocker(builder: Builder, uploads: Uploads, request: DockerBuildRequest, send: Send): Promise<void> {
  const job = await builder.begin(request.ref, request.session, request.signal);
  try {
    const { context } = request;
    if (context.kind === 'archive') await receiveInto(job, context.archive);
    else if (context.kind === 'upload') await uploads.take(request.ref, (archive) => receiveInto(job, archive));
    const kept: ProgressRecord[] = [];
    const told = tellProgress(job, request.quiet ? (record) => void kept.push(record) : send);
    try {
      const frontend = await builder.plan(job, request.attributes);
      const answers = await builder.export(job, frontend, request.exporters);
      await job.end();
      await told;
      const id = answers['containerimage.digest'];
      if (id === undefined) return;
      if (request.quiet) void send(line(`${id}\n`));
      else void send({ id: 'moby.image.id', aux: { ID: id } });
    } catch (error) {
      await job.end();
      await told;
      for (const record of kept) void send(record);
      void send(failure(error));
    }
  } finally {
    await job.end();
  }
}

async function receiveInto(job: BuildJob, archive: AsyncIterable<Uint8Array>): Promise<void> {
  const path = job.makeDirectory();
  const tree = new ContextTree(path);
  await receiveContext(tree, archive);
  job.useUploaded(tree);
}

/** Each message of the progress is a record. */
async function tellProgress({ progress }: BuildJob, send: Send): Promise<void> {
  for await (const message of progress.messages(new AbortController().signal)) {
    const record: ProgressRecord = { id: 'moby.buildkit.trace', aux: Buffer.from(message).toString('base64') };
    await send(record);
  }
}
