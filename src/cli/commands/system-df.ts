import type { Command } from '../command.ts';
import { flag } from '../flags/spec.ts';
import { type Listing, printListing } from '../format/listing.ts';
import { humanSize } from '../format/quantity.ts';

interface Usage {
  readonly LayersSize: number;
  readonly Images: readonly { readonly Size: number; readonly SharedSize: number; readonly Containers: number }[] | null;
  readonly Containers: readonly { readonly State: string; readonly SizeRw?: number }[] | null;
  readonly Volumes: readonly { readonly UsageData?: { readonly Size: number; readonly RefCount: number } }[] | null;
}

/** One kind of object. Sizes in bytes. */
interface Kind {
  readonly type: string;
  readonly total: number;
  readonly active: number;
  readonly size: number;
  readonly reclaimable: number;
}

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'Show what images, containers and volumes take on the disk',
  flags: [flag('format', 'string', "'table', 'table TEMPLATE', 'json', or a Go template")],
  least: 0,
  most: 0,
  async run(context, flags) {
    const engine = await context.engine();
    const usage = await (await engine.request('GET', '/system/df')).json<Usage>();
    const kinds = [images(usage), containers(usage), volumes(usage), { type: 'Build Cache', total: 0, active: 0, size: 0, reclaimable: 0 }];
    await printListing(listing, kinds, { format: flags.string('format') });
    return 0;
  },
};

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

/** What only unused images have can be had back. */
function images({ LayersSize: size, Images }: Usage): Kind {
  const active = (Images ?? []).filter(({ Containers }) => Containers > 0);
  const used = sum(active.map(({ Size, SharedSize }) => Size - SharedSize));
  return { type: 'Images', total: Images?.length ?? 0, active: active.length, size, reclaimable: size - used };
}

function containers({ Containers }: Usage): Kind {
  const all = Containers ?? [];
  const idle = all.filter(({ State }) => !['running', 'paused', 'restarting'].includes(State));
  const sizeOf = (list: typeof all) => sum(list.map(({ SizeRw }) => SizeRw ?? 0));
  return { type: 'Containers', total: all.length, active: all.length - idle.length, size: sizeOf(all), reclaimable: sizeOf(idle) };
}

function volumes({ Volumes }: Usage): Kind {
  const all = (Volumes ?? []).map(({ UsageData }) => UsageData ?? { Size: 0, RefCount: 0 });
  const idle = all.filter(({ RefCount }) => RefCount === 0);
  const sizeOf = (list: typeof all) => sum(list.map(({ Size }) => Math.max(0, Size)));
  return { type: 'Local Volumes', total: all.length, active: all.length - idle.length, size: sizeOf(all), reclaimable: sizeOf(idle) };
}

const listing: Listing<Kind> = {
  columns: {
    Type: { header: 'TYPE', value: ({ type }) => type },
    TotalCount: { header: 'TOTAL', value: ({ total }) => String(total) },
    Active: { header: 'ACTIVE', value: ({ active }) => String(active) },
    Size: { header: 'SIZE', value: ({ size }) => humanSize(size) },
    Reclaimable: {
      header: 'RECLAIMABLE',
      value: ({ size, reclaimable }) => humanSize(reclaimable) + (size > 0 ? ` (${Math.floor((reclaimable * 100) / size)}%)` : ''),
    },
  },
  table: ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'],
};
