/** One build at the solver: what it has, what it wants to hear, and what it leaves behind when it ends. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import type { Digest } from '../../storage/driver.ts';
import { removeTree } from '../../storage/remove.ts';
import { ContextTree } from '../context/tree.ts';
import type { Vertex } from '../graph/vertex.ts';

/** Told of a vertex that is being solved. */
export interface Observer {
  /** What the tree below is known by: the id of an image, or empty. */
  readonly base: string;
  /** A container was made for it. */
  started(container: string): void;
  /** What is returned settles when more can be taken. */
  output(stream: 'stdout' | 'stderr', data: Uint8Array): Promise<void> | undefined;
  /** Its container is gone. */
  removed(container: string): void;
}

/** Told of each vertex that is solved. */
export interface Watcher {
  /** Its inputs are there. */
  begins(vertex: Vertex): void;
  /** `failure`: what went wrong. */
  ends(vertex: Vertex, outcome: { readonly cached: boolean; readonly failure?: unknown }): void;
}

/** What a build asks its client for, if it has one that can be asked. */
export interface BuildClient {
  /** Where the files of a context are, by its name; empty for the build's own. They come when they are asked for first. */
  context(name: string): Promise<ContextTree>;
  /** Undefined for a secret that the client does not have. */
  secret(id: string): Promise<Uint8Array | undefined>;
  /** Serves an ssh agent of the client's on a socket that is made at `path`; undefined for one that it does not have. */
  agent(id: string, path: string): Promise<{ close(): void } | undefined>;
}

export interface SessionOptions {
  /** Nothing that is known already counts. */
  readonly noCache: boolean;
  /** Containers of commands that have succeeded are removed, and those that have not. */
  readonly removeContainers: boolean;
  readonly removeFailedContainers: boolean;
  readonly signal: AbortSignal;
  /** Undefined: all that the client has was sent with the request. */
  readonly client?: BuildClient;
  readonly watcher?: Watcher;
}

export class Session {
  readonly options: SessionOptions;
  /** Where the client's files go; made by who receives them. */
  readonly contextTree: ContextTree;
  /** For its own files; gone at the end. */
  readonly #directory: string;
  readonly #observers = new Map<Digest, Observer>();
  readonly #descriptions = new Map<Digest, string>();
  readonly #contexts = new Map<string, ContextTree>();
  readonly #fresh = new Set<Digest>();
  readonly #releases: (() => void)[] = [];

  /** A context that is given is the giver's; otherwise one that lives as long as the session. */
  constructor(root: string, options: SessionOptions, context?: ContextTree) {
    this.options = options;
    this.#directory = `${root}/${randomUUID()}`;
    this.contextTree = context ?? new ContextTree(`${this.#directory}/context`);
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
  }

  /** The directory of a context, by its name. Rejects when the client does not send it. */
  async contextDirectory(name: string): Promise<string> {
    const tree = await (this.options.client?.context(name) ?? this.contextTree);
    this.#contexts.set(tree.path, tree);
    return tree.path;
  }

  /** What is known of a context, by its directory; undefined for a directory that is none. */
  contextAt(directory: string): ContextTree | undefined {
    return this.#contexts.get(directory);
  }

  /** A new directory that lives as long as the session. */
  makeDirectory(): string {
    const path = `${this.#directory}/${randomUUID()}`;
    mkdirSync(path, { mode: 0o700 });
    return path;
  }

  /** Whoever comes first hears of a vertex. */
  observe(vertex: Vertex, description: string, observer: Observer): void {
    if (this.#observers.has(vertex.digest)) return;
    this.#observers.set(vertex.digest, observer);
    this.#descriptions.set(vertex.digest, description);
  }

  /** What is known of it already does not count. */
  ignoreCache(vertex: Vertex): void {
    this.#fresh.add(vertex.digest);
  }

  ignoresCache({ digest }: Vertex): boolean {
    return this.options.noCache || this.#fresh.has(digest);
  }

  observerOf(vertex: Vertex): Observer | undefined {
    return this.#observers.get(vertex.digest);
  }

  /** The instruction that a vertex was made of. */
  descriptionOf(vertex: Vertex): string {
    return this.#descriptions.get(vertex.digest) ?? vertex.operation.kind;
  }

  /** To be called at the end. */
  atEnd(release: () => void): void {
    this.#releases.push(release);
  }

  async end(): Promise<void> {
    for (const release of this.#releases.splice(0)) release();
    await removeTree(this.#directory);
  }
}
