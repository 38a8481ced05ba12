/** `stop` and `restart`, which differ in one word. */
import type { Command } from './command.ts';
import { forEach } from './each.ts';
import { containerPath } from './engine-paths.ts';
import { flag } from './flags/spec.ts';

export function stopping(action: 'stop' | 'restart', summary: string): Command {
  return {
    usage: '[OPTIONS] CONTAINER [CONTAINER...]',
    summary,
    flags: [
      flag('s,signal', 'string', 'Signal to send instead of the one set for the container'),
      flag('t,timeout', 'int', 'Seconds to wait before it is killed; -1 for ever'),
      flag('time', 'int', 'Seconds to wait before it is killed', { hidden: true, aliasOf: 'timeout' }),
    ],
    least: 1,
    async run(context, flags, args) {
      const engine = await context.engine();
      const query = { signal: flags.string('signal'), t: flags.changed('timeout') ? flags.number('timeout') : undefined };
      return forEach(args, async (name) => {
        await (await engine.request('POST', containerPath(name, `/${action}`), { query })).text();
      });
    },
  };
}
