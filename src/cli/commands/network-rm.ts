import type { Command } from '../command.ts';
import { forEach } from '../each.ts';
import { EngineError } from '../errors.ts';
import { flag } from '../flags/spec.ts';

export const command: Command = {
  usage: '[OPTIONS] NETWORK [NETWORK...]',
  summary: 'Remove networks',
  flags: [flag('f,force', 'bool', 'Do not mind when it is gone already')],
  least: 1,
  async run(context, flags, args) {
    const engine = await context.engine();
    return forEach(args, async (name) => {
      try {
        await (await engine.request('DELETE', `/networks/${encodeURIComponent(name)}`)).text();
        return undefined;
      } catch (error) {
        if (flags.bool('force') && error instanceof EngineError && error.status === 404) return '';
        throw error;
      }
    });
  },
};
