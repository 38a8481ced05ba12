import type { Command } from '../command.ts';
import { filtersQuery } from '../each.ts';
import { flag } from '../flags/spec.ts';
import { type Listing, printListing } from '../format/listing.ts';

interface Volume {
  readonly Name: string;
  readonly Driver: string;
  readonly Mountpoint: string;
  readonly Scope: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

const LISTING: Listing<Volume> = {
  columns: {
    Name: { header: 'VOLUME NAME', value: ({ Name }) => Name },
    Driver: { header: 'DRIVER', value: ({ Driver }) => Driver },
    Scope: { header: 'SCOPE', value: ({ Scope }) => Scope },
    Mountpoint: { header: 'MOUNTPOINT', value: ({ Mountpoint }) => Mountpoint },
    Labels: { header: 'LABELS', value: ({ Labels }) => Object.entries(Labels ?? {}).map(([key, value]) => `${key}=${value}`).sort().join(',') },
  },
  methods: { Label: ({ Labels }, name) => Labels?.[name] ?? '' },
  table: ['Driver', 'Name'],
};

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'List volumes',
  flags: [
    flag('f,filter', 'list', 'Show only those that match (dangling=true, label=a=b)', { value: 'filter' }),
    flag('format', 'string', "'table', 'table TEMPLATE', 'json', or a Go template"),
    flag('q,quiet', 'bool', 'Show names only'),
  ],
  least: 0,
  most: 0,
  async run(context, flags) {
    const engine = await context.engine();
    const answer = await engine.request('GET', '/volumes', { query: { filters: filtersQuery(flags.list('filter')) } });
    const { Volumes: volumes } = await answer.json<{ Volumes: Volume[] | null }>();
    const sorted = [...(volumes ?? [])].sort((left, right) => (left.Name < right.Name ? -1 : 1));
    await printListing(LISTING, sorted, { format: flags.string('format'), quiet: flags.bool('quiet') ? 'Name' : undefined });
    return 0;
  },
};
