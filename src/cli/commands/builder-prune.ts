import type { Command } from '../command.ts';
import { filtersQuery } from '../each.ts';
import { flag } from '../flags/spec.ts';
import { parseBytes } from '../format/quantity.ts';
import { confirmPrune, printPruned } from '../prune.ts';

interface Report {
  readonly CachesDeleted: readonly string[] | null;
  readonly SpaceReclaimed: number;
}

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'Forget what building has given, and free its layers',
  flags: [
    flag('a,all', 'bool', 'Accepted: everything is removed that the filters leave'),
    flag('filter', 'list', 'Remove only what matches (until=24h)', { value: 'filter' }),
    flag('f,force', 'bool', 'Do not ask'),
    flag('keep-storage', 'string', 'Keep so much of what was used last'),
  ],
  least: 0,
  most: 0,
  async run(context, flags) {
    await confirmPrune(flags, 'This will remove all dangling build cache.');
    const keep = flags.string('keep-storage');
    const query = { all: flags.bool('all'), filters: filtersQuery(flags.list('filter')), 'keep-storage': keep === '' ? undefined : parseBytes(keep) };
    const engine = await context.engine();
    const report = await (await engine.request('POST', '/build/prune', { query })).json<Report>();
    printPruned('Deleted build cache objects', report.CachesDeleted, report.SpaceReclaimed);
    return 0;
  },
};
