/**
 * What the engine and the API ask of images. `image-service.ts` implements it on a storage driver and the metadata
 * database.
 */
import type { Finding } from '../finding.ts';
import type { Digest } from '../storage/driver.ts';
import type { PackOptions } from '../storage/pack.ts';
import type { Platform } from './platform.ts';
import type { Reference } from './reference.ts';
import type { Distribution } from './distribution.ts';
import type { Credentials } from './registry/credentials.ts';
import type { SearchRequest, SearchResult } from './registry/search.ts';

/** An image as stored: `config` is the parsed configuration, whose JSON bytes hash to `id`. */
export interface Image {
  readonly id: Digest;
  readonly config: ImageConfigJson;
  /** The chain id of the topmost layer; null for an image without layers. */
  readonly topLayer: Digest | null;
  /** The image it was made from here. */
  readonly parent: Digest | null;
  /** `busybox:latest`, familiar form as Docker shows it. */
  readonly repoTags: readonly string[];
  /** `busybox@sha256:…`. */
  readonly repoDigests: readonly string[];
  /** Bytes of all layers, unpacked. */
  readonly size: number;
  /** RFC 3339. When the image was last tagged here, other than by a load; `zeroTime` for never. */
  readonly lastTagTime: string;
}

/** What Docker writes for a time that is not known. */
export const zeroTime = '0001-01-01T00:00:00Z';

/** OCI image-spec configuration with Docker's extra fields; see engine/docker-types.ts ImageConfig (the same shape). */
export interface ImageConfigJson {
  architecture: string;
  os: string;
  variant?: string;
  created?: string;
  author?: string;
  comment?: string;
  docker_version?: string;
  /** The container that it was committed from. */
  container?: string;
  container_config?: Record<string, unknown>;
  config?: Record<string, unknown>;
  history?: { created?: string; created_by?: string; author?: string; comment?: string; empty_layer?: boolean }[];
  rootfs: { type: string; diff_ids: string[] };
}

/** One record of Docker's progress stream, as `docker load` reads it. */
export type ProgressRecord = Record<string, unknown>;

export interface RemovedImage {
  readonly Untagged?: string;
  readonly Deleted?: string;
}

export type ImageAction = 'create' | 'delete' | 'import' | 'load' | 'pull' | 'push' | 'save' | 'tag' | 'untag';

/**
 * Told of what has happened to an image; `attributes` are its labels and, as `name`, its id or the tag concerned. Of a pull or
 * push, `id` is the reference and `name` the repository.
 */
export type ImageListener = (action: ImageAction, id: string, attributes: Readonly<Record<string, string>>) => void;

export interface ImportRequest {
  /** Empty for an image without a name. */
  readonly repo: string;
  readonly tag: string;
  readonly message: string;
  /** Dockerfile instructions. */
  readonly changes: readonly string[];
  /** `os[/architecture[/variant]]`, or empty for this machine's. */
  readonly platform: string;
}

/** What a container has become, as an image. */
export interface CommitRequest {
  /** The container's id; its root is what is committed. */
  readonly container: string;
  /** The image and the layer its root is on. Null for a container without an image. */
  readonly parent: Digest | null;
  readonly topLayer: Digest | null;
  /** The ids inside the container of those on the host, where they differ. */
  readonly owner?: PackOptions['owner'];
  /** The container's own configuration, and that of the new image, in Docker's JSON shape. */
  readonly containerConfig: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly author: string;
  readonly comment: string;
  /** Empty for an image without a name. */
  readonly repo: string;
  readonly tag: string;
}

/** What builds and containers have of layers, for a check. */
export interface CheckedCache {
  /** The name of a container on such a layer, if there is one. */
  usersOf(isOnLayer: (topLayer: Digest) => boolean): string | undefined;
  /** Forgets what building has kept on such layers. */
  forget(isOnLayer: (topLayer: Digest) => boolean): void;
}

