/** One build of a client: what it has told, what it has of the client, and how it ends. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { removeTree } from '../../storage/remove.ts';
import { readContextFile } from '../context/dockerfile.ts';
import { ContextTree } from '../context/tree.ts';
import type { BuildClient } from '../solver/session.ts';
import type { ClientSession } from './client-session.ts';
import { syncDirectory, type SyncRequest } from './file-sync.ts';
import type { LocalContexts } from './local-contexts.ts';
import { Progress, type ProgressVertex } from './progress.ts';
import { forwardAgent } from './ssh-agent.ts';

/** Files of the client that have come for one name. */
interface Arriving {
  readonly vertex: ProgressVertex;
  /** What the client knows it as. */
  readonly directory: string;
  readonly excludes: readonly string[];
  readonly followPaths: readonly string[];
}

export class BuildJob implements BuildClient {
  readonly ref: string;
  readonly progress = new Progress();
  readonly session: ClientSession;
  readonly startedAt = Date.now();
  readonly #contexts: LocalContexts;
  readonly #abort = new AbortController();
  readonly #expected = new Map<string, Arriving>();
  /** Of directories that are another session's, by their names. */
  readonly #sessions = new Map<string, ClientSession>();
  readonly #arrived = new Map<string, Promise<ContextTree>>();
  readonly #ends: (() => Promise<void> | void)[] = [];
  readonly #temporaryRoot: string;
  /** Where all that the client sends is already. */
  #uploaded: ContextTree | undefined;

  constructor(ref: string, session: ClientSession, contexts: LocalContexts, temporaryRoot: string) {
    this.ref = ref;
    this.session = session;
    this.#contexts = contexts;
    this.#temporaryRoot = temporaryRoot;
    session.peer.closed.addEventListener('abort', () => this.abort());
  }

  /** Aborted when the client has left, or a step has failed. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  abort(): void {
    this.#abort.abort();
  }

  /** Small files of the client's, by what it knows their directory as: each undefined that is not there. */
  async readFiles(vertex: ProgressVertex, directory: string, paths: readonly string[], temporary: string, status: string): Promise<(string | undefined)[]> {
    if (this.#uploaded === undefined) await this.#sync(vertex, new ContextTree(temporary), status, { name: directory, followPaths: paths });
    const from = this.#uploaded?.path ?? temporary;
    return paths.map((path) => readContextFile(from, path));
  }

  /** What is known of a context before its files are asked for. */
  expect(name: string, arriving: Arriving): void {
    this.#expected.set(name, arriving);
  }

  /** Another session has the directory of this name: bake has one for the files of several builds. */
  useSession(directory: string, session: ClientSession): void {
    this.#sessions.set(directory, session);
  }

  /** The client has sent its files with the request. */
  useUploaded(tree: ContextTree): void {
    this.#uploaded = tree;
    this.#arrived.set('', Promise.resolve(tree));
  }

  context(name: string): Promise<ContextTree> {
    let arrived = this.#arrived.get(name);
    if (arrived === undefined) this.#arrived.set(name, (arrived = this.#receive(name)));
    return arrived;
  }

  secret(id: string): Promise<Uint8Array | undefined> {
    return this.session.secret(id);
  }

  agent(id: string, path: string): Promise<{ close(): void } | undefined> {
    return forwardAgent(this.session, id, path);
  }

  /** A new directory that lives as long as the job. */
  makeDirectory(): string {
    const path = `${this.#temporaryRoot}/${randomUUID()}`;
    mkdirSync(path, { mode: 0o700 });
    this.atEnd(() => removeTree(path));
    return path;
  }

  /** To be called at the end, the last one first. */
  atEnd(action: () => Promise<void> | void): void {
    this.#ends.push(action);
  }

  async end(): Promise<void> {
    this.abort();
    for (const action of this.#ends.splice(0).toReversed()) await action();
    this.progress.close();
  }

  async #receive(name: string): Promise<ContextTree> {
    const { vertex, directory, excludes, followPaths } = this.#expected.get(name)!;
    const { sharedKey } = this.#sessions.get(directory) ?? this.session;
    const key = sharedKey === '' ? randomBytes(16).toString('hex') : sharedKey;
    const kept = this.#contexts.acquire(`${name}\0${key}`);
    this.atEnd(() => kept.release());
    await this.#sync(vertex, kept.tree, `transferring ${name === '' ? 'context' : name}:`, { name: directory, excludes, followPaths });
    return kept.tree;
  }

  async #sync(vertex: ProgressVertex, tree: ContextTree, status: string, request: Omit<SyncRequest, 'onBytes' | 'signal'>): Promise<void> {
    const transfer = vertex.status(status, 'transferring');
    try {
      await syncDirectory(this.#sessions.get(request.name) ?? this.session, tree, { ...request, signal: this.signal, onBytes: (total) => transfer.report(total) });
    } finally {
      transfer.done();
    }
  }
}
