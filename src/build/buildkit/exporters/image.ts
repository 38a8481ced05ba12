/** `moby` and `image`: into this engine's images, under all the names that were given, and from there to their registries if asked for. */
import { type CaissonError, systemError } from '../../../errors.ts';
import { canonical, familiar, parseReference, type Reference, withDefaultTag } from '../../../images/reference.ts';
import type { Exporter, ExporterParts, ExportRequest } from './exporter.ts';

export const exportImage: Exporter = async (parts, request) => {
  const { images } = parts;
  const { job, image, attributes } = request;
  const references = namesOf(attributes.get('name') ?? '');
  const vertex = job.progress.vertex('exporting to image');
  vertex.begin();
  const layers = vertex.status('exporting layers');
  layers.done();
  const id = images.add({ config: image.config, topLayer: image.topLayer, parent: null });
  vertex.status(`writing image ${id}`).done();
  for (const reference of references) {
    images.tag(id, familiar({ ...reference, tag: undefined }), reference.tag ?? '');
    vertex.status(`naming to ${canonical(reference)}`).done();
  }
  try {
    for (const reference of attributes.get('push') === 'true' ? references : []) {
      const pushing = vertex.status(`pushing ${canonical(reference)}`);
      await push(parts, request, reference);
      pushing.done();
    }
  } catch (error) {
    vertex.end({ error: (error as Error).message });
    throw error;
  }
  vertex.end();
  return {
    'containerimage.config.digest': id, 'containerimage.digest': id, ...(references.length === 0 ? {} : { 'image.name': references.map(canonical).join(',') }),
  };
};

async function push({ images, credentials }: ExporterParts, { job }: ExportRequest, reference: Reference): Promise<void> {
  try {
    // What there is to tell of layers is Docker's, not BuildKit's.
    for await (const _ of images.push({ reference, platform: undefined, credentials: await credentials(job, reference.name), signal: job.signal }));
  } catch (error) {
    if (job.signal.aborted) throw error;
    throw systemError(`failed to push ${canonical(reference)}: ${(error as CaissonError).message}`, { operation: 'push image', object: canonical(reference), cause: error });
  }
}

/** Throws invalid-parameter for what is no name. */
export const namesOf = (names: string): Reference[] =>
  names.split(',').flatMap((name) => (name.trim() === '' ? [] : [withDefaultTag(parseReference(name.trim()))]));
