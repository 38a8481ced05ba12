import type { Command } from '../command.ts';
import type { Context } from '../context.ts';
import { describeError } from '../context.ts';
import { forEach } from '../each.ts';
import { containerPath } from '../engine-paths.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags/spec.ts';
import type { Flags } from '../flags/values.ts';
import { isTerminal } from '../io/output.ts';
import { joinStreams } from '../io/session.ts';
import { startErrorCode } from '../start-error.ts';
import { exitCode, followWindow, forwardSignals } from './run.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Start stopped containers',
  flags: [
    flag('a,attach', 'bool', 'Show its output and pass signals on to it'),
    flag('detach-keys', 'string', 'Keys that leave it running (default ctrl-p,ctrl-q)'),
    flag('i,interactive', 'bool', 'Give it our stdin'),
    flag('sig-proxy', 'bool', 'Pass signals on to it', { initial: true, hidden: true }),
  ],
  least: 1,
  async run(context, flags, args) {
    if (flags.bool('attach') || flags.bool('interactive')) return attendedStart(context, flags, args);
    const engine = await context.engine();
    return forEach(args, async (name) => {
      await (await engine.request('POST', containerPath(name, '/start'))).text();
    });
  },
};

interface Inspected {
  readonly Id: string;
  readonly Config: { readonly Tty: boolean; readonly OpenStdin: boolean };
  readonly HostConfig: { readonly AutoRemove: boolean };
}

async function attendedStart(context: Context, flags: Flags, args: readonly string[]): Promise<number> {
  if (args.length > 1) throw new ExitError(1, 'you cannot start and attach multiple containers at once');
  const engine = await context.engine();
  const inspected = await (await engine.request('GET', containerPath(args[0] as string, '/json'))).json<Inspected>();
  const { Id: id, Config: config } = inspected;
  const stdin = flags.bool('interactive') && config.OpenStdin;
  const detachKeys = flags.string('detach-keys');
  const condition = inspected.HostConfig.AutoRemove ? 'removed' : 'next-exit';
  const [stream, wait] = await Promise.all([
    engine.hijack(containerPath(id, '/attach'), { query: { stream: true, stdin, stdout: true, stderr: true, detachKeys } }),
    engine.request('POST', containerPath(id, '/wait'), { query: { condition } }),
  ]);
  const session = joinStreams(stream, { tty: config.Tty, stdin, output: true, detachKeys });
  session.catch(() => undefined);
  try {
    await (await engine.request('POST', containerPath(id, '/start'))).text();
  } catch (error) {
    stream.destroy();
    const message = describeError(error);
    throw new ExitError(startErrorCode(message) === 125 ? 1 : startErrorCode(message), message);
  }
  if (flags.bool('sig-proxy')) await forwardSignals(engine, id);
  if (config.Tty && isTerminal(1)) await followWindow(engine, containerPath(id, '/resize'));
  return (await session) === 'detached' ? 0 : exitCode(wait);
}
