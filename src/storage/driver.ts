/**
 * The storage driver interface: layers in, root file systems out. Implementations: `overlay2.ts`; others follow.
 *
 * A *layer* is an immutable directory tree, the difference to its parent, found by its chain id (OCI image-spec,
 * config.md "Layer ChainID"). A *root* is what one container writes into: an upper directory over a chain of layers.
 * The driver never mounts a container's root for a launch: it describes the mount, and the plan carries it out.
 */

import type { PackOptions } from './pack.ts';

/** `sha256:<64 hex>`. */
export type Digest = `sha256:${string}`;

export interface LayerInfo {
  readonly chainId: Digest;
  readonly diffId: Digest;
  readonly parent: Digest | null;
  /** Bytes of the regular files in the layer. */
  readonly size: number;
  /** The directory with the layer's own content. */
  readonly path: string;
}

/** What a root is made of; everything a plan needs to mount it, and what `inspect` shows as GraphDriver.Data. */
export interface RootDescription {
  /** Top layer first, the shared init layer last (lowest). Absolute paths. */
  readonly lowerDirs: readonly string[];
  readonly upperDir: string;
  readonly workDir: string;
  readonly mergedDir: string;
  /** The directory from which short relative paths to the lower directories work (`mount.cwd` in a plan). */
  readonly cwd: string;
}

export interface StorageDriver {
  readonly name: string;
  /** The layer with this chain id, if present. */
  layer(chainId: Digest): LayerInfo | undefined;
  layers(): LayerInfo[];
  /**
   * Unpacks an uncompressed layer tar on top of `parent`, and verifies it against `diffId` when given. Idempotent: an
   * existing layer is returned. A failed or interrupted unpack leaves nothing. Rejects with invalid-parameter for a tar
   * that climbs out of its root, is truncated or does not have the digest.
   */
  unpack(parent: Digest | null, tar: AsyncIterable<Uint8Array>, diffId?: Digest): Promise<LayerInfo>;
  /** The layer as an uncompressed tar again (deterministic). */
  pack(chainId: Digest): AsyncIterable<Uint8Array>;
  /** Bytes that `pack` gives, without reading the layer's files. */
  packedSize(chainId: Digest): number;
  /**
   * Forgets layers that nothing needs any more, topmost first, in the caller's transaction if there is one. Their files go when
   * the function that is returned is called, after the transaction. Throws conflict when another layer is on one of them.
   */
  forgetLayers(chainIds: readonly Digest[]): () => Promise<void>;
  /**
   * What has been written into a root, as a layer on the one it was made with; undefined when that is nothing. The root may
   * be in use. `owner` gives the ids inside the container of those on the host; default: the same.
   */
  commitRoot(id: string, topLayer: Digest | null, owner?: PackOptions['owner']): Promise<LayerInfo | undefined>;
  /**
   * Makes the directories of a container's root: synchronous and cheap, it is on the path of every `create`.
   * `owner` is the host's uid and gid of the container's root user (0 without a user namespace).
   */
  createRoot(id: string, topLayer: Digest | null, owner: { uid: number; gid: number }): RootDescription;
  root(id: string, topLayer: Digest | null): RootDescription;
  /** The ids of all roots on disk, for what a crash may have left. */
  roots(): readonly string[];
  /** Removes a root with everything in it. A missing one is right. */
  removeRoot(id: string): Promise<void>;
}
