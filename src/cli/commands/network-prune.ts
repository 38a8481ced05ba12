import type { Command } from '../command.ts';
import { filtersQuery } from '../each.ts';
import { confirmPrune, printPruned, pruneFlags } from '../prune.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'Remove networks that no container uses',
  flags: pruneFlags,
  least: 0,
  most: 0,
  async run(context, flags) {
    await confirmPrune(flags, 'This will remove all custom networks not used by at least one container.');
    const engine = await context.engine();
    const answer = await engine.request('POST', '/networks/prune', { query: { filters: filtersQuery(flags.list('filter')) } });
    const { NetworksDeleted: removed } = await answer.json<{ NetworksDeleted: string[] | null }>();
    printPruned('Deleted Networks', removed);
    return 0;
  },
};
