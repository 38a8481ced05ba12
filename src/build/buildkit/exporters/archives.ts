/** `oci` and `docker`: the image as an archive, at the client. */
import { invalidParameter, notImplemented } from '../../../errors.ts';
import { imageLayout, type LayerCompression } from '../../../images/image-layout.ts';
import { sendStream } from '../file-send.ts';
import type { Exporter, ExportRequest } from './exporter.ts';
import { namesOf } from './image.ts';

export const exportOci: Exporter = (parts, request) => exportArchive(parts, request, 'oci');
export const exportDocker: Exporter = (parts, request) => exportArchive(parts, request, 'docker');

async function exportArchive({ storage }: Parameters<Exporter>[0], { job, image, index, attributes }: ExportRequest, format: 'oci' | 'docker'): Promise<Record<string, string>> {
  if (attributes.get('tar') === 'false') throw notImplemented('an image layout is written as a tar: "tar=false" is not supported', { object: 'tar' });
  const references = namesOf(attributes.get('name') ?? '');
  const vertex = job.progress.vertex(`exporting to ${format} image format`);
  vertex.begin();
  try {
    const exporting = vertex.status('exporting layers');
    const layout = await imageLayout(storage, {
      config: image.config, references, compression: compressionOf(attributes.get('compression')), forDocker: format === 'docker',
      ociTypes: flag(attributes.get('oci-mediatypes'), format === 'oci'), annotations: annotationsOf(attributes), directory: job.makeDirectory(),
    });
    exporting.done();
    vertex.status(`exporting manifest ${layout.manifest.digest}`).done();
    vertex.status(`exporting config ${layout.configDigest}`).done();
    const sending = vertex.status('sending tarball');
    await sendStream(job.session, layout.tar, { exporter: index, signal: job.signal, onBytes: (total) => sending.report(total) });
    sending.done();
    vertex.end();
    return {
      'containerimage.digest': layout.manifest.digest, 'containerimage.config.digest': layout.configDigest,
      'containerimage.descriptor': Buffer.from(JSON.stringify(layout.manifest)).toString('base64'),
      ...(references.length === 0 ? {} : { 'image.name': attributes.get('name')! }),
    };
  } catch (error) {
    vertex.end({ error: (error as Error).message });
    throw error;
  }
}

function compressionOf(name = 'gzip'): LayerCompression {
  if (name === 'gzip' || name === 'zstd' || name === 'uncompressed') return name;
  throw invalidParameter(`unsupported layer compression type: ${name}`, { object: name });
}

function flag(value: string | undefined, otherwise: boolean): boolean {
  if (value === undefined || value === '') return otherwise;
  if (value === 'true' || value === 'false') return value === 'true';
  throw invalidParameter(`non-bool value specified for oci-mediatypes: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`, { object: value });
}

/** `annotation.KEY` and `annotation-manifest.KEY`; those of an index or a descriptor have no place here. */
const annotationsOf = (attributes: ReadonlyMap<string, string>): Record<string, string> =>
  Object.fromEntries([...attributes].flatMap(([name, value]) => {
    const key = /^annotation(?:-manifest)?(?:\[[^\]]*\])?\.(.+)$/.exec(name)?.[1];
    return key === undefined ? [] : [[key, value]];
  }));
