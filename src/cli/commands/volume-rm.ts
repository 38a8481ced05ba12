import type { Command } from '../command.ts';
import { forEach } from '../each.ts';
import { flag } from '../flags/spec.ts';

export const command: Command = {
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  summary: 'Remove volumes',
  flags: [flag('f,force', 'bool', 'Do not mind when it is gone already')],
  least: 1,
  async run(context, flags, args) {
    const engine = await context.engine();
    return forEach(args, async (name) => {
      await (await engine.request('DELETE', `/volumes/${encodeURIComponent(name)}`, { query: { force: flags.bool('force') } })).text();
    });
  },
};
