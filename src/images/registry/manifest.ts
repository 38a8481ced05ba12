/** Manifests and indexes, OCI's and Docker's (image-spec, manifest.md and image-index.md; Docker's schema 2). */
import { systemError } from '../../errors.ts';
import { type Digest, isDigest } from '../../storage/digest.ts';
import { type Platform, platformMatches } from '../platform.ts';

export const mediaTypes = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

/** What is asked for. Schema 1 is asked for, too: a registry that has nothing else then says what it has. */
export const acceptedManifests = [
  mediaTypes.dockerManifest, mediaTypes.dockerList, mediaTypes.ociIndex, mediaTypes.ociManifest,
  'application/vnd.docker.distribution.manifest.v1+prettyjws', 'application/json',
].join(', ');

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface PlatformDescriptor extends Descriptor {
  /** Undefined when the index does not say. */
  readonly platform: Platform | undefined;
}

export type Manifest =
  | { readonly kind: 'image'; readonly mediaType: string; readonly config: Descriptor; readonly layers: readonly Descriptor[] }
  | { readonly kind: 'index'; readonly mediaType: string; readonly manifests: readonly PlatformDescriptor[] };

const schema1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;
const imageTypes: readonly string[] = [mediaTypes.ociManifest, mediaTypes.dockerManifest];
const indexTypes: readonly string[] = [mediaTypes.ociIndex, mediaTypes.dockerList];
const configTypes: readonly string[] = [mediaTypes.ociConfig, mediaTypes.dockerConfig, 'application/octet-stream', ''];
const layerType =
  /^application\/vnd\.(oci\.image\.layer\.(?:nondistributable\.)?v1\.tar|oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar)(?:[+.](gzip|zstd))?$/;
/** Docker's limit is 125 layers an image, but a manifest may repeat them; indexes of a few hundred entries exist. */
const maxEntries = 1000;

/**
 * Parses a manifest that was served as `contentType`. Throws system, in Docker's words, for what it is not.
 */
export function parseManifest(bytes: Uint8Array, contentType: string): Manifest {
  const served = contentType.split(';')[0]!.trim();
  const json = parseJson(bytes);
  const mediaType = typeof json['mediaType'] === 'string' ? json['mediaType'] : '';
  const type = imageTypes.includes(served) || indexTypes.includes(served) ? served : mediaType || guess(json);
  if (schema1.test(served) || json['schemaVersion'] === 1) throw schema1Refusal();
  if (mediaType !== '' && mediaType !== type) {
    throw systemError(`mediaType in manifest should be '${type}' not '${mediaType}'`);
  }
  if (imageTypes.includes(type)) return imageManifest(json, type);
  if (indexTypes.includes(type)) return { kind: 'index', mediaType: type, manifests: list(json['manifests'], 'manifests').map(platformDescriptor) };
  throw systemError(`unsupported manifest media type ${JSON.stringify(type || served)}`);
}

function schema1Refusal() {
  return systemError(
    'Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed: '
      + 'have the image pushed again by a current engine. More information at https://docs.docker.com/go/deprecated-image-specs/',
  );
}

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

function parseJson(bytes: Uint8Array): Json {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw systemError(`error unmarshalling content: ${(error as Error).message}`, { cause: error });
  }
  if (!isObject(json)) throw systemError('error unmarshalling content: the manifest is not an object');
  return json;
}

/** For registries that serve application/json, and manifests that do not name their type. */
const guess = (json: Json): string =>
  Array.isArray(json['manifests']) ? mediaTypes.ociIndex : isObject(json['config']) ? mediaTypes.ociManifest : '';

function imageManifest(json: Json, mediaType: string): Manifest {
  const config = descriptor(json['config'], 'config');
  if (!configTypes.includes(config.mediaType)) throw systemError(`unsupported media type ${config.mediaType}`);
  const layers = list(json['layers'], 'layers').map((layer) => descriptor(layer, 'layer'));
  for (const layer of layers) if (!layerType.test(layer.mediaType)) throw systemError(`unsupported media type ${layer.mediaType}`);
  return { kind: 'image', mediaType, config, layers };
}

function list(value: unknown, what: string): readonly unknown[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw malformed(`${what} is not a list`);
  if (value.length > maxEntries) throw malformed(`it has more than ${maxEntries} ${what}`);
  return value;
}

const malformed = (why: string) => systemError(`invalid manifest: ${why}`);

function descriptor(json: unknown, what: string): Descriptor {
  if (!isObject(json)) throw malformed(`its ${what} is missing`);
  const { digest, size, mediaType } = json;
  if (!isDigest(digest)) throw malformed(`the digest of its ${what} is not a sha256 digest`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw malformed(`the size of ${digest} is no size`);
  return { mediaType: typeof mediaType === 'string' ? mediaType : '', digest, size };
}

function platformDescriptor(json: unknown): PlatformDescriptor {
  const platform = isObject(json) && isObject(json['platform']) ? json['platform'] : undefined;
  const text = (name: string) => (typeof platform?.[name] === 'string' ? platform[name] : '');
  return {
    ...descriptor(json, 'manifest'),
    platform: platform && { os: text('os'), architecture: text('architecture'), variant: text('variant') },
  };
}

/**
 * The manifests of an index for a platform, the best first. Indexes in indexes are passed over, as Docker does: nothing can lead
 * round in a circle.
 */
export function manifestsFor(manifests: readonly PlatformDescriptor[], wanted: Platform): PlatformDescriptor[] {
  return manifests.filter(({ mediaType, platform }) => imageTypes.includes(mediaType) && (!platform || platformMatches(platform, wanted)))
    .sort((a, b) => rank(b, wanted) - rank(a, wanted));
}

/** An exact match comes before an older variant, that before another architecture that also runs, that before no platform. */
function rank({ platform }: PlatformDescriptor, wanted: Platform): number {
  if (!platform) return 0;
  if (platform.architecture !== wanted.architecture) return 1;
  if (platform.variant === wanted.variant) return 1000;
  return 2 + (Number(/^v(\d+)/.exec(platform.variant)?.[1] ?? 0) || 0);
}

/** How a layer of this media type is compressed; empty for not at all. */
export function compressionOfType(mediaType: string): 'gzip' | 'zstd' | '' {
  const kind = layerType.exec(mediaType)?.[2];
  return kind === 'gzip' || kind === 'zstd' ? kind : '';
}
