import type { Command } from '../command.ts';
import { authHeader } from '../credentials/config-file.ts';
import { filtersQuery } from '../each.ts';
import { flag } from '../flags/spec.ts';
import { type Listing, printListing } from '../format/listing.ts';
import { ellipsis } from '../format/table.ts';

interface Found {
  readonly name: string;
  readonly description: string;
  readonly star_count: number;
  readonly is_official: boolean;
}

export const command: Command = {
  usage: '[OPTIONS] TERM',
  summary: 'Search Docker Hub for images',
  flags: [
    flag('f,filter', 'list', 'Only these (is-official=true, stars=3)'),
    flag('format', 'string', "'table', 'table TEMPLATE', 'json', or a Go template"),
    flag('limit', 'int', 'At most so many', { initial: 25 }),
    flag('no-trunc', 'bool', 'Do not shorten anything'),
  ],
  least: 1,
  most: 1,
  async run(context, flags, args) {
    const term = args[0] as string;
    const query = { term, limit: flags.number('limit'), filters: filtersQuery(flags.list('filter')) };
    const answer = await (await context.engine()).request('GET', '/images/search', { query, headers: authHeader(term) });
    const found = (await answer.json<Found[]>()).toSorted((a, b) => b.star_count - a.star_count);
    await printListing(listing(!flags.bool('no-trunc')), found, { format: flags.string('format'), quiet: undefined });
    return 0;
  },
};

function listing(truncate: boolean): Listing<Found> {
  const description = ({ description }: Found) => description.replaceAll(/\s+/g, ' ').trim();
  return {
    columns: {
      Name: { header: 'NAME', value: ({ name }) => name },
      Description: { header: 'DESCRIPTION', value: (found) => (truncate ? ellipsis(description(found), 45) : description(found)) },
      StarCount: { header: 'STARS', value: ({ star_count: stars }) => String(stars) },
      IsOfficial: { header: 'OFFICIAL', value: ({ is_official: official }) => (official ? '[OK]' : '') },
    },
    table: ['Name', 'Description', 'StarCount', 'IsOfficial'],
  };
}
