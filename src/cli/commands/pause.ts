import type { Command } from '../command.ts';
import { forEach } from '../each.ts';
import { containerPath } from '../engine-paths.ts';

export const command: Command = {
  usage: 'CONTAINER [CONTAINER...]',
  summary: 'Freeze all processes of containers',
  flags: [],
  least: 1,
  async run(context, _flags, args) {
    const engine = await context.engine();
    return forEach(args, async (name) => {
      await (await engine.request('POST', containerPath(name, '/pause'))).text();
    });
  },
};
