import type { Command } from '../command.ts';
import { toMap } from '../create/key-values.ts';
import { flag } from '../flags/spec.ts';
import { printLine } from '../io/output.ts';

export const command: Command = {
  usage: '[OPTIONS] [VOLUME]',
  summary: 'Create a volume',
  flags: [
    flag('d,driver', 'string', 'Driver that keeps it', { initial: 'local' }),
    flag('label', 'list', 'Labels (KEY=VALUE)'),
    flag('o,opt', 'list', 'Options of the driver', { value: 'map' }),
  ],
  least: 0,
  most: 1,
  async run(context, flags, args) {
    const json = { Name: args[0] ?? '', Driver: flags.string('driver'), DriverOpts: toMap(flags.list('opt')), Labels: toMap(flags.list('label')) };
    const engine = await context.engine();
    printLine((await (await engine.request('POST', '/volumes/create', { json })).json<{ Name: string }>()).Name);
    return 0;
  },
};
