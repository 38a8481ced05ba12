import type { Command } from '../command.ts';
import { filtersQuery } from '../each.ts';
import { flag } from '../flags/spec.ts';
import { confirm } from '../io/confirm.ts';
import { print } from '../io/output.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'Remove networks that no container uses',
  flags: [
    flag('filter', 'list', 'Remove only those that match (until=24h, label=a=b)', { value: 'filter' }),
    flag('f,force', 'bool', 'Do not ask'),
  ],
  least: 0,
  most: 0,
  async run(context, flags) {
    if (!flags.bool('force')) await confirm('This will remove all custom networks not used by at least one container.');
    const engine = await context.engine();
    const answer = await engine.request('POST', '/networks/prune', { query: { filters: filtersQuery(flags.list('filter')) } });
    const { NetworksDeleted: removed } = await answer.json<{ NetworksDeleted: string[] | null }>();
    if (removed !== null && removed.length > 0) print(`Deleted Networks:\n${removed.join('\n')}\n\n`);
    return 0;
  },
};
