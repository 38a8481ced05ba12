import type { Command } from '../command.ts';
import { filtersQuery } from '../each.ts';
import { flag } from '../flags/spec.ts';
import { type Listing, printListing } from '../format/listing.ts';

interface Network {
  readonly Id: string;
  readonly Name: string;
  readonly Driver: string;
  readonly Scope: string;
  readonly Created: string;
  readonly EnableIPv4: boolean;
  readonly EnableIPv6: boolean;
  readonly Internal: boolean;
  readonly Labels: Readonly<Record<string, string>> | null;
}

/** As Go prints a time: `2026-01-02 03:04:05.123 +0000 UTC`. */
const goTime = (text: string) => text.replace('T', ' ').replace('Z', ' +0000 UTC');

const listing = (truncate: boolean): Listing<Network> => ({
  columns: {
    ID: { header: 'NETWORK ID', value: ({ Id }) => (truncate ? Id.slice(0, 12) : Id) },
    Name: { header: 'NAME', value: ({ Name }) => Name },
    Driver: { header: 'DRIVER', value: ({ Driver }) => Driver },
    Scope: { header: 'SCOPE', value: ({ Scope }) => Scope },
    IPv4: { header: 'IPV4', value: ({ EnableIPv4 }) => String(EnableIPv4) },
    IPv6: { header: 'IPV6', value: ({ EnableIPv6 }) => String(EnableIPv6) },
    Internal: { header: 'INTERNAL', value: ({ Internal }) => String(Internal) },
    Labels: { header: 'LABELS', value: ({ Labels }) => Object.entries(Labels ?? {}).map(([key, value]) => `${key}=${value}`).sort().join(',') },
    CreatedAt: { header: 'CREATED AT', value: ({ Created }) => goTime(Created) },
  },
  methods: { Label: ({ Labels }, name) => Labels?.[name] ?? '' },
  table: ['ID', 'Name', 'Driver', 'Scope'],
});

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'List networks',
  flags: [
    flag('f,filter', 'list', 'Show only those that match (driver=bridge, label=a=b)', { value: 'filter' }),
    flag('format', 'string', "'table', 'table TEMPLATE', 'json', or a Go template"),
    flag('no-trunc', 'bool', 'Show whole ids'),
    flag('q,quiet', 'bool', 'Show ids only'),
  ],
  least: 0,
  most: 0,
  async run(context, flags) {
    const engine = await context.engine();
    const answer = await engine.request('GET', '/networks', { query: { filters: filtersQuery(flags.list('filter')) } });
    const sorted = (await answer.json<Network[]>()).toSorted((left, right) => (left.Name < right.Name ? -1 : 1));
    await printListing(listing(!flags.bool('no-trunc')), sorted, { format: flags.string('format'), quiet: flags.bool('quiet') ? 'ID' : undefined });
    return 0;
  },
};
