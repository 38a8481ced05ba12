import type { Command } from '../command.ts';
import { forEach } from '../each.ts';
import { imagePath } from '../engine-paths.ts';
import { EngineError } from '../errors.ts';
import { flag } from '../flags/spec.ts';

interface Removed {
  readonly Untagged?: string;
  readonly Deleted?: string;
}

export const command: Command = {
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  summary: 'Remove images',
  flags: [
    flag('f,force', 'bool', 'Remove it even when containers or other tags use it'),
    flag('no-prune', 'bool', 'Keep parents that have no tag'),
    flag('platform', 'list', 'Remove this platform only', { hidden: true }),
  ],
  least: 1,
  async run(context, flags, args) {
    const engine = await context.engine();
    const force = flags.bool('force');
    return forEach(args, async (name) => {
      try {
        const answer = await engine.request('DELETE', imagePath(name), { query: { force, noprune: flags.bool('no-prune') } });
        const lines = (await answer.json<Removed[]>()).map((item) =>
          item.Deleted === undefined ? `Untagged: ${item.Untagged}\n` : `Deleted: ${item.Deleted}\n`);
        return lines.join('');
      } catch (error) {
        if (force && error instanceof EngineError && error.status === 404) return '';
        throw error;
      }
    });
  },
};
