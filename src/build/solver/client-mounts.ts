/** Mounts of a `RUN` that show what only the client has: secrets and ssh agents. They are there as long as the command runs. */
import { randomUUID } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { notFound } from '../../errors.ts';
import type { MountOperation } from '../graph/vertex.ts';
import type { PreparedMount } from './executor.ts';
import type { BuildClient } from './session.ts';

const secretMode = 0o400;
const agentMode = 0o600;

export class ClientMounts {
  readonly #root: string;
  readonly #client: BuildClient | undefined;
  readonly #releases: (() => void)[];
  readonly #environment: string[] = [];

  /** Whoever has the command run calls `releases` when it has ended. */
  constructor(root: string, client: BuildClient | undefined, releases: (() => void)[]) {
    this.#root = root;
    this.#client = client;
    this.#releases = releases;
  }

  /** `KEY=value` of the mounts so far. */
  get environment(): readonly string[] {
    return this.#environment;
  }

  /** Undefined when nothing is to be mounted. Rejects with not-found for what the client must have and does not. */
  source(mount: MountOperation): Promise<PreparedMount['source'] | undefined> {
    return mount.type === 'ssh' ? this.#agent(mount) : this.#secret(mount);
  }

  async #secret(mount: MountOperation): Promise<PreparedMount['source'] | undefined> {
    const id = mount.id || mount.source || posix.basename(mount.target);
    const data = await this.#client?.secret(id);
    if (data === undefined) {
      if (mount.required) throw notFound(`secret ${id}: not found`, { object: id });
      return undefined;
    }
    if (mount.env !== '') this.#environment.push(`${mount.env}=${Buffer.from(data).toString()}`);
    if (mount.target === '') return undefined;
    const path = `${this.#directory()}/secret`;
    writeFileSync(path, data, { mode: 0o600, flag: 'wx' });
    return shown(path, mount, secretMode);
  }

  async #agent(mount: MountOperation): Promise<PreparedMount['source'] | undefined> {
    if (!this.#environment.some((entry) => entry.startsWith('SSH_AUTH_SOCK='))) this.#environment.push(`SSH_AUTH_SOCK=${mount.target}`);
    const id = mount.id || 'default';
    const path = `${this.#directory()}/agent`;
    const agent = await this.#client?.agent(id, path);
    if (agent === undefined) {
      if (mount.required) throw notFound(`unset ssh forward key ${id}`, { object: id });
      return undefined;
    }
    this.#releases.push(() => agent.close());
    return shown(path, mount, agentMode);
  }

  #directory(): string {
    const path = `${this.#root}/${randomUUID()}`;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    this.#releases.unshift(() => rmSync(path, { recursive: true, force: true }));
    return path;
  }
}

function shown(path: string, { uid, gid, mode }: MountOperation, defaultMode: number): PreparedMount['source'] {
  chownSync(path, uid ?? 0, gid ?? 0);
  chmodSync(path, mode ?? defaultMode);
  return { kind: 'path', path };
}
