import type { Command } from '../command.ts';
import { forEach } from '../each.ts';
import { containerPath } from '../engine-paths.ts';
import { flag } from '../flags/spec.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Send a signal to containers',
  flags: [flag('s,signal', 'string', 'Signal to send instead of KILL')],
  least: 1,
  async run(context, flags, args) {
    const engine = await context.engine();
    const query = { signal: flags.string('signal') };
    return forEach(args, async (name) => {
      await (await engine.request('POST', containerPath(name, '/kill'), { query })).text();
    });
  },
};
