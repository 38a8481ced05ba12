/** `docker exec`: create, start, resize. */
import { closeSync, writeSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { conflict, invalidParameter, isClass, notFound } from '../errors.ts';
import { execFailure } from '../runtime/launch-error.ts';
import { type ExecProcess, LaunchError } from '../runtime/shim.ts';
import type { Container } from './container.ts';
import { ContainerExec } from './container-exec.ts';
import { isAlive } from './container-state.ts';
import type { EngineContext } from './context.ts';
import { parseDetachKeys } from './detach-keys.ts';
import type { ExecConfig } from './docker-types.ts';
import type { StreamSession } from './engine.ts';
import { buildExecRequest, userFiles } from './launch-request.ts';
import { resolveUser } from './spec/user.ts';
import { frameHeader, relay } from './stream-session.ts';

export function createExec(context: EngineContext, container: Container, config: ExecConfig): ContainerExec {
  if (!config.Cmd?.length) throw invalidParameter('No exec command specified');
  requireRunning(container);
  checkUser(context, container, config.User ?? '');
  const exec = new ContainerExec(container.id, config, parseDetachKeys(config.DetachKeys ?? '', 'escape'));
  container.execs.set(exec.id, exec);
  context.execs.set(exec.id, exec);
  context.events.publish('container', `exec_create: ${commandText(config.Cmd)}`, container.id, container.eventAttributes({ execID: exec.id }));
  return exec;
}

/** Throws invalid-parameter for a user that the container's files do not know now; those of the start count. */
function checkUser(context: EngineContext, { record }: Container, user: string): void {
  if (user === '') return;
  try {
    resolveUser(user, record.hostConfig.GroupAdd ?? [], userFiles(context, context.storage.root(record.id, record.topLayer)));
  } catch (error) {
    throw isClass(error, 'system') ? invalidParameter(error.message, { object: user, cause: error }) : error;
  }
}

/** As Docker joins them: a command without arguments keeps the blank. */
const commandText = ([entrypoint = '', ...args]: readonly string[]) => `${entrypoint} ${args.join(' ')}`;

function requireRunning(container: Container): void {
  const { status } = container.state;
  if (status === 'paused') throw conflict(`Container ${container.id} is paused, unpause the container before exec`);
  if (status === 'restarting') throw conflict(`Container ${container.id} is restarting, wait until the container is running`);
  if (!isAlive(container.state)) throw conflict(`container ${container.id} is not running`);
}

export function findExec(context: EngineContext, id: string): ContainerExec {
  const exec = context.execs.get(id);
  if (!exec) throw notFound(`No such exec instance: ${id}`);
  return exec;
}

export interface ExecStart {
  readonly detach: boolean;
  /** The client means to read a terminal; when it does not, its output comes in frames. */
  readonly tty: boolean;
  readonly consoleSize?: [number, number];
}

/**
 * With `detach` runs it and settles when the process runs. Otherwise returns the session that runs it: by then the client has
 * been answered 101, so that a command that cannot run is told in the stream, as Docker does, and by the exit code.
 */
export async function startExec(context: EngineContext, exec: ContainerExec, options: ExecStart): Promise<StreamSession | null> {
  const container = context.registry.get(exec.containerId);
  requireRunning(container);
  if (options.detach) {
    await runExec(context, container, exec, options);
    return null;
  }
  const tty = exec.config.Tty ?? false;
  // Somebody has to look for the detach keys in what is typed, or to frame; else the shim and the client need nobody between them.
  const direct = !tty || (options.tty && !(exec.config.AttachStdin ?? false));
  return {
    tty: tty && options.tty,
    async run(client, takeDescriptor) {
      const descriptor = direct ? takeDescriptor() : undefined;
      if (descriptor === undefined) await runRelayed(context, container, exec, options, client);
      else await runDirect(context, container, exec, options, descriptor);
    },
  };
}

/** The shim serves the client itself; closes `client`. */
async function runDirect(context: EngineContext, container: Container, exec: ContainerExec, options: ExecStart, client: number): Promise<void> {
  try {
    await runExec(context, container, exec, options, client);
  } catch (error) {
    tell(client, failureText(exec, options, error));
  } finally {
    closeSync(client);
  }
}

/** A client that does not take one line, or has gone, is not told. */
function tell(client: number, text: Uint8Array): void {
  try {
    writeSync(client, text);
  } catch {
    // EPIPE, EAGAIN
  }
}

/** Why the command does not run, as it stands in the stream. */
function failureText(exec: ContainerExec, { tty }: ExecStart, error: unknown): Uint8Array {
  const text = Buffer.from(`${error instanceof Error ? error.message : String(error)}\r\n`);
  return exec.config.Tty && tty ? text : Buffer.concat([frameHeader('stdout', text.length), text]);
}

async function runRelayed(context: EngineContext, container: Container, exec: ContainerExec, options: ExecStart, client: Duplex): Promise<void> {
  const tty = exec.config.Tty ?? false;
  let process: ExecProcess;
  try {
    process = await runExec(context, container, exec, options);
  } catch (error) {
    client.end(failureText(exec, options, error));
    return;
  }
  if (process.stream === null) {
    client.end();
    return;
  }
  await relay(client, process.stream, {
    exited: process.exited,
    stdin: exec.config.AttachStdin ?? false,
    detachKeys: tty ? exec.detachKeys : null,
    framed: tty && !options.tty,
    onDetach: () => context.events.publish('container', 'exec_detach', container.id, container.eventAttributes({ execID: exec.id })),
  });
}

/** Runs a created exec once; settles when its process runs. `client` is a descriptor that the shim serves itself. */
export async function runExec(
  context: EngineContext, container: Container, exec: ContainerExec, options: ExecStart, client?: number,
): Promise<ExecProcess> {
  if (exec.state.status === 'exited') throw conflict(`exec command ${exec.id} has already run`);
  if (exec.state.status !== 'created') throw conflict(`exec command ${exec.id} is already running`);
  exec.state = { status: 'starting' };
  const command = commandText(exec.config.Cmd ?? []);
  try {
    if (!container.shim) throw conflict(`container ${container.id} is not running`);
    context.events.publish('container', `exec_start: ${command}`, container.id, container.eventAttributes({ execID: exec.id }));
    const process = await container.shim.exec({
      ...buildExecRequest(context, container, exec, options), ...(client === undefined ? {} : { client }),
    });
    exec.state = { status: 'running', process };
    void process.exited.then((exit) => {
      exec.state = { status: 'exited', exitCode: exit.exitCode, pid: process.pid };
      context.events.publish('container', 'exec_die', container.id, container.eventAttributes({
        execID: exec.id, exitCode: String(exit.exitCode),
      }));
    });
    return process;
  } catch (error) {
    const failure = error instanceof LaunchError ? execFailure(error, exec.config.Cmd?.[0] ?? '') : undefined;
    exec.state = { status: 'exited', exitCode: failure?.exitCode ?? 128, pid: 0 };
    context.events.publish('container', 'exec_die', container.id, container.eventAttributes({
      execID: exec.id, exitCode: String(exec.state.exitCode),
    }));
    throw failure?.error ?? error;
  }
}

/** Resizes its terminal. Throws when it does not run. */
export async function resizeExec(context: EngineContext, exec: ContainerExec, rows: number, columns: number): Promise<void> {
  requireRunning(context.registry.get(exec.containerId));
  if (exec.state.status !== 'running') throw conflict(`exec process ${exec.id} is not started`);
  await exec.state.process.resize(columns, rows);
}
