/**
 * Gives vertices their trees: inputs first and at once, each vertex once in a build, and never when what it is made of has given a tree
 * before. Builds that need the same thing at the same time wait for one of them.
 */
import { writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { CaissonError } from '../../errors.ts';
import type { Digest, StorageDriver } from '../../storage/driver.ts';
import { lookUp } from '../../storage/lookup.ts';
import { archive } from '../../storage/pack.ts';
import { toByteString } from '../../storage/tar/entry.ts';
import { endOfArchive } from '../../storage/tar/writer.ts';
import type { BuildCacheRow, BuildCacheStore } from '../../store/build-cache.ts';
import { checkOut } from '../git/checkout.ts';
import type { CopyOperation, DirectoryOperation, DownloadOperation, GitOperation, Operation, RunOperation, Vertex } from '../graph/vertex.ts';
import { changesInWords, type KeyParts, keyOf } from './cache-key.ts';
import { contentDigest, type DigestOptions } from './content-digest.ts';
import { type CopiedSource, copyPieces, directoryPieces, excluder } from './copy-layer.ts';
import { download } from './download.ts';
import type { Executor } from './executor.ts';
import { findSources, type SourceTree } from './find-sources.ts';
import type { MountPreparer } from './mounts.ts';
import { directoriesOf, type Result } from './result.ts';
import { BuildCancelled, RunError } from './run-error.ts';
import type { Observer, Session } from './session.ts';

export interface Solved {
  readonly result: Result;
  /** It was known before this build. */
  readonly cached: boolean;
  /** When it was made; milliseconds since 1970. */
  readonly createdAt: number;
  /** `file:…`, `dir:…` or `multi:…` of what was copied, or empty. */
  readonly content: string;
}

/** What would become of a vertex, without making anything. */
export type Probe =
  | { readonly kind: 'known'; readonly result: Result; readonly createdAt: number }
  /** It would be made; why it is not known, in words. */
  | { readonly kind: 'unknown'; readonly why: string };

export interface SolverParts {
  readonly storage: StorageDriver;
  readonly cache: BuildCacheStore;
  readonly executor: Executor;
  readonly mounts: MountPreparer;
  /** Keeps a layer until the function is called. */
  readonly hold: (layer: Digest) => () => void;
}

/** How a vertex is made when nothing is known. */
interface Making {
  readonly parts: KeyParts;
  readonly content: string;
  make(): Promise<Digest | null>;
}

/** What makes a layer on its first input. */
type LayeredOperation = RunOperation | CopyOperation | DirectoryOperation;

const isLayered = (operation: Operation): operation is LayeredOperation => ['run', 'copy', 'directory'].includes(operation.kind);

const silent: Observer = { base: '', started: () => undefined, output: () => undefined, removed: () => undefined };

export class Solver {
  readonly #parts: SolverParts;
  readonly #memory = new WeakMap<Session, Map<Digest, Promise<Solved>>>();
  /** What some build is making right now. */
  readonly #underWay = new Map<Digest, Promise<BuildCacheRow>>();

  constructor(parts: SolverParts) {
    this.#parts = parts;
  }

  /** Rejects with what went wrong, in Docker's words. */
  solve(session: Session, vertex: Vertex): Promise<Solved> {
    let memory = this.#memory.get(session);
    if (memory === undefined) this.#memory.set(session, (memory = new Map()));
    let solved = memory.get(vertex.digest);
    if (solved === undefined) {
      solved = this.#solve(session, vertex);
      memory.set(vertex.digest, solved);
      // Whoever asked hears of it; one that asked for several may have stopped listening.
      solved.catch(() => undefined);
    }
    return solved;
  }

  /** Resolves when nothing is being made for a session any more: after a failure other steps end in their own time. */
  async settled(session: Session): Promise<void> {
    const making: Iterable<Promise<Solved>> = this.#memory.get(session)?.values() ?? [];
    await Promise.allSettled(making);
  }

  async #solve(session: Session, vertex: Vertex): Promise<Solved> {
    const { signal, watcher } = session.options;
    const inputs = await Promise.all(vertex.inputs.map((input) => this.solve(session, input)));
    if (signal.aborted) throw new BuildCancelled();
    watcher?.begins(vertex);
    try {
      const solved = await this.#solveAlone(session, vertex, inputs);
      watcher?.ends(vertex, solved);
      return solved;
    } catch (failure) {
      watcher?.ends(vertex, { cached: false, failure });
      throw failure;
    }
  }

  async #solveAlone(session: Session, vertex: Vertex, inputs: readonly Solved[]): Promise<Solved> {
    const { operation } = vertex;
    const given = (result: Result): Solved => ({ result, cached: true, createdAt: 0, content: '' });
    if (isLayered(operation)) return this.#layer(session, vertex, await this.#making(session, vertex, operation, inputs.map(({ result }) => result)));
    switch (operation.kind) {
      case 'image': return given({ kind: 'layers', topLayer: operation.topLayer });
      case 'context': return given({ kind: 'directory', path: await session.contextDirectory(operation.name) });
      case 'inline': return given({ kind: 'directory', path: inlineDirectory(session, operation.files) });
      case 'git': return given({ kind: 'directory', path: await this.#checkOut(session, operation) });
      case 'download': return given({ kind: 'directory', path: await this.#download(session, operation) });
    }
  }

  /** Says whether a vertex is known. Of what depends on something that is not, nothing can be known. */
  async probe(session: Session, vertex: Vertex): Promise<Probe> {
    const { operation } = vertex;
    if (operation.kind === 'download' || operation.kind === 'git') return { kind: 'unknown', why: 'it has to be downloaded first' };
    if (!isLayered(operation)) return { kind: 'known', result: (await this.solve(session, vertex)).result, createdAt: 0 };
    const inputs = await Promise.all(vertex.inputs.map((input) => this.probe(session, input)));
    const results = inputs.flatMap((input) => (input.kind === 'known' ? [input.result] : []));
    if (inputs[0]?.kind === 'unknown') return { kind: 'unknown', why: 'a step before it runs' };
    if (results.length < inputs.length) return { kind: 'unknown', why: 'the files it needs have to be made first' };
    const { parts } = await this.#making(session, vertex, operation, results);
    const known = session.ignoresCache(vertex) ? undefined : this.#parts.cache.get(keyOf(parts));
    if (known) return { kind: 'known', result: { kind: 'layers', topLayer: known.topLayer as Digest | null }, createdAt: known.createdAt };
    return { kind: 'unknown', why: session.ignoresCache(vertex) ? 'nothing known is to count' : this.#whyNot(session, vertex, parts) };
  }

  #whyNot(session: Session, vertex: Vertex, parts: KeyParts): string {
    const latest = this.#parts.cache.latest(session.descriptionOf(vertex));
    return latest === undefined ? 'it has not been run before' : changesInWords(JSON.parse(latest.parts) as KeyParts, parts);
  }

  async #checkOut(session: Session, operation: GitOperation): Promise<string> {
    const directory = `${session.makeDirectory()}/files`;
    await checkOut(operation, directory, session.makeDirectory(), session.options.signal);
    return directory;
  }

  async #download(session: Session, operation: DownloadOperation): Promise<string> {
    const directory = session.makeDirectory();
    await download(operation, directory, session.options.signal);
    return directory;
  }

  #making(
    session: Session, vertex: Vertex, operation: LayeredOperation, inputs: readonly Result[],
  ): Promise<Making> | Making {
    const base = inputs[0]!;
    if (base.kind !== 'layers') throw new TypeError('a tree is made on layers');
    switch (operation.kind) {
      case 'run': return this.#runMaking(session, vertex, operation, base.topLayer, inputs);
      case 'copy': return this.#copyMaking(session, vertex, operation, base.topLayer, inputs);
      case 'directory': return {
        parts: { kind: 'directory', base: String(base.topLayer), path: operation.path },
        content: '',
        make: () => this.#makeDirectory(operation.path, base),
      };
    }
  }

  /** From the cache, from another build that makes it right now, or made. */
  async #layer(session: Session, vertex: Vertex, making: Making): Promise<Solved> {
    const key = keyOf(making.parts);
    const { cache } = this.#parts;
    if (!session.ignoresCache(vertex)) {
      const known = cache.get(key);
      if (known) {
        cache.used(key, Date.now());
        return this.#solved(session, known, true);
      }
      const other = this.#underWay.get(key);
      if (other !== undefined) {
        const row = await other.catch(() => undefined);
        return row === undefined ? this.#layer(session, vertex, making) : this.#solved(session, row, true);
      }
    }
    const made = this.#make(session, vertex, key, making);
    this.#underWay.set(key, made);
    try {
      return this.#solved(session, await made, false);
    } finally {
      if (this.#underWay.get(key) === made) this.#underWay.delete(key);
    }
  }

  #solved(session: Session, row: BuildCacheRow, cached: boolean): Solved {
    const topLayer = row.topLayer as Digest | null;
    if (topLayer !== null) session.atEnd(this.#parts.hold(topLayer));
    return { result: { kind: 'layers', topLayer }, cached, createdAt: row.createdAt, content: row.content };
  }

  async #make(session: Session, vertex: Vertex, key: Digest, making: Making): Promise<BuildCacheRow> {
    const topLayer = await making.make();
    const now = Date.now();
    const row: BuildCacheRow = {
      key, topLayer, hasTree: true, description: session.descriptionOf(vertex), parts: JSON.stringify(making.parts), content: making.content,
      size: topLayer === null || topLayer === making.parts['base'] ? 0 : (this.#parts.storage.layer(topLayer)?.size ?? 0),
      createdAt: now, usedAt: now, uses: 0,
    };
    this.#parts.cache.put(row);
    return row;
  }

  async #runMaking(session: Session, vertex: Vertex, operation: RunOperation, topLayer: Digest | null, inputs: readonly Result[]): Promise<Making> {
    const { argv, env, cwd, user, volumes, network, mounts } = operation;
    return {
      parts: {
        kind: 'run', base: String(topLayer), command: JSON.stringify(argv), environment: JSON.stringify([...env].sort()), directory: cwd, user,
        volumes: JSON.stringify(volumes), network, ...await this.#mountParts(session, mounts, inputs),
      },
      content: '',
      make: () => this.#run(session, vertex, operation, topLayer, inputs),
    };
  }

  async #run(session: Session, vertex: Vertex, operation: RunOperation, topLayer: Digest | null, inputs: readonly Result[]): Promise<Digest | null> {
    const { executor, mounts } = this.#parts;
    const { options } = session;
    const observer = session.observerOf(vertex) ?? silent;
    const prepared = await mounts.prepare(session, operation.mounts, inputs);
    try {
      const { container, exitCode } = await executor.run({ operation, topLayer, mounts: prepared.mounts, environment: prepared.environment, observer, signal: options.signal });
      const failed = exitCode !== 0;
      const remove = async (): Promise<void> => {
        await executor.remove(container);
        observer.removed(container);
      };
      if (options.signal.aborted) {
        await remove();
        throw new BuildCancelled();
      }
      if (failed) {
        if (options.removeFailedContainers) await remove();
        throw new RunError(operation.argv, exitCode);
      }
      const layer = await executor.commit(container, topLayer);
      if (options.removeContainers) await remove();
      return layer;
    } finally {
      await prepared.release();
    }
  }

  /** A cache's content does not count; what a bind shows does. */
  async #mountParts(session: Session, mounts: RunOperation['mounts'], inputs: readonly Result[]): Promise<KeyParts> {
    const parts: Record<string, string> = {};
    for (const [index, { input, ...options }] of mounts.entries()) {
      const shown = input === undefined ? undefined : inputs[input]!;
      const layers = shown && options.type === 'bind' ? directoriesOf(this.#parts.storage, shown) : [];
      const found = layers.length === 0 ? undefined : lookUp(layers, toByteString(options.source || '/'));
      const known = shown && knownDigests(session, shown);
      parts[`mount ${index}`] = JSON.stringify([options, found ? await contentDigest(found, { owners: true, known }) : '']);
    }
    return parts;
  }

  async #copyMaking(
    session: Session, vertex: Vertex, operation: CopyOperation, topLayer: Digest | null, inputs: readonly Result[],
  ): Promise<Making> {
    const { storage } = this.#parts;
    const sources: CopiedSource[] = [];
    const contents: Record<string, string> = {};
    for (const { input, path } of operation.sources) {
      const result = inputs[input]!;
      const tree = { layers: directoriesOf(storage, result), isContext: vertex.inputs[input]!.operation.kind === 'context', digest: vertex.inputs[input]!.digest };
      const isDownload = path === '';
      for (const source of isDownload ? downloaded(operation, tree) : findSources(operation.instruction, tree, path, operation.parents)) {
        const skip = operation.excludes.length === 0 ? undefined : excluder(operation.excludes);
        const known = knownDigests(session, result);
        const digest = await contentDigest(source.found, { owners: operation.keepOwner, skip, known });
        contents[`source ${input}:${source.path}`] = `${source.found.stat.isDirectory() ? 'dir' : 'file'}:${digest}`;
        sources.push({ ...source, unpackable: !isDownload });
      }
    }
    if (sources.length === 0) throw new CaissonError('invalid-parameter', `${operation.instruction} failed: no source files were specified`);
    if (sources.length > 1 && !operation.destination.endsWith('/')) {
      throw new CaissonError('invalid-parameter',
        `When using ${operation.instruction} with more than one source file, the destination must be a directory and end with a /`);
    }
    const { destination, chown, chmod, keepOwner, link, parents, excludes, unpack } = operation;
    return {
      parts: {
        kind: 'copy', base: String(topLayer), destination, options: JSON.stringify([chown, chmod, keepOwner, link, parents, excludes, unpack]), ...contents,
      },
      content: contentText(Object.values(contents)),
      make: () => this.#copy(operation, topLayer, sources),
    };
  }

  async #copy(operation: CopyOperation, topLayer: Digest | null, sources: readonly CopiedSource[]): Promise<Digest> {
    const { storage } = this.#parts;
    const base = directoriesOf(storage, { kind: 'layers', topLayer });
    const pieces = copyPieces({ operation, base, sources, now: Math.floor(Date.now() / 1000) });
    return (await storage.unpack(topLayer, ended(pieces))).chainId;
  }

  async #makeDirectory(path: string, base: Extract<Result, { kind: 'layers' }>): Promise<Digest | null> {
    const { storage } = this.#parts;
    const pieces = directoryPieces(directoriesOf(storage, base), path, Math.floor(Date.now() / 1000));
    return pieces === undefined ? base.topLayer : (await storage.unpack(base.topLayer, archive(pieces))).chainId;
  }
}

