/**
 * What the engine and the API ask of images. `image-service.ts` implements it on a storage driver and the metadata
 * database.
 */
import type { Digest } from '../storage/driver.ts';

/** An image as stored: `config` is the parsed configuration, whose JSON bytes hash to `id`. */
export interface Image {
  readonly id: Digest;
  readonly config: ImageConfigJson;
  /** The chain id of the topmost layer; null for an image without layers. */
  readonly topLayer: Digest | null;
  /** `busybox:latest`, familiar form as Docker shows it. */
  readonly repoTags: readonly string[];
  /** `busybox@sha256:…`. */
  readonly repoDigests: readonly string[];
  /** Bytes of all layers, unpacked. */
  readonly size: number;
  /** RFC 3339. When the image was last tagged here. */
  readonly lastTagTime: string;
}

/** OCI image-spec configuration with Docker's extra fields; see engine/docker-types.ts ImageConfig (the same shape). */
export interface ImageConfigJson {
  architecture: string;
  os: string;
  variant?: string;
  created?: string;
  author?: string;
  comment?: string;
  docker_version?: string;
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

export interface ImageService {
  /** By reference, id, or unique id prefix. Throws not-found with Docker's text `No such image: NAME`. */
  get(nameOrId: string): Image;
  list(): readonly Image[];
  /**
   * `docker load`: docker-archive (any version) or OCI layout tar, plain, gzip or zstd. Yields progress (`{stream:
   * "Loaded image: …\n"}`).
   */
  load(tar: AsyncIterable<Uint8Array>, options?: { quiet?: boolean }): AsyncIterable<ProgressRecord>;
  /** `docker save` of one or many names: a docker-archive that is an OCI layout too, as Docker 25+ writes. */
  save(names: readonly string[]): Promise<AsyncIterable<Uint8Array>>;
  /** `docker import`: a root file system tar, plain or compressed. Returns the new image's id. */
  import(
    tar: AsyncIterable<Uint8Array>,
    options: { repo: string; tag: string; message: string; changes: readonly string[]; platform: string },
  ): Promise<Digest>;
  tag(nameOrId: string, repo: string, tag: string): void;
  /**
   * `docker rmi`. `usedBy` lists containers that use an image (id, running), for Docker's conflict texts.
   */
  remove(
    nameOrId: string,
    options: { force: boolean; prune: boolean },
    usedBy: (imageId: Digest) => readonly { id: string; running: boolean }[],
  ): Promise<RemovedImage[]>;
}
