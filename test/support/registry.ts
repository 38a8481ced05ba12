/** Registries for an engine under test, inside its network namespace: a real one (Debian's docker-registry) and one that misbehaves. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { run, type Result } from './command.ts';
import { imageConfig, sha256 } from './archives.ts';
import { bun } from './paths.ts';
import type { Subject } from './subject.ts';

/** The engine in whose namespaces a registry is, and what ends with it. */
type Place = Pick<Subject, 'engine' | 'companions' | 'environment'>;

/** A server that says when it listens. */
async function startServer(subject: Place, argv: readonly string[], ready: RegExp): Promise<ChildProcess> {
  const [command, ...args] = subject.engine.namespaces.enter(argv);
  const server = spawn(command as string, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const exited = once(server, 'exit').then(() => {
    throw new Error(`${argv[0]} ended: ${said}`);
  });
  exited.catch(() => undefined);
  const listening = new Promise<void>((resolve) => {
    for (const stream of [server.stdout, server.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-4000);
        if (ready.test(said)) resolve();
      });
    }
  });
  await Promise.race([listening, exited]);
  return server;
}

async function stopServer(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  server.kill('SIGKILL');
  await exited;
}

/** `docker-registry` on a loopback port, over a root of its own. */
export class RealRegistry {
  readonly address: string;
  readonly directory: string;
  readonly #subject: Place;
  #server: ChildProcess | undefined;

  private constructor(subject: Place, address: string, directory: string) {
    this.#subject = subject;
    this.address = address;
    this.directory = directory;
  }

  /** More of its configuration, in YAML: `http` goes below that key, `extra` beside it. */
  static async start(subject: Place, { host = 'localhost', port = 5000, http = '', extra = '' } = {}): Promise<RealRegistry> {
    const directory = mkdtempSync(path.join(tmpdir(), 'registry-'));
    const registry = new RealRegistry(subject, `${host}:${port}`, directory);
    const config = [
      'version: 0.1',
      'log: {level: info}',
      `storage: {filesystem: {rootdirectory: ${directory}/data}, delete: {enabled: true}}`,
      'http:',
      `  addr: ${host === 'localhost' ? '127.0.0.1' : host}:${port}`,
      http,
      extra,
    ];
    writeFileSync(path.join(directory, 'config.yml'), config.join('\n'));
    await registry.serve();
    subject.companions.push(() => registry.end());
    return registry;
  }

  async serve(): Promise<void> {
    this.#server = await startServer(this.#subject, ['docker-registry', 'serve', path.join(this.directory, 'config.yml')], /listening on/);
  }

