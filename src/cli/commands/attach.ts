import type { Command } from '../command.ts';
import { containerPath } from '../engine-paths.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags/spec.ts';
import { isTerminal, printError } from '../io/output.ts';
import { joinStreams } from '../io/session.ts';
import { exitCode, followWindow, forwardSignals } from './run.ts';

interface Inspected {
  readonly Id: string;
  readonly Config: { readonly Tty: boolean; readonly OpenStdin: boolean };
  readonly State: { readonly Running: boolean; readonly Paused: boolean; readonly Restarting: boolean };
}

export const command: Command = {
  usage: '[OPTIONS] CONTAINER',
  summary: 'Join your terminal to a running container',
  flags: [
    flag('detach-keys', 'string', 'Keys that leave it running (default ctrl-p,ctrl-q)'),
    flag('no-stdin', 'bool', 'Do not give it our stdin'),
    flag('sig-proxy', 'bool', 'Pass signals on to it', { initial: true }),
  ],
  least: 1,
  most: 1,
  async run(context, flags, args) {
    const engine = await context.engine();
    const { Id: id, Config: config, State: state } =
      await (await engine.request('GET', containerPath(args[0] as string, '/json'))).json<Inspected>();
    if (!state.Running) throw new ExitError(1, 'cannot attach to a stopped container, start it first');
    if (state.Paused) throw new ExitError(1, 'cannot attach to a paused container, unpause it first');
    if (state.Restarting) throw new ExitError(1, 'cannot attach to a restarting container, wait until it is running');
    const stdin = !flags.bool('no-stdin') && config.OpenStdin;
    if (stdin && config.Tty && !isTerminal(0)) throw new ExitError(1, 'the input device is not a TTY');
    const detachKeys = flags.string('detach-keys');
    const [stream, wait] = await Promise.all([
      engine.hijack(containerPath(id, '/attach'), { query: { stream: true, stdin, stdout: true, stderr: true, detachKeys } }),
      engine.request('POST', containerPath(id, '/wait')),
    ]);
    if (flags.bool('sig-proxy')) await forwardSignals(engine, id);
    const session = joinStreams(stream, { tty: config.Tty, stdin, output: true, detachKeys });
    if (config.Tty && isTerminal(1)) await followWindow(engine, containerPath(id, '/resize'));
    if ((await session) === 'ended') return exitCode(wait);
    printError('read escape sequence');
    return 1;
  },
};
