import type { Command } from '../command.ts';
import { filtersQuery } from '../each.ts';
import { flag } from '../flags/spec.ts';
import { ago, humanSize, localTime } from '../format/quantity.ts';
import { type Listing, printListing } from '../format/listing.ts';
import { portsText, type PublishedPort } from '../format/ports.ts';
import { ellipsis, shortId } from '../format/table.ts';

interface Container {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly ImageID: string;
  readonly Command: string;
  readonly Created: number;
  readonly Ports: readonly PublishedPort[] | null;
  readonly State: string;
  readonly Status: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Mounts?: readonly { readonly Type: string; readonly Name?: string; readonly Source?: string; readonly Driver?: string }[] | null;
  readonly NetworkSettings?: { readonly Networks: Readonly<Record<string, unknown>> | null } | null;
  readonly SizeRw?: number;
  readonly SizeRootFs?: number;
}

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'List containers',
  flags: [
    flag('a,all', 'bool', 'Show stopped ones too'),
    flag('f,filter', 'list', 'Show only those that match (status=exited, label=a=b, name=web)', { value: 'filter' }),
    flag('format', 'string', "'table', 'table TEMPLATE', 'json', or a Go template"),
    flag('n,last', 'int', 'Show the last n created, whatever their state', { initial: -1 }),
    flag('l,latest', 'bool', 'Show the last one created, whatever its state'),
    flag('no-trunc', 'bool', 'Do not shorten anything'),
    flag('q,quiet', 'bool', 'Show ids only'),
    flag('s,size', 'bool', 'Show sizes'),
  ],
  least: 0,
  most: 0,
  async run(context, flags) {
    const format = flags.string('format');
    const size = flags.bool('size') || /\.Size\b/.test(format);
    const limit = flags.bool('latest') ? 1 : flags.number('last');
    const query = { all: flags.bool('all'), limit: limit > 0 ? limit : undefined, size, filters: filtersQuery(flags.list('filter')) };
    const engine = await context.engine();
    const containers = await (await engine.request('GET', '/containers/json', { query })).json<Container[]>();
    await printListing(listing(!flags.bool('no-trunc'), flags.bool('size')), containers, { format, quiet: flags.bool('quiet') ? 'ID' : undefined });
    return 0;
  },
};

function listing(truncate: boolean, size: boolean): Listing<Container> {
  const cut = (text: string, most: number) => (truncate ? ellipsis(text, most) : text);
  return {
    columns: {
      ID: { header: 'CONTAINER ID', value: ({ Id }) => (truncate ? shortId(Id) : Id) },
      Names: { header: 'NAMES', value: ({ Names }) => names(Names, truncate) },
      Image: { header: 'IMAGE', value: ({ Image, ImageID }) => imageName(Image, ImageID, truncate) },
      Command: { header: 'COMMAND', value: (item) => JSON.stringify(cut(item.Command, 20)) },
      CreatedAt: { header: 'CREATED AT', value: ({ Created }) => localTime(Created) },
      RunningFor: { header: 'CREATED', value: ({ Created }) => ago(Created) },
      Ports: { header: 'PORTS', value: ({ Ports }) => portsText(Ports ?? []) },
      State: { header: 'STATE', value: ({ State }) => State },
      Status: { header: 'STATUS', value: ({ Status }) => Status },
      Size: { header: 'SIZE', value: sizeText },
      Labels: { header: 'LABELS', value: ({ Labels }) => Object.entries(Labels ?? {}).map(([key, value]) => `${key}=${value}`).sort().join(',') },
      Mounts: { header: 'MOUNTS', value: ({ Mounts }) => (Mounts ?? []).map((mount) => cut(mount.Name || mount.Source || '', 15)).join(',') },
      LocalVolumes: {
        header: 'LOCAL VOLUMES',
        value: ({ Mounts }) => String((Mounts ?? []).filter((mount) => mount.Driver === 'local').length),
      },
      Networks: { header: 'NETWORKS', value: ({ NetworkSettings }) => Object.keys(NetworkSettings?.Networks ?? {}).sort().join(',') },
    },
    methods: { Label: ({ Labels }, name) => Labels?.[name] ?? '' },
    table: ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names', ...(size ? ['Size'] : [])],
  };
}

/** A container's own name; names that links gave it (`/web/db`) are shown with `--no-trunc` only. */
function names(all: readonly string[], truncate: boolean): string {
  const plain = all.map((name) => name.replace(/^\//, ''));
  return (truncate ? plain.filter((name) => !name.includes('/')) : plain).join(',');
}

/** The reference the container was made from; an id is cut like every id. */
function imageName(image: string, id: string, truncate: boolean): string {
  if (image === '') return '<no image>';
  return truncate && (image === id || image.startsWith('sha256:')) ? shortId(image) : image;
}

function sizeText({ SizeRw = 0, SizeRootFs = 0 }: Container): string {
  const written = humanSize(SizeRw, 3);
  return SizeRootFs > 0 ? `${written} (virtual ${humanSize(SizeRootFs, 3)})` : written;
}
