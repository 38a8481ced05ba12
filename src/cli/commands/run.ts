import type { Command } from '../command.ts';
import { createContainer } from '../create/container.ts';
import { CONTAINER_FLAGS } from '../create/flags.ts';
import { type CreateCall, buildCreate } from '../create/request.ts';
import { containerPath } from '../engine-paths.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags/spec.ts';
import type { Flags } from '../flags/values.ts';
import type { Answer, HttpClient } from '../http/client.ts';
import { isTerminal, printError, printLine } from '../io/output.ts';
import { joinStreams } from '../io/session.ts';
import { startFailure } from '../start-error.ts';

export const command: Command = {
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create and run a new container from an image',
  flags: [
    ...CONTAINER_FLAGS,
    flag('d,detach', 'bool', 'Leave it running in the background and print its id'),
    flag('detach-keys', 'string', 'Keys that leave it running (default ctrl-p,ctrl-q)'),
    flag('sig-proxy', 'bool', 'Pass signals on to it', { initial: true }),
  ],
  least: 1,
  interspersed: false,
  notes: 'Exits with the exit code of the container, or 125 when the engine fails, 126 when the command cannot be run,\n' +
    '127 when there is no such command.',
  async run(context, flags, args, path) {
    const call = await prepare(flags, args, path);
    const engine = await context.engine();
    const { stdin, stdout, stderr } = call.attached;
    const attached = stdin || stdout || stderr;
    // The streams and the wait need connections of their own; they are made while the engine creates the container.
    if (attached) engine.warm(3);
    let id: string;
    try {
      id = await createContainer(engine, flags, call);
    } catch (error) {
      throw startFailure(error, path);
    }
    if (!attached) {
      await start(engine, id, path);
      printLine(id);
      return 0;
    }
    return attendedRun(engine, flags, call, id, path);
  },
};

/** Everything that can be refused before the engine is asked. */
async function prepare(flags: Flags, args: readonly string[], path: string): Promise<CreateCall> {
  const detach = flags.bool('detach');
  const tty = flags.bool('tty');
  try {
    const size = tty && !detach && isTerminal(1) ? (await import('../io/terminal.ts')).terminalSize() : undefined;
    const call = buildCreate(flags, args, detach, size === undefined ? [0, 0] : [size.rows, size.columns]);
    if (tty && call.attached.stdin && !isTerminal(0)) throw new ExitError(1, 'the input device is not a TTY');
    return call;
  } catch (error) {
    throw startFailure(error, path);
  }
}

async function start(engine: HttpClient, id: string, path: string): Promise<void> {
  try {
    await (await engine.request('POST', containerPath(id, '/start'))).text();
  } catch (error) {
    throw startFailure(error, path);
  }
}

/** Streams first, then the start, so that nothing it prints is lost; ends with the container's exit code. */
async function attendedRun(engine: HttpClient, flags: Flags, call: CreateCall, id: string, path: string): Promise<number> {
  const { stdin, stdout, stderr } = call.attached;
  const detachKeys = flags.string('detach-keys');
  const condition = flags.bool('rm') ? 'removed' : 'next-exit';
  const [stream, wait] = await Promise.all([
    engine.hijack(containerPath(id, '/attach'), { query: { stream: true, stdin, stdout, stderr, detachKeys } }),
    engine.request('POST', containerPath(id, '/wait'), { query: { condition } }),
  ]);
  const tty = flags.bool('tty');
  const session = joinStreams(stream, { tty, stdin, output: stdout || stderr, detachKeys });
  session.catch(() => undefined);
  try {
    await start(engine, id, path);
  } catch (error) {
    stream.destroy();
    if (flags.bool('rm')) await wait.text().catch(() => '');
    throw error;
  }
  if (flags.bool('sig-proxy')) await forwardSignals(engine, id);
  if (tty && isTerminal(1)) await followWindow(engine, containerPath(id, '/resize'));
  if ((await session) === 'detached') return 0;
  if (!stdout && !stderr) {
    printLine(id);
    return 0;
  }
  return exitCode(wait);
}

/** Passes our signals on; one that comes when the container is gone changes nothing. */
export async function forwardSignals(engine: HttpClient, id: string): Promise<void> {
  const { proxySignals } = await import('../io/signals.ts');
  proxySignals((signal) => {
    engine.request('POST', containerPath(id, '/kill'), { query: { signal } }).catch(() => undefined);
  });
}

/** Tells the engine the size of our window, now and whenever it changes. */
export async function followWindow(engine: HttpClient, path: string): Promise<void> {
  const { onResize, terminalSize } = await import('../io/terminal.ts');
  const tell = () => {
    const size = terminalSize();
    if (size === undefined || size.rows === 0) return;
    engine.request('POST', path, { query: { h: size.rows, w: size.columns } }).then((answer) => answer.text()).catch(() => undefined);
  };
  onResize(tell);
  tell();
}

/** Reads the answer of a wait. */
export async function exitCode(wait: Answer): Promise<number> {
  const { StatusCode, Error: failure } = await wait.json<{ StatusCode: number; Error?: { Message: string } | null }>();
  if (failure) {
    printError(`caisson: error waiting for container: ${failure.Message}`);
    return 125;
  }
  return StatusCode;
}