/** What is known of the files of a context since it was received. */
function knownDigests(session: Session, result: Result): DigestOptions['known'] {
  const tree = result.kind === 'directory' ? session.contextAt(result.path) : undefined;
  return tree && ((path, stat) => tree.digestOf(path, stat));
}

async function* ended(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* pieces;
  yield endOfArchive;
}

/** The one file of a download. */
function downloaded(operation: CopyOperation, tree: SourceTree): CopiedSource[] {
  return findSources(operation.instruction, tree, '*').map((source) => ({ ...source, unpackable: false }));
}

/** As Docker writes it into the history, with digests of our own. */
function contentText(contents: readonly string[]): string {
  if (contents.length === 1) return contents[0]!;
  return `multi:${keyOf(Object.fromEntries(contents.map((content, index) => [String(index), content]))).slice('sha256:'.length)}`;
}

function inlineDirectory(session: Session, files: readonly { readonly name: string; readonly text: string }[]): string {
  const directory = session.makeDirectory();
  for (const { name, text } of files) {
    if (name === '' || name.includes('/') || posix.basename(name) !== name || name === '..' || name === '.')
      throw new CaissonError('invalid-parameter', `a here-document cannot be named ${JSON.stringify(name)}: its name is that of a file`);
    writeFileSync(`${directory}/${name}`, text, { flag: 'wx', mode: 0o644 });
  }
  return directory;
}
