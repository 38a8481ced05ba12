/**
 * The storage driver interface: layers in, root file systems out. Implementations: `overlay2.ts`, `fuse-overlayfs.ts`, `btrfs.ts`,
 * `vfs.ts`; `drivers.ts` chooses one.
 *
 * A *layer* is an immutable directory tree, the difference to its parent, found by its chain id (OCI image-spec,
 * config.md "Layer ChainID"). All drivers keep layers alike (`layer-store.ts`), so that what reads them, from `docker save` to a
 * build's `COPY --from`, is the same code, and images stay when the driver changes. A *root* is what one container writes into;
 * roots are where drivers differ.
 */

import type { Finding } from '../finding.ts';
import type { DirectoryQuotas } from '../linux/directory-quotas.ts';
import type { Database } from '../store/database.ts';
import type { PackOptions } from './pack.ts';
import type { SizeBounds, StorageOptions } from './root-size.ts';

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

/** What a root is made of; everything a plan needs to mount it. Paths are absolute. */
export type RootDescription = OverlayRoot | TreeRoot;

/** The layers below a directory with what the container has changed, shown as one tree at `mergedDir` while it is mounted. */
export interface OverlayRoot {
  readonly kind: 'overlay';
  /** Not by a plan: `StorageDriver.mountRoot` is called before it. A plan unmounts it at the end all the same. */
  readonly mountedBy?: 'driver';
  /** Top layer first, the shared init layer last (lowest). */
  readonly lowerDirs: readonly string[];
  readonly upperDir: string;
  readonly workDir: string;
  readonly mergedDir: string;
  /** The directory from which short relative paths to the lower directories work (`mount.cwd` in a plan). */
  readonly cwd: string;
}

/** A tree of the container's own: a copy or snapshot of what its layers show. */
export interface TreeRoot {
  readonly kind: 'tree';
  readonly path: string;
  /** Where it is mounted with the ids of a container that has a user namespace; a plan makes it. */
  readonly shiftedDir: string;
  /** What it began as, to compare with: top layer first, the shared init layer last. */
  readonly lowerDirs: readonly string[];
}

export const driverNames = ['overlay2', 'fuse-overlayfs', 'btrfs', 'vfs'] as const;
export type DriverName = (typeof driverNames)[number];

/** A range of ids of a user namespace (OCI runtime-spec, config-linux.md). */
interface IdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

/** How a driver mounts a root itself. */
export interface RootMounting {
  /** It is an image's, made as `plain`, and shown as that, to be read only. */
  readonly plain: boolean;
  /** Of the user namespace that it is mounted for; empty: none of its own. */
  readonly uid: readonly IdMapping[];
  readonly gid: readonly IdMapping[];
}

export interface RootOptions {
  /** The host's uid and gid of the container's root user (0 without a user namespace). */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Without the stubs of the init layer, where it is a tree: it is to be an image's, and nothing else. */
  readonly plain?: boolean;
  /** `--storage-opt` of the container. */
  readonly storageOptions: StorageOptions;
}

/** What every driver is made of. */
export interface DriverParts {
  readonly dataRoot: string;
  readonly database: Database;
  /** Undefined where the data root's file system keeps no limits. */
  readonly quotas: DirectoryQuotas | undefined;
  readonly bounds: SizeBounds;
}

export interface StorageDriver {
  readonly name: DriverName;
  /** `docker info` shows it as DriverStatus. */
  status(): readonly (readonly [string, string])[] | null;
  /** Whose ids files in the root of a container with a user namespace have: on disk, and in a view of it from the host's side. */
  readonly ids: { readonly onDisk: 'host' | 'container'; readonly inView: 'host' | 'container' };
  /** The layer with this chain id, if present. */
  layer(chainId: Digest): LayerInfo | undefined;
  layers(): LayerInfo[];
  /**
   * Unpacks an uncompressed layer tar on top of `parent`, and verifies it against `diffId` when given. A piece of the tar may be
   * overwritten once the next is asked for. Idempotent: an
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
  /** Makes a container's root, on the path of every `create`. A failed one leaves nothing. */
  createRoot(id: string, topLayer: Digest | null, options: RootOptions): Promise<void>;
  root(id: string, topLayer: Digest | null): RootDescription;
  /** Mounts a root, to be used by one launch or view at a time. Only where `mountedBy` says so. */
  mountRoot?(id: string, topLayer: Digest | null, mounting: RootMounting): Promise<void>;
  /** Undoes that when nothing was launched. Not mounted is right. */
  unmountRoot?(id: string): void;
  /** Files below `layers` and the driver's own that nothing knows of. */
  check(): Finding[];
  /** Layers whose files are missing, and which, as a sentence without a full stop. */
  damagedLayers(): ReadonlyMap<Digest, string>;
  /** The ids of all roots on disk, for what a crash may have left. */
  roots(): readonly string[];
  /** Removes a root with everything in it. A missing one is right. */
  removeRoot(id: string): Promise<void>;
}
