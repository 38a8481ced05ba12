/** `local` and `tar`: the files of the result, at the client. */
import { rootOf } from '../../../storage/lookup.ts';
import { archive, packFoundContents, walkOf } from '../../../storage/pack.ts';
import { toByteString } from '../../../storage/tar/entry.ts';
import { directoriesOf } from '../../solver/result.ts';
import { sendStream, sendTree, type SendRequest } from '../file-send.ts';
import type { Exporter, ExporterParts, ExportRequest } from './exporter.ts';

const rootOfResult = ({ storage }: ExporterParts, { image }: ExportRequest) =>
  rootOf(directoriesOf(storage, { kind: 'layers', topLayer: image.topLayer }).map(toByteString));

export const exportFiles: Exporter = (parts, request) =>
  told(request, 'exporting to client directory', 'copying files', (send) => sendTree(request.job.session, rootOfResult(parts, request), send));

export const exportTar: Exporter = (parts, request) => told(request, 'exporting to client tarball', 'sending tarball', (send) => {
  const root = rootOfResult(parts, request);
  return sendStream(request.job.session, archive(root ? packFoundContents(root, '', walkOf({ whiteouts: 'hidden' })) : []), send);
});

async function told({ job, index }: ExportRequest, name: string, status: string, send: (request: SendRequest) => Promise<void>): Promise<Record<string, string>> {
  const vertex = job.progress.vertex(name);
  vertex.begin();
  const transfer = vertex.status(status);
  try {
    await send({ exporter: index, signal: job.signal, onBytes: (total) => transfer.report(total) });
    transfer.done();
    vertex.end();
  } catch (error) {
    vertex.end({ error: (error as Error).message });
    throw error;
  }
  return {};
}
