import type { Command } from '../command.ts';
import { filtersQuery } from '../each.ts';
import { flag } from '../flags/spec.ts';
import { humanSize } from '../format/quantity.ts';
import { confirm } from '../io/confirm.ts';
import { print } from '../io/output.ts';

interface Report {
  readonly ImagesDeleted: readonly { readonly Untagged?: string; readonly Deleted?: string }[] | null;
  readonly SpaceReclaimed: number;
}

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'Remove images that have no name, or are not used',
  flags: [
    flag('a,all', 'bool', 'Remove all images that no container uses'),
    flag('filter', 'list', 'Remove only those that match (until=24h, label=a=b)', { value: 'filter' }),
    flag('f,force', 'bool', 'Do not ask'),
  ],
  least: 0,
  most: 0,
  async run(context, flags) {
    const all = flags.bool('all');
    if (!flags.bool('force')) {
      await confirm(all ? 'This will remove all images without at least one container associated to them.' : 'This will remove all dangling images.');
    }
    const filters = filtersQuery([...flags.list('filter'), `dangling=${!all}`]);
    const engine = await context.engine();
    const report = await (await engine.request('POST', '/images/prune', { query: { filters } })).json<Report>();
    const lines = (report.ImagesDeleted ?? []).map(({ Untagged, Deleted }) =>
      Deleted === undefined ? `untagged: ${Untagged}\n` : `deleted: ${Deleted}\n`);
    const list = lines.length === 0 ? '' : `Deleted Images:\n${lines.join('')}\n`;
    print(`${list}Total reclaimed space: ${humanSize(report.SpaceReclaimed)}\n`);
    return 0;
  },
};
