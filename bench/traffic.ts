/** Builds and runs traffic.c in network namespaces. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A prefix of an argument vector: who runs what comes behind it. */
export type Place = readonly string[];

export class Traffic {
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'caisson-traffic-'));
  readonly #ends: (() => Promise<void>)[] = [];

  /** Needs a C compiler. */
  constructor() {
    execFileSync('cc', ['-O2', '-Wall', '-static', '-o', this.#program, path.join(import.meta.dirname, 'traffic.c')], { stdio: 'inherit' });
  }

  get #program(): string {
    return path.join(this.#directory, 'traffic');
  }

  /** Takes connections at a port until the end. */
  async serve(place: Place, port: number): Promise<void> {
    const server = this.#start(place, ['serve', String(port)]);
    const exited = once(server, 'exit');
    this.#ends.push(async () => {
      server.kill('SIGKILL');
      await exited;
    });
    await Promise.race([once(server.stdout, 'data'), exited.then(() => Promise.reject(new Error('the server has ended')))]);
  }

  /** Megabytes a second, over TCP. */
  send(place: Place, address: string, port: number, milliseconds: number): Promise<number> {
    return this.#run(place, 'send', address, String(port), String(milliseconds)).then(([rate = NaN]) => rate);
  }

  /** Answers a second, and the milliseconds within which 99 of 100 come, `window` queries being asked at a time. */
  ask(place: Place, address: string, name: string, count: number, window: number): Promise<{ rate: number; p99: number }> {
    return this.#run(place, 'ask', address, name, String(count), String(window)).then(([rate = NaN, p99 = NaN]) => ({ rate, p99 }));
  }

  #start(place: Place, words: readonly string[]) {
    const [command = '', ...args] = [...place, this.#program, ...words];
    return spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  async #run(place: Place, ...words: readonly string[]): Promise<number[]> {
    const child = this.#start(place, words);
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    const [code] = await once(child, 'close') as [number | null];
    if (code !== 0) throw new Error(`traffic ${words[0]} ended with ${code ?? 'a signal'}`);
    return said.trim().split(' ').map(Number);
  }

  async end(): Promise<void> {
    for (const each of this.#ends) await each();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
