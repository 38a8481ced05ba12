import type { Command } from '../command.ts';
import { forEach } from '../each.ts';
import { containerPath } from '../engine-paths.ts';
import { flag } from '../flags/spec.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Remove containers',
  flags: [
    flag('f,force', 'bool', 'Kill and remove running ones too'),
    flag('l,link', 'bool', 'Remove the link of that name'),
    flag('v,volumes', 'bool', 'Remove their anonymous volumes too'),
  ],
  least: 1,
  async run(context, flags, args) {
    const engine = await context.engine();
    const query = { force: flags.bool('force'), link: flags.bool('link'), v: flags.bool('volumes') };
    return forEach(args, async (name) => {
      await (await engine.request('DELETE', containerPath(name.replace(/^\//, '')), { query })).text();
    });
  },
};
