import type { Command } from '../command.ts';
import { describeError } from '../context.ts';
import { readEnvironment } from '../create/key-values.ts';
import { containerPath, execPath } from '../engine-paths.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags/spec.ts';
import type { Flags } from '../flags/values.ts';
import type { HttpClient } from '../http/client.ts';
import { isTerminal, printError } from '../io/output.ts';
import { joinStreams } from '../io/session.ts';
import { startErrorCode } from '../start-error.ts';
import { followWindow } from './run.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  summary: 'Run a command in a running container',
  flags: [
    flag('d,detach', 'bool', 'Leave it running in the background'),
    flag('detach-keys', 'string', 'Keys that leave it running (default ctrl-p,ctrl-q)'),
    flag('e,env', 'list', 'Environment variables (NAME=VALUE, or NAME to pass ours on)'),
    flag('env-file', 'list', 'Read environment variables from a file'),
    flag('i,interactive', 'bool', 'Keep stdin open'),
    flag('privileged', 'bool', 'Give the command every privilege'),
    flag('t,tty', 'bool', 'Give it a terminal'),
    flag('u,user', 'string', 'User to run as (NAME|UID[:GROUP|GID])'),
    flag('w,workdir', 'string', 'Working directory'),
  ],
  least: 2,
  interspersed: false,
  async run(context, flags, args) {
    const detach = flags.bool('detach');
    const tty = flags.bool('tty');
    const stdin = !detach && flags.bool('interactive');
    if (stdin && tty && !isTerminal(0)) throw new ExitError(1, 'the input device is not a TTY');
    const size = tty && !detach && isTerminal(1) ? (await import('../io/terminal.ts')).terminalSize() : undefined;
    const consoleSize = size === undefined ? undefined : [size.rows, size.columns];
    const config = execConfig(flags, args.slice(1), stdin, consoleSize);
    const engine = await context.engine();
    try {
      const created = await engine.request('POST', containerPath(args[0] as string, '/exec'), { json: config });
      const { Id: id } = await created.json<{ Id: string }>();
      if (!detach) return await attendedExec(engine, flags, id, stdin, consoleSize);
      await (await engine.request('POST', execPath(id, '/start'), { json: { Detach: true, Tty: tty } })).text();
      return 0;
    } catch (error) {
      if (error instanceof ExitError) throw error;
      const message = describeError(error);
      const code = startErrorCode(message);
      throw new ExitError(code === 125 ? 1 : code, message);
    }
  },
};

function execConfig(flags: Flags, command: readonly string[], stdin: boolean, consoleSize: readonly number[] | undefined): object {
  const environment = readEnvironment(flags.list('env-file'), flags.list('env'));
  const detach = flags.bool('detach');
  return {
    User: flags.string('user'),
    Privileged: flags.bool('privileged'),
    Tty: flags.bool('tty'),
    ...(consoleSize === undefined ? {} : { ConsoleSize: consoleSize }),
    AttachStdin: stdin,
    AttachStderr: !detach,
    AttachStdout: !detach,
    DetachKeys: flags.string('detach-keys'),
    Env: environment.length === 0 ? null : environment,
    WorkingDir: flags.string('workdir'),
    Cmd: command,
  };
}

async function attendedExec(
  engine: HttpClient, flags: Flags, id: string, stdin: boolean, consoleSize: readonly number[] | undefined,
): Promise<number> {
  const tty = flags.bool('tty');
  const start = { Detach: false, Tty: tty, ...(consoleSize === undefined ? {} : { ConsoleSize: consoleSize }) };
  const stream = await engine.hijack(execPath(id, '/start'), { json: start });
  const session = joinStreams(stream, { tty, stdin, output: true, detachKeys: flags.string('detach-keys') });
  if (tty && isTerminal(1)) await followWindow(engine, execPath(id, '/resize'));
  if ((await session) === 'detached') {
    printError('read escape sequence');
    return 1;
  }
  const inspected = await engine.request('GET', execPath(id, '/json'));
  return (await inspected.json<{ ExitCode: number | null }>()).ExitCode ?? 0;
}
