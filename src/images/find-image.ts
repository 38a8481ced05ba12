/** What a name means: a reference, an id, or the beginning of one. */
import { notFound } from '../errors.ts';
import { type Digest, isDigest } from '../storage/digest.ts';
import { platformOf } from './config.ts';
import type { ImageRecord, ImageTable } from './image-table.ts';
import { formatPlatform, type Platform, platformMatches } from './platform.ts';
import { familiar, familiarName, parseReference, type Reference, withDefaultTag } from './reference.ts';

/** Throws not-found with Docker's texts, invalid-parameter for what is no name at all. */
export function findImage(images: ImageTable, nameOrId: string, platform?: Platform): ImageRecord {
  const record = isBareId(nameOrId) ? byId(images, nameOrId) : byName(images, nameOrId);
  if (platform) checkPlatform(record, nameOrId, platform);
  return record;
}

/** What `docker save` is to write for a name: an image and the names it has in the archive. */
export function findNamed(images: ImageTable, name: string): [ImageRecord, Reference | undefined][] {
  if (isBareId(name)) return [[byId(images, name), undefined]];
  const reference = parseReference(name);
  if (familiarName(reference.name) === 'sha256') return [[byName(images, name), undefined]];
  if (reference.tag === undefined && reference.digest === undefined) return wholeRepository(images, name, reference.name);
  const id = images.byReference(reference.digest === undefined ? reference : { ...reference, tag: undefined });
  if (!id) throw notFound('reference does not exist', { object: name });
  return [[images.get(id)!, reference.digest === undefined ? reference : undefined]];
}

/** A repository without a tag means all of its tags. */
function wholeRepository(images: ImageTable, name: string, repository: string): [ImageRecord, Reference | undefined][] {
  const references = images.references({ name: repository });
  if (references.length > 0) {
    return references.map((reference) => [
      images.get(images.byReference(reference)!)!,
      reference.digest === undefined ? reference : undefined,
    ]);
  }
  const record = byPrefix(images, name);
  if (!record) throw missing(name, name);
  return [[record, undefined]];
}

/** A whole id, with or without its algorithm. */
const isBareId = (text: string) => isDigest(text) || /^[0-9a-f]{64}$/.test(text);

const missing = (shown: string, name: string) => notFound(`No such image: ${shown}`, { object: name });

function byId(images: ImageTable, text: string): ImageRecord {
  const id = (text.startsWith('sha256:') ? text : `sha256:${text}`) as Digest;
  const record = images.get(id);
  if (!record) throw missing(id, text);
  return record;
}

function byName(images: ImageTable, name: string): ImageRecord {
  const reference = withDefaultTag(parseReference(name));
  const named = images.byReference(reference.digest === undefined ? reference : { ...reference, tag: undefined });
  const record = named ? images.get(named) : byPrefix(images, name);
  if (!record) throw missing(familiar(reference), name);
  return record;
}

/** Undefined when no image, or more than one, has an id that begins so. */
function byPrefix(images: ImageTable, prefix: string): ImageRecord | undefined {
  const hex = prefix.startsWith('sha256:') ? prefix.slice('sha256:'.length) : prefix;
  if (!/^[0-9a-f]+$/.test(hex)) return undefined;
  const matches = [...images.all()].filter(({ id }) => id.startsWith(`sha256:${hex}`));
  return matches.length === 1 ? matches[0] : undefined;
}

function checkPlatform({ config }: ImageRecord, name: string, wanted: Platform): void {
  const made = platformOf(config);
  if (platformMatches(made, wanted)) return;
  throw notFound(
    `image with reference ${name} was found but its platform (${formatPlatform(made)}) does not match the specified `
      + `platform (${formatPlatform(wanted)})`,
    { object: name },
  );
}
