/** The engine that a file of tests runs against, with the ways to drive it. */
import { afterAll, beforeAll, expect, setDefaultTimeout } from 'bun:test';
import path from 'node:path';
import { run, type CommandOptions, type Result } from './command.ts';
import { dockerCommand } from './docker-command.ts';
import { RunningEngine, type EngineOptions } from './engine.ts';
import { Client } from './http.ts';
import { leftovers } from './leftovers.ts';
import { TEST_PATIENCE } from './patience.ts';
import { engineUnderTest, missing, requires, type Requirement, type TestFunction } from './requirements.ts';
import { TerminalSession } from './terminal.ts';

setDefaultTimeout(TEST_PATIENCE);

export class Subject {
  readonly #options: EngineOptions;
  /** Without these it is not started. */
  readonly needs: readonly Requirement[];
  #engine: RunningEngine | undefined;
  #client: Client | undefined;
  /** Ends what runs beside the engine, in its namespaces. */
  readonly companions: (() => Promise<void>)[] = [];

  constructor(options: EngineOptions, needs: readonly Requirement[]) {
    this.#options = options;
    this.needs = needs;
  }

  async start(): Promise<void> {
    const kind = engineUnderTest();
    if (kind === undefined) throw new Error('no engine to test');
    this.#engine = await RunningEngine.start(kind, this.#options);
    this.#client = this.#engine.client();
  }

  get engine(): RunningEngine {
    if (this.#engine === undefined) throw new Error('the engine has not been started');
    return this.#engine;
  }

  get isDockerd(): boolean {
    return this.engine.kind.name === 'dockerd';
  }

  /** Raw HTTP on a connection that is kept. */
  get api(): Client {
    if (this.#client === undefined) throw new Error('the engine has not been started');
    return this.#client;
  }

  /** What the docker command finds the engine by, without anything of the user's own configuration. */
  get environment(): Record<string, string> {
    const home = path.join(this.engine.scratch, 'home');
    return { DOCKER_HOST: this.engine.host, DOCKER_CONFIG: home, HOME: home };
  }

  /** The docker command, to its end; options come last. */
  docker(...words: readonly (string | CommandOptions)[]): Promise<Result> {
    const last = words.at(-1);
    const options = typeof last === 'object' ? last : {};
    const args = words.filter((word) => typeof word === 'string');
    return run([dockerCommand() as string, ...args], { ...options, env: { ...this.environment, ...options.env } });
  }

  /** Standard output of a docker command that must succeed, without the newline at its end. */
  async output(...words: readonly (string | CommandOptions)[]): Promise<string> {
    const result = await this.docker(...words);
    if (result.code !== 0) throw new Error(`docker ${words.filter((word) => typeof word === 'string').join(' ')}: ${result.code} ${result.stdout}${result.stderr}`);
    return result.stdout.replace(/\n$/, '');
  }

  /** The docker command on a terminal. */
  terminal(args: readonly string[], size?: { columns: number; rows: number }): TerminalSession {
    return new TerminalSession([dockerCommand() as string, ...args], this.environment, size);
  }

  /** `{{…}}` of inspect. */
  inspect(name: string, template: string): Promise<string> {
    return this.output('inspect', '--format', template, name);
  }

  /** Removes every container, and every network that was made. */
  async clear(): Promise<void> {
    const containers = await this.api.json<{ Id: string }[]>('GET', '/containers/json?all=1');
    await Promise.all(containers.map(({ Id }) => new Client(this.engine.socket).json('DELETE', `/containers/${Id}?force=1&v=1`)));
    await this.api.json('POST', '/networks/prune');
  }

  async endCompanions(): Promise<void> {
    await Promise.all(this.companions.splice(0).map((end) => end()));
  }

  async end(): Promise<void> {
    await this.endCompanions();
    const engine = this.#engine;
    if (engine === undefined) return;
    // A dockerd that ends waits for containers that ignore SIGTERM.
    if (this.isDockerd) await this.clear();
    this.#engine = undefined;
    this.#client?.close();
    await engine.endDaemon('SIGTERM');
    await engine.discard();
  }
}

/** Starts an engine before the tests of this file, and ends it after them. `it` skips when the engine's own needs are not met. */
export function useEngine(options: EngineOptions = {}, ...needs: readonly Requirement[]): { subject: Subject; it: TestFunction; needs: readonly Requirement[] } {
  const all: Requirement[] = ['engine', 'root', 'docker-cli', 'overlay', 'cgroups', ...needs];
  const subject = new Subject(options, all);
  if (missing(...all) === undefined) {
    beforeAll(() => subject.start(), TEST_PATIENCE);
    afterAll(() => subject.end(), TEST_PATIENCE);
  }
  return { subject, it: requires(...all), needs: all };
}

/**
 * The last test of each file: with all containers removed and the daemon stopped, nothing is left of them. A dockerd leaves
 * things, which are not ours to judge.
 */
export function leavesNothingBehind(subject: Subject, ...needs: readonly Requirement[]): void {
  requires(...subject.needs, 'caisson', ...needs)('leaves nothing behind', async () => {
    await subject.clear();
    await subject.endCompanions();
    expect(await subject.engine.endDaemon('SIGTERM')).toBe(0);
    expect(await leftovers(subject.engine)).toEqual([]);
  });
}
