/** The figures, each measured the same way on every engine. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { engineProcesses, proportionalSetSize } from '../test/support/processes.ts';
import { Client } from '../test/support/http.ts';
import type { RunningEngine } from '../test/support/engine.ts';
import { timed } from './statistics.ts';

const run = promisify(execFile);

/** How often, how many: `--quick` takes fewer. */
export interface Effort {
  readonly rounds: number;
  readonly commands: number;
  readonly burst: number;
  readonly crowd: number;
}

interface Created {
  readonly Id: string;
}

const container = (command: readonly string[]) => ({ Image: 'busybox', Cmd: command, HostConfig: { NetworkMode: 'none' } });
const SLEEP = ['sleep', '1000'];

/** The calls of one short container's life, in order; what each takes is the breakdown of a start. */
export const PHASES = ['create', 'start', 'wait', 'remove'] as const;
export type Phase = (typeof PHASES)[number];

/** create + start + wait + remove of `true`: milliseconds of each call in each round. */
export async function lifecycle(engine: RunningEngine, rounds: number): Promise<Record<Phase, number>[]> {
  const client = engine.client();
  const lives: Record<Phase, number>[] = [];
  await timed(rounds, async () => {
    const marks = [performance.now()];
    const mark = () => marks.push(performance.now());
    const { Id } = await client.json<Created>('POST', '/containers/create', container(['true']));
    mark();
    await client.json('POST', `/containers/${Id}/start`);
    mark();
    await client.json('POST', `/containers/${Id}/wait`);
    mark();
    await client.json('DELETE', `/containers/${Id}`);
    mark();
    const span = (at: number) => (marks[at + 1] ?? NaN) - (marks[at] ?? NaN);
    lives.push({ create: span(0), start: span(1), wait: span(2), remove: span(3) });
  });
  client.close();
  return lives.slice(1);
}

/** A command line as a user types it, from its start to its end. */
export async function commandLine(argv: readonly string[], env: Readonly<Record<string, string>>, rounds: number): Promise<number[]> {
  const [command, ...args] = argv;
  return timed(rounds, async () => {
    await run(command as string, args, { env: { ...process.env, ...env } });
  });
}

async function started(client: Client, command: readonly string[]): Promise<string> {
  const { Id } = await client.json<Created>('POST', '/containers/create', container(command));
  await client.json('POST', `/containers/${Id}/start`);
  return Id;
}

/** exec of `true`: create, start attached until the stream ends, inspect for the exit code. */
export async function exec(engine: RunningEngine, rounds: number): Promise<number[]> {
  const client = engine.client();
  const id = await started(client, SLEEP);
  const times = await timed(rounds, async () => {
    const created = await client.json<Created>('POST', `/containers/${id}/exec`, { Cmd: ['true'], AttachStdout: true, AttachStderr: true });
    const stream = await Client.hijack(engine.socket, `/exec/${created.Id}/start`, { Detach: false, Tty: false });
    await stream.all();
    stream.socket.destroy();
    const { Running, ExitCode } = await client.json(`GET`, `/exec/${created.Id}/json`);
    if (Running === true || ExitCode !== 0) throw new Error(`exec of true: running ${Running}, exit code ${ExitCode}`);
  });
  await client.json('DELETE', `/containers/${id}?force=1`);
  client.close();
  return times;
}

/** `count` containers created and started all at once, then removed all at once: milliseconds of both. */
export async function burst(engine: RunningEngine, count: number): Promise<{ start: number; remove: number }> {
  const clients = Array.from({ length: count }, () => engine.client());
  await Promise.all(clients.map((client) => client.request('GET', '/_ping')));
  const before = performance.now();
  const ids = await Promise.all(clients.map((client) => started(client, SLEEP)));
  const between = performance.now();
  await Promise.all(clients.map((client, index) => client.json('DELETE', `/containers/${ids[index]}?force=1`)));
  const after = performance.now();
  for (const client of clients) client.close();
  return { start: between - before, remove: after - between };
}

/** Engines give back what a burst of work took once they are left alone; each has this long, in milliseconds. */
const SETTLE = 3000;

/** Bytes (PSS) of the engine's processes idle, and more of them for each running container. */
export async function memory(engine: RunningEngine, crowd: number): Promise<{ idle: number; perContainer: number }> {
  const total = () => engineProcesses(engine.namespaces).reduce((sum, pid) => sum + proportionalSetSize(pid), 0);
  const client = engine.client();
  await Bun.sleep(SETTLE);
  const idle = total();
  const ids: string[] = [];
  for (let index = 0; index < crowd; index++) ids.push(await started(client, SLEEP));
  await Bun.sleep(SETTLE);
  const crowded = total();
  for (const id of ids) await client.json('DELETE', `/containers/${id}?force=1`);
  client.close();
  return { idle, perContainer: (crowded - idle) / crowd };
}
