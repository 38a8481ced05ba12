/** What an image archive says it holds, whichever format it has: docker-archive (`docker save`) or OCI image layout. */
import { invalidParameter } from '../errors.ts';
import { type Digest, isDigest, sha256 } from '../storage/digest.ts';
import type { ArchiveSpool } from './archive-spool.ts';
import { hostArchitecture, parseJson } from './config.ts';
import { parseReference, type Reference, withDefaultTag } from './reference.ts';

/** One image in an archive. */
export interface ArchivedImage {
  /** Name of the configuration's file. */
  readonly config: string;
  /** Its digest, where the archive names one. */
  readonly configDigest: Digest | undefined;
  /** Lowest first. */
  readonly layers: readonly ArchivedLayer[];
  readonly references: readonly Reference[];
  /** The id of its parent, where the archive names one. */
  readonly parent?: string | undefined;
}

export interface ArchivedLayer {
  /** Name of its file. */
  readonly file: string;
  /** The digest of the file as it is, where the archive names one. */
  readonly digest: Digest | undefined;
}

/** The images in an archive. Throws invalid-parameter when it is in neither format. */
export function imagesIn(spool: ArchiveSpool): ArchivedImage[] {
  if (spool.has('manifest.json')) return dockerImages(spool);
  if (spool.has('index.json')) return ociImages(spool);
  throw invalidParameter(
    'invalid archive: it has neither manifest.json (docker save) nor index.json (OCI image layout); use "docker import" for a root file system',
  );
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const strings = (value: unknown): string[] | undefined =>
  value === null || value === undefined
    ? []
    : Array.isArray(value) && value.every((item) => typeof item === 'string')
      ? value
      : undefined;

/** manifest.json of `docker save` (moby image/tarexport). */
function dockerImages(spool: ArchiveSpool): ArchivedImage[] {
  const manifest = parseJson(spool.document('manifest.json'), 'manifest.json');
  if (manifest === null) throw invalidParameter('invalid manifest, manifest cannot be null (but can be [])');
  if (!Array.isArray(manifest)) throw invalidParameter('invalid manifest: manifest.json is not a list');
  return manifest.map((item: unknown) => {
    const layers = isObject(item) ? strings(item.Layers) : undefined;
    const tags = isObject(item) ? strings(item.RepoTags) : undefined;
    if (!isObject(item) || typeof item.Config !== 'string' || !layers || !tags) {
      throw invalidParameter(
        'invalid manifest: an entry of manifest.json lacks Config or has malformed Layers or RepoTags',
      );
    }
    return {
      config: item.Config,
      configDigest: blobDigest(item.Config),
      // A layer's own digest is its diff id here, which is checked when it is unpacked.
      layers: layers.map((file) => ({ file, digest: undefined })),
      references: tags.map(taggedName),
      parent: typeof item.Parent === 'string' && item.Parent !== '' ? item.Parent : undefined,
    };
  });
}

function taggedName(text: string): Reference {
  const reference = parseReference(text);
  if (reference.tag === undefined) throw invalidParameter(`invalid tag "${text}"`, { object: text });
  return { ...reference, digest: undefined };
}

/** The digest in a name like blobs/sha256/<hex>. */
function blobDigest(name: string): Digest | undefined {
  const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform: { os: string; architecture: string } | undefined;
  readonly annotations: Json;
}

const indexTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
const layerType =
  /^application\/vnd\.(oci\.image\.layer\.v1\.tar|oci\.image\.layer\.nondistributable\.v1\.tar|docker\.image\.rootfs\.diff\.tar|docker\.image\.rootfs\.foreign\.diff\.tar)([+.](gzip|zstd))?$/;
/** Indexes in indexes; a cycle needs a digest that contains itself, so this only bounds the work. */
const maxNesting = 4;

/** index.json of an OCI image layout (OCI image-spec, image-layout.md). */
function ociImages(spool: ArchiveSpool): ArchivedImage[] {
  const images: ArchivedImage[] = [];
  for (const descriptor of descriptorsOf(parseJson(spool.document('index.json'), 'index.json'), 'index.json')) {
    if (isAttestation(descriptor)) continue;
    const manifest = manifestFor(spool, descriptor, 0);
    const image = ociImage(spool, manifest, nameOf(descriptor));
    const same = images.findIndex((other) => other.config === image.config);
    if (same === -1) images.push(image);
    else images[same] = { ...image, references: [...images[same]!.references, ...image.references] };
  }
  return images;
}

/** Follows indexes to the manifest for this machine. */
function manifestFor(spool: ArchiveSpool, descriptor: Descriptor, depth: number): Descriptor {
  if (manifestTypes.includes(descriptor.mediaType)) return descriptor;
  if (!indexTypes.includes(descriptor.mediaType))
    throw invalidParameter(
      `invalid archive: ${descriptor.digest} has the unsupported media type "${descriptor.mediaType}"`,
    );
  if (depth >= maxNesting) throw invalidParameter('invalid archive: its indexes are nested too deeply');
  const inner = descriptorsOf(parseJson(blob(spool, descriptor), descriptor.digest), descriptor.digest).filter(
    (item) => !isAttestation(item),
  );
  const architecture = hostArchitecture();
  // An archive that was made for one platform may still carry the index of all of them.
  const present = inner.filter((item) => spool.has(blobName(item.digest)));
  const match =
    present.find(({ platform }) => platform?.os === 'linux' && platform.architecture === architecture) ??
    (present.length === 1 ? present[0] : undefined);
  if (!match)
    throw invalidParameter(`invalid archive: it has no image for linux/${architecture}`, { object: descriptor.digest });
  return manifestFor(spool, match, depth + 1);
}

function ociImage(spool: ArchiveSpool, descriptor: Descriptor, references: readonly Reference[]): ArchivedImage {
  const manifest = parseJson(blob(spool, descriptor), descriptor.digest);
  const config = isObject(manifest) ? toDescriptor(manifest.config) : undefined;
  const layers = isObject(manifest) && Array.isArray(manifest.layers) ? manifest.layers.map(toDescriptor) : undefined;
  if (!config || !layers || !layers.every((layer) => layer !== undefined))
    throw invalidParameter(`invalid archive: the manifest ${descriptor.digest} is malformed`);
  for (const layer of layers) {
    if (!layerType.test(layer.mediaType))
      throw invalidParameter(
        `invalid archive: the layer ${layer.digest} has the unsupported media type "${layer.mediaType}"`,
      );
    checkSize(spool, layer);
  }
  return {
    config: blobName(config.digest),
    configDigest: config.digest,
    layers: layers.map(({ digest }) => ({ file: blobName(digest), digest })),
    references,
  };
}

/** The image's name, from containerd's annotation or OCI's; OCI's may hold a mere tag, which names nothing here. */
function nameOf({ annotations }: Descriptor): Reference[] {
  const full = annotations['io.containerd.image.name'];
  const short = annotations['org.opencontainers.image.ref.name'];
  const name = typeof full === 'string' ? full : typeof short === 'string' && /[:/]/.test(short) ? short : undefined;
  if (name === undefined) return [];
  const reference = withDefaultTag(parseReference(name));
  return reference.tag === undefined ? [] : [{ ...reference, digest: undefined }];
}

function isAttestation({ platform, annotations }: Descriptor): boolean {
  return (
    annotations['vnd.docker.reference.type'] !== undefined ||
    (platform?.os === 'unknown' && platform.architecture === 'unknown')
  );
}

const blobName = (digest: Digest) => `blobs/sha256/${digest.slice('sha256:'.length)}`;

/** A small blob, its size and digest checked. */
function blob(spool: ArchiveSpool, descriptor: Descriptor): Uint8Array {
  checkSize(spool, descriptor);
  const bytes = spool.document(blobName(descriptor.digest));
  checkDigest(descriptor.digest, sha256(bytes));
  return bytes;
}

function checkSize(spool: ArchiveSpool, { digest, size }: Descriptor): void {
  const actual = spool.size(blobName(digest));
  if (actual !== size)
    throw invalidParameter(`invalid archive: ${digest} has ${actual} bytes, and should have ${size}`, {
      object: digest,
    });
}

/** Throws invalid-parameter when content is not what its name says. */
export function checkDigest(expected: Digest, actual: Digest): void {
  if (expected !== actual)
    throw invalidParameter(`invalid archive: ${expected} has the digest ${actual}`, { object: expected });
}

function descriptorsOf(index: unknown, what: string): Descriptor[] {
  const list = isObject(index) && Array.isArray(index.manifests) ? index.manifests.map(toDescriptor) : undefined;
  if (!list || !list.every((descriptor) => descriptor !== undefined))
    throw invalidParameter(`invalid archive: the index ${what} is malformed`);
  return list;
}

function toDescriptor(json: unknown): Descriptor | undefined {
  if (!isObject(json) || !isDigest(json.digest) || typeof json.size !== 'number') return undefined;
  const { platform, annotations } = json;
  return {
    mediaType: typeof json.mediaType === 'string' ? json.mediaType : manifestTypes[0]!,
    digest: json.digest,
    size: json.size,
    platform: isObject(platform) ? { os: String(platform.os), architecture: String(platform.architecture) } : undefined,
    annotations: isObject(annotations) ? annotations : {},
  };
}
