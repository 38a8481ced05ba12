import type { Command } from '../command.ts';
import { filtersQuery } from '../each.ts';
import { flag } from '../flags/spec.ts';
import { humanSize } from '../format/quantity.ts';
import { confirm } from '../io/confirm.ts';
import { print } from '../io/output.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'Remove all stopped containers',
  flags: [
    flag('filter', 'list', 'Remove only those that match (until=24h, label=a=b)', { value: 'filter' }),
    flag('f,force', 'bool', 'Do not ask'),
  ],
  least: 0,
  most: 0,
  async run(context, flags) {
    if (!flags.bool('force')) await confirm('This will remove all stopped containers.');
    const engine = await context.engine();
    const answer = await engine.request('POST', '/containers/prune', { query: { filters: filtersQuery(flags.list('filter')) } });
    const { ContainersDeleted: removed, SpaceReclaimed: bytes } =
      await answer.json<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }>();
    const list = removed === null || removed.length === 0 ? '' : `Deleted Containers:\n${removed.join('\n')}\n\n`;
    print(`${list}Total reclaimed space: ${humanSize(bytes)}\n`);
    return 0;
  },
};
