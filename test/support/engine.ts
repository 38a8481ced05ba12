/**
 * Starts the engine under test in namespaces of its own over temporary roots: Caisson, or a real dockerd as the judge of
 * whether a test is right.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmdirSync, watch } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { cgroupsBelow } from './cgroups.ts';
import { Client } from './http.ts';
import { busyboxChanges, busyboxRoot } from './image.ts';
import { makeNamespaces, type Namespaces } from './namespaces.ts';
import { bun, checkout } from './paths.ts';
import type { Peer } from './peers.ts';

export type EngineKind = { readonly name: 'caisson' } | { readonly name: 'dockerd'; readonly peer: Peer };

export interface EngineOptions {
  /** More arguments of the daemon. */
  readonly args?: readonly string[];
  /** Shell run in the new namespaces before the daemon starts, `$scratch` being the directory of all roots. */
  readonly prepare?: string;
  /** Share another engine's namespaces. */
  readonly beside?: RunningEngine;
  readonly env?: Readonly<Record<string, string>>;
  /** A dockerd with its bridge and its packet filter, as people run it; the tests do without. */
  readonly bridge?: boolean;
}

/** Caisson as users start it; `CAISSON=source` takes the sources without compiling them, any other value is an executable. */
export function caissonCommand(): string[] {
  const named = process.env.CAISSON ?? '';
  if (named === 'source') return [bun, path.join(checkout, 'src/cli/main.ts')];
  return [named === '' ? path.join(checkout, 'caisson') : named];
}

/** A dockerd leaves its parent; what Caisson leaves has failed a test by now. */
function sweepCgroups(parent: string): void {
  for (const group of cgroupsBelow(parent)) {
    try {
      rmdirSync(group);
    } catch {
      // Something still runs in it: processes are looked for elsewhere.
    }
  }
}

/** Waits for the line `ready`. */
function readiness(descriptor: Readable): Promise<void> {
  let text = '';
  return new Promise((resolve) => {
    descriptor.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('ready\n')) resolve();
    });
  });
}

/** Waits for a file to appear. */
async function appearance(file: string, failed: Promise<never>): Promise<void> {
  const watcher = watch(path.dirname(file));
  try {
    while (!existsSync(file)) await Promise.race([once(watcher, 'change'), failed]);
  } finally {
    watcher.close();
  }
}

export class RunningEngine {
  readonly kind: EngineKind;
  /** Holds everything of this engine; removed at the end. */
  readonly scratch: string;
  readonly socket: string;
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly pidFile: string;
  readonly logFile: string;
  readonly namespaces: Namespaces;
  readonly cgroupParent: string;
  readonly #options: EngineOptions;
  #daemon: ChildProcess | undefined;

  private constructor(kind: EngineKind, scratch: string, namespaces: Namespaces, options: EngineOptions) {
    this.kind = kind;
    this.scratch = scratch;
    this.namespaces = namespaces;
    this.#options = options;
    this.socket = path.join(scratch, 'engine.sock');
    this.dataRoot = path.join(scratch, 'data');
    this.execRoot = path.join(scratch, 'exec');
    this.pidFile = path.join(scratch, 'engine.pid');
    this.logFile = path.join(scratch, 'engine.log');
    this.cgroupParent = `/${kind.name}-test-${path.basename(scratch).replace(/[^\w]/g, '')}`;
  }

  static async start(kind: EngineKind, options: EngineOptions = {}): Promise<RunningEngine> {
    const scratch = mkdtempSync(path.join(tmpdir(), `${kind.name}-`));
    // Remapped containers must be able to pass through.
    chmodSync(scratch, 0o711);
    const namespaces = options.beside?.namespaces ?? (await makeNamespaces(`scratch=${scratch}; ${options.prepare ?? ':'}`));
    const engine = new RunningEngine(kind, scratch, namespaces, options);
    try {
      await engine.startDaemon();
      if (kind.name === 'dockerd') await engine.importBusybox();
      return engine;
    } catch (error) {
      await engine.endDaemon('SIGKILL');
      await engine.discard();
      throw error;
    }
  }

