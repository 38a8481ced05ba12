import type { Command } from '../command.ts';
import { filtersQuery } from '../each.ts';
import { flag } from '../flags/spec.ts';
import { confirmPrune, printPruned, pruneFlags } from '../prune.ts';

interface Report {
  readonly ImagesDeleted: readonly { readonly Untagged?: string; readonly Deleted?: string }[] | null;
  readonly SpaceReclaimed: number;
}

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'Remove images that have no name, or are not used',
  flags: [
    flag('a,all', 'bool', 'Remove all images that no container uses'),
    ...pruneFlags,
  ],
  least: 0,
  most: 0,
  async run(context, flags) {
    const all = flags.bool('all');
    await confirmPrune(flags, all ? 'This will remove all images without at least one container associated to them.' : 'This will remove all dangling images.');
    const filters = filtersQuery([...flags.list('filter'), `dangling=${!all}`]);
    const engine = await context.engine();
    const report = await (await engine.request('POST', '/images/prune', { query: { filters } })).json<Report>();
    const lines = (report.ImagesDeleted ?? []).map(({ Untagged, Deleted }) =>
      Deleted === undefined ? `untagged: ${Untagged}` : `deleted: ${Deleted}`);
    printPruned('Deleted Images', lines, report.SpaceReclaimed);
    return 0;
  },
};
