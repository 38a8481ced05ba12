import type { Command } from '../command.ts';
import { toMap } from '../create/key-values.ts';
import { flag } from '../flags/spec.ts';
import { printLine } from '../io/output.ts';

export const command: Command = {
  usage: '[OPTIONS] SOURCE VOLUME',
  summary: 'Make a new volume with what is in another one',
  notes: 'Data are shared until they are written to, where the file system can (btrfs, xfs). Containers that write into the source are paused meanwhile.',
  flags: [flag('label', 'list', 'Labels (KEY=VALUE), in place of those of the source')],
  least: 2,
  most: 2,
  async run(context, flags, [source = '', name = '']) {
    const labels = flags.list('label');
    const json = { Name: name, ...(labels.length === 0 ? {} : { Labels: toMap(labels) }) };
    const engine = await context.engine();
    printLine((await (await engine.request('POST', `/volumes/${encodeURIComponent(source)}/clone`, { json })).json<{ Name: string }>()).Name);
    return 0;
  },
};
