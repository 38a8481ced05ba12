import type { Command } from '../command.ts';
import { containerPath } from '../engine-paths.ts';
import { table } from '../format/table.ts';
import { print } from '../io/output.ts';

export const command: Command = {
  usage: 'CONTAINER [ps OPTIONS]',
  summary: 'Show the processes of a container',
  flags: [],
  least: 1,
  interspersed: false,
  async run(context, _flags, args) {
    const [name = '', ...options] = args;
    const engine = await context.engine();
    const answer = await engine.request('GET', containerPath(name, '/top'), { query: { ps_args: options.join(' ') } });
    const { Titles, Processes } = await answer.json<{ Titles: string[]; Processes: string[][] | null }>();
    print(table([Titles, ...(Processes ?? [])], 20));
    return 0;
  },
};