  get pid(): number {
    if (this.#daemon?.pid === undefined) throw new Error('the engine is not running');
    return this.#daemon.pid;
  }

  get isRunning(): boolean {
    return this.#daemon !== undefined;
  }

  get host(): string {
    return `unix://${this.socket}`;
  }

  /** A client with a connection of its own. */
  client(): Client {
    return new Client(this.socket);
  }

  /** The daemon's argument vector over these roots. */
  daemonCommand({ host = this.host } = {}): string[] {
    const roots = ['--data-root', this.dataRoot, '--exec-root', this.execRoot, '--pidfile', this.pidFile, '--host', host];
    roots.push('--cgroup-parent', this.cgroupParent);
    const more = this.#options.args ?? [];
    if (this.kind.name === 'caisson') return [...caissonCommand(), 'daemon', ...roots, ...more];
    const network = this.#options.bridge === true ? [] : ['--iptables=false', '--ip6tables=false', '--bridge=none'];
    const plain = ['--exec-opt', 'native.cgroupdriver=cgroupfs', '--storage-driver', 'overlay2'];
    return [this.kind.peer.dockerd, ...roots, ...network, ...plain, ...more];
  }

  /** Starts the daemon over the same roots, in the same namespaces, and waits until it answers. */
  async startDaemon(): Promise<void> {
    const [command, ...args] = this.namespaces.enter(this.daemonCommand());
    const searchPath = this.kind.name === 'dockerd' ? { PATH: this.kind.peer.searchPath } : {};
    const env = { ...process.env, ...searchPath, CAISSON_READY_FD: '3', CAISSON_TEST_SCRATCH: this.scratch, ...this.#options.env };
    const log = openSync(this.logFile, 'a');
    const daemon = spawn(command as string, args, { stdio: ['ignore', log, log, 'pipe'], env });
    closeSync(log);
    this.#daemon = daemon;
    const failed = once(daemon, 'exit').then(([code, signal]) => {
      if (this.#daemon === daemon) this.#daemon = undefined;
      throw new Error(`the engine ended (${code ?? signal}) before it was ready; its last words:\n${this.lastWords()}`);
    });
    failed.catch(() => undefined);
    if (this.kind.name === 'caisson') await Promise.race([readiness(daemon.stdio[3] as Readable), failed]);
    else await appearance(this.socket, failed);
    await Promise.race([this.#answers(), failed]);
  }

  /** A dockerd binds its socket a moment before it listens on it, and answers when it is ready. */
  async #answers(): Promise<void> {
    const client = this.client();
    for (;;) {
      try {
        await client.json('GET', '/info');
        return client.close();
      } catch (error) {
        if (this.kind.name === 'caisson' || !['ECONNREFUSED', 'ECONNRESET'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      }
    }
  }

  lastWords(): string {
    return readFileSync(this.logFile, 'utf8').split('\n').slice(-25).join('\n');
  }

  async importBusybox(): Promise<void> {
    const query = new URLSearchParams({ fromSrc: '-', repo: 'busybox', tag: 'latest' });
    for (const change of busyboxChanges) query.append('changes', change);
    const client = this.client();
    await client.json('POST', `/images/create?${query}`, busyboxRoot());
    client.close();
  }

  /** Signals the daemon itself, nothing else, and waits for its end. */
  async endDaemon(signal: NodeJS.Signals): Promise<number | null> {
    const daemon = this.#daemon;
    if (daemon === undefined) return null;
    this.#daemon = undefined;
    const exited = once(daemon, 'exit');
    daemon.kill(signal);
    const [code] = await exited;
    return code as number | null;
  }

  /** Ends namespaces and scratch directory, after the daemon. */
  async discard(): Promise<void> {
    sweepCgroups(this.cgroupParent);
    if (this.#options.beside === undefined) await this.namespaces.end();
    await rm(this.scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}
