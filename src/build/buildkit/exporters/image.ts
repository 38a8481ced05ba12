/** `moby` and `image`: into this engine's images, under all the names that were given. */
import { canonical, familiar, parseReference, type Reference, withDefaultTag } from '../../../images/reference.ts';
import type { Exporter } from './exporter.ts';

export const exportImage: Exporter = async ({ images }, { job, image, attributes }) => {
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
  vertex.end();
  return {
    'containerimage.config.digest': id, 'containerimage.digest': id, ...(references.length === 0 ? {} : { 'image.name': references.map(canonical).join(',') }),
  };
};

/** Throws invalid-parameter for what is no name. */
export const namesOf = (names: string): Reference[] =>
  names.split(',').flatMap((name) => (name.trim() === '' ? [] : [withDefaultTag(parseReference(name.trim()))]));