/** `docker pull`. */
export interface PullRequest {
  /** With neither tag nor digest: every tag of the repository. */
  readonly reference: Reference;
  /** Which image of an index; undefined: this machine's. */
  readonly platform: Platform | undefined;
  readonly credentials: Credentials;
  /** Ends the pull when aborted. */
  readonly signal: AbortSignal;
}

/** `docker push`. */
export interface PushRequest {
  /** Without a tag: every tag of the repository that is here. */
  readonly reference: Reference;
  /** The image must be for this one, when given. */
  readonly platform: Platform | undefined;
  readonly credentials: Credentials;
  /** Ends the push when aborted. */
  readonly signal: AbortSignal;
}

export interface AddRequest {
  /** In the order in which its fields are to be written. */
  readonly config: object;
  readonly topLayer: Digest | null;
  /** The image it was made from here. */
  readonly parent: Digest | null;
}

export interface RemoveOptions {
  readonly force: boolean;
  /** Remove parents, too, that have no name and no other child. */
  readonly prune: boolean;
}

/** The containers that use an image, for Docker's conflict texts. */
export type UsedBy = (imageId: Digest) => readonly { id: string; running: boolean }[];

/** What is asked of registries without an image coming or going. */
export interface RegistryService {
  /** Answers the token that stands for the password from now on, empty for none. Throws when the registry does not take them. */
  login(credentials: Credentials, signal: AbortSignal): Promise<string>;
  search(request: SearchRequest): Promise<SearchResult[]>;
  describe(name: string, credentials: Credentials, signal: AbortSignal): Promise<Distribution>;
}

export interface ImageService {
  /** What is wrong with images and layers, as far as can be seen at once. */
  check(cache: CheckedCache): Finding[];
  /** Reads all layers, and compares them with their digests. */
  verify(cache: CheckedCache): Promise<Finding[]>;
  readonly registries: RegistryService;
  /**
   * By reference, id, or unique id prefix. Throws not-found with Docker's text `No such image: NAME`, or, when it is for another
   * platform than the given one, with its text for that.
   */
  get(nameOrId: string, platform?: Platform): Image;
  list(): readonly Image[];
  has(id: Digest): boolean;
  /** The images that were made from this one here. */
  children(id: Digest): readonly Digest[];
  /**
   * `docker load`: docker-archive (any version) or OCI layout tar, plain or compressed. Yields progress (`{stream:
   * "Loaded image: …\n"}`). With a platform, images for others are passed over.
   */
  load(tar: AsyncIterable<Uint8Array>, options?: { quiet?: boolean; platform?: Platform }): AsyncIterable<ProgressRecord>;
  /** `docker save` of one or many names: a docker-archive that is an OCI layout too, as Docker 25+ writes. */
  save(names: readonly string[], platform?: Platform): AsyncIterable<Uint8Array>;
  /** `docker import`: a root file system tar, plain or compressed. Returns the new image's id. */
  import(tar: AsyncIterable<Uint8Array>, request: ImportRequest): Promise<Digest>;
  /** `docker commit`. Throws before anything is read when the name is none. */
  commit(request: CommitRequest): Promise<{ id: Digest; reference: string }>;
  /** Throws what can be refused before the first record is yielded; what comes later is thrown by the stream, too. */
  pull(request: PullRequest): AsyncIterable<ProgressRecord>;
  /** Throws not-found when the image is for another platform; whatever else goes wrong, the stream throws. */
  push(request: PushRequest): AsyncIterable<ProgressRecord>;
  /** An image of a configuration and layers that are here. One that is there already stays as it is. */
  add(request: AddRequest): Digest;
  /** Keeps a layer and its ancestors until the returned function is called. */
  hold(layer: Digest): () => void;
  /** Removes a layer, and its ancestors, as far down as nothing needs them. */
  free(layer: Digest): Promise<void>;
  tag(nameOrId: string, repo: string, tag: string): void;
  /** `docker rmi`. */
  remove(nameOrId: string, options: RemoveOptions, usedBy: UsedBy): Promise<RemovedImage[]>;
}