  async stop(): Promise<void> {
    if (this.#server) await stopServer(this.#server);
  }

  /** Starts it again with nothing in it. */
  async empty(): Promise<void> {
    await this.stop();
    await rm(path.join(this.directory, 'data'), { recursive: true, force: true });
    await this.serve();
  }

  async end(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Copies a docker-archive to it with skopeo. */
  async put(archive: Uint8Array, name: string, ...options: readonly string[]): Promise<void> {
    const file = path.join(this.directory, `${sha256(name)}.tar`);
    writeFileSync(file, archive);
    const result = await skopeo(this.#subject, 'copy', '--dest-tls-verify=false', ...options, `docker-archive:${file}`, `docker://${this.address}/${name}`);
    if (result.code !== 0) throw new Error(`skopeo: ${result.stderr}`);
  }
}

/** A token server for registries that ask for one (token-server.ts), and what of their configuration names it. */
export async function startTokenServer(subject: Subject, port: number): Promise<{ auth: string; requests: () => { method: string; query: [string, string][] }[] }> {
  const directory = mkdtempSync(path.join(tmpdir(), 'token-server-'));
  makeCertificate(directory, 'token', ['/CN=token']);
  const server = await startServer(subject, [bun, path.join(import.meta.dirname, 'token-server.ts'), directory, String(port)], /ready/);
  subject.companions.push(async () => {
    await stopServer(server);
    await rm(directory, { recursive: true, force: true });
  });
  const auth = `auth: {token: {realm: "http://127.0.0.1:${port}/token", service: test-registry, issuer: test, rootcertbundle: ${directory}/token.crt}}`;
  const requests = () => readFileSync(path.join(directory, 'tokens'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { method: string; query: [string, string][] });
  return { auth, requests };
}

/** `NAME.key` and `NAME.crt` below a directory, signed by `by` (its own key when there is none) for these names. */
export function makeCertificate(directory: string, name: string, [subject, alternatives]: readonly [string, string?], by?: string): void {
  const file = (stem: string, kind: string) => path.join(directory, `${stem}.${kind}`);
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  if (by === undefined) {
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', file(name, 'key'), '-out', file(name, 'crt'), '-days', '2', '-subj', subject);
    return;
  }
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', file(name, 'key'), '-out', file(name, 'csr'), '-subj', subject);
  writeFileSync(file(name, 'ext'), alternatives === undefined ? '' : `subjectAltName=${alternatives}\n`);
  openssl('x509', '-req', '-in', file(name, 'csr'), '-CA', file(by, 'crt'), '-CAkey', file(by, 'key'), '-CAcreateserial', '-out', file(name, 'crt'), '-days', '2', '-extfile', file(name, 'ext'));
}

/** skopeo inside the engine's namespaces. */
export function skopeo(subject: Place, ...args: readonly string[]): Promise<Result> {
  return run(subject.engine.namespaces.enter(['skopeo', '--insecure-policy', ...args]), { env: subject.environment });
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

/** The content of a registry that misbehaves by the first part of a repository's name: fake-registry.ts says how. */
export class FakeRegistry {
  readonly address: string;
  readonly directory: string;
  readonly #server: ChildProcess;

  private constructor(address: string, directory: string, server: ChildProcess) {
    this.address = address;
    this.directory = directory;
    this.#server = server;
  }

  static async start(subject: Subject, port = 5001): Promise<FakeRegistry> {
    const directory = mkdtempSync(path.join(tmpdir(), 'fake-registry-'));
    for (const name of ['blobs', 'manifests']) mkdirSync(path.join(directory, name));
    const script = path.join(import.meta.dirname, 'fake-registry.ts');
    const server = await startServer(subject, [bun, script, directory, String(port)], /ready/);
    const registry = new FakeRegistry(`127.0.0.1:${port}`, directory, server);
    subject.companions.push(() => registry.end());
    return registry;
  }

  async end(): Promise<void> {
    await stopServer(this.#server);
    await rm(this.directory, { recursive: true, force: true });
  }

  blob(content: Uint8Array | string, mediaType: string): Descriptor {
    const bytes = Buffer.from(content as Uint8Array);
    writeFileSync(path.join(this.directory, 'blobs', sha256(bytes)), bytes);
    return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
  }

  /** By tag and by digest; `served` is the content type when it is not the document's own. */
  manifest(tag: string, document: object | string, served?: string): Descriptor {
    const text = typeof document === 'string' ? document : JSON.stringify(document);
    for (const name of [tag, sha256(text)]) {
      writeFileSync(path.join(this.directory, 'manifests', name), text);
      if (served !== undefined) writeFileSync(path.join(this.directory, 'manifests', `${name}.type`), served);
    }
    const mediaType = typeof document === 'object' && 'mediaType' in document ? String(document.mediaType) : '';
    return { mediaType, digest: `sha256:${sha256(text)}`, size: Buffer.byteLength(text) };
  }

  /** An image of tars, compressed with gzip unless `pack` says otherwise. */
  image(tag: string, layers: readonly Uint8Array[], more: { config?: object; pack?: (tar: Uint8Array) => Descriptor; manifest?: object } = {}): Descriptor {
    const pack = more.pack ?? ((tar) => this.blob(gzipSync(tar), `${types.layer}+gzip`));
    const config = imageConfig(layers, { comment: tag, ...more.config });
    return this.manifest(tag, { schemaVersion: 2, mediaType: types.manifest, config: this.blob(config, types.config), layers: layers.map(pack), ...more.manifest });
  }

  /** What it was asked for so far. */
  requests(): { method: string; url: string; authorization?: string; range?: string }[] {
    const file = path.join(this.directory, 'log');
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { method: string; url: string });
  }

  closeGate(): void {
    rmSync(path.join(this.directory, 'gate'));
  }

  /** How many answers it could not finish because nobody listened any more. */
  aborted(): number {
    const file = path.join(this.directory, 'aborted');
    return existsSync(file) ? statSync(file).size : 0;
  }

  /** Lets go what `held` repositories hold back. */
  openGate(): void {
    writeFileSync(path.join(this.directory, 'gate'), '');
  }
}
