import type { Command } from '../command.ts';
import { filtersQuery } from '../each.ts';
import { confirmPrune, printPruned, pruneFlags } from '../prune.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'Remove all stopped containers',
  flags: pruneFlags,
  least: 0,
  most: 0,
  async run(context, flags) {
    await confirmPrune(flags, 'This will remove all stopped containers.');
    const engine = await context.engine();
    const answer = await engine.request('POST', '/containers/prune', { query: { filters: filtersQuery(flags.list('filter')) } });
    const { ContainersDeleted: removed, SpaceReclaimed: bytes } =
      await answer.json<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }>();
    printPruned('Deleted Containers', removed, bytes);
    return 0;
  },
};
