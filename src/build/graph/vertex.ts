/**
 * The build graph: immutable operations on file trees, each found by the digest of what it is made of. A frontend makes
 * vertices, the solver gives each a tree; neither knows of the other.
 */
import { type Digest, sha256 } from '../../storage/digest.ts';
import type { GitSource } from '../git/url.ts';
import type { RunMount } from '../dockerfile/run-mount.ts';

/** A tree that is there: the layers of an image, or nothing at all. */
export interface ImageOperation {
  readonly kind: 'image';
  readonly topLayer: Digest | null;
}

/** What the client sends. Its content is looked at when something is copied from it. */
export interface ContextOperation {
  readonly kind: 'context';
  /** Of a context beside the build's own; empty for that. */
  readonly name: string;
}

/** Files that stand in the Dockerfile itself. */
export interface InlineOperation {
  readonly kind: 'inline';
  readonly files: readonly { readonly name: string; readonly text: string }[];
}

/** A file from a URL. */
export interface DownloadOperation {
  readonly kind: 'download';
  readonly url: string;
  /** `sha256:…` that it must have; empty for any. */
  readonly checksum: string;
}

/** The files of a git repository. */
export interface GitOperation extends GitSource {
  readonly kind: 'git';
}

/** A mount of a `RUN`, without a target for a secret that is only a variable; `input` is the index of the vertex that it shows, for `bind`, and for a `cache` that begins with one. */
export interface MountOperation extends RunMount {
  readonly input: number | undefined;
}

/** A command in a container on the first input. */
export interface RunOperation {
  readonly kind: 'run';
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
  /** Of the container's configuration: writes to them are not kept. */
  readonly volumes: readonly string[];
  readonly network: string;
  readonly mounts: readonly MountOperation[];
  /** Limits and the like: they do not make another tree. */
  readonly settings: RunSettings;
}

/** What a build asks of the containers of all its `RUN`s. */
export interface RunSettings {
  readonly hostConfig: Readonly<Record<string, unknown>>;
}

/** Files of other inputs into the first one. */
export interface CopyOperation {
  readonly kind: 'copy';
  /** `COPY` or `ADD`, for messages. */
  readonly instruction: string;
  readonly sources: readonly CopySource[];
  /** Absolute; a slash at its end makes it a directory. */
  readonly destination: string;
  /** `user[:group]`, names or numbers; empty: see `keepOwner`. */
  readonly chown: string;
  /** Owners are those of the source; otherwise root's. */
  readonly keepOwner: boolean;
  /** Octal; empty for the source's own. */
  readonly chmod: string;
  /** The layer does not depend on what it is put on. */
  readonly link: boolean;
  /** The source's path is kept below the destination. */
  readonly parents: boolean;
  readonly excludes: readonly string[];
  /** Archives in a source that is a file are unpacked. */
  readonly unpack: boolean;
}

export interface CopySource {
  /** Which input it is from. */
  readonly input: number;
  /** May have wildcards. */
  readonly path: string;
}

/** A directory that is made where it is missing: WORKDIR. */
export interface DirectoryOperation {
  readonly kind: 'directory';
  readonly path: string;
}

export type Operation =
  | ImageOperation | ContextOperation | InlineOperation | DownloadOperation | GitOperation | RunOperation | CopyOperation | DirectoryOperation;

export interface Vertex {
  readonly digest: Digest;
  readonly operation: Operation;
  readonly inputs: readonly Vertex[];
}

/** `operation` must hold nothing but JSON. */
export function vertex(operation: Operation, inputs: readonly Vertex[] = []): Vertex {
  const digest = sha256(JSON.stringify([operation, inputs.map((input) => input.digest)]));
  return { digest, operation, inputs };
}

export const imageVertex = (topLayer: Digest | null): Vertex => vertex({ kind: 'image', topLayer });

/** The empty tree. */
export const scratch: Vertex = imageVertex(null);
