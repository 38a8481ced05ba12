import type { Command } from '../command.ts';
import { imagePath } from '../engine-paths.ts';
import { flag } from '../flags/spec.ts';
import { type Listing, printListing } from '../format/listing.ts';
import { ago, humanSize } from '../format/quantity.ts';
import { ellipsis, shortId } from '../format/table.ts';
import { platformJson } from './load.ts';

interface HistoryItem {
  readonly Id: string;
  readonly Created: number;
  readonly CreatedBy: string;
  readonly Tags: readonly string[] | null;
  readonly Size: number;
  readonly Comment: string;
}

export const command: Command = {
  usage: '[OPTIONS] IMAGE',
  summary: 'Show how an image came about',
  flags: [
    flag('format', 'string', "'table', 'table TEMPLATE', 'json', or a Go template"),
    flag('H,human', 'bool', 'Sizes and times for people', { initial: true }),
    flag('no-trunc', 'bool', 'Do not shorten anything'),
    flag('platform', 'string', 'Platform of the image, such as linux/arm64'),
    flag('q,quiet', 'bool', 'Show ids only'),
  ],
  least: 1,
  most: 1,
  async run(context, flags, args) {
    const engine = await context.engine();
    const answer = await engine.request('GET', imagePath(args[0] as string, '/history'), { query: { platform: platformJson(flags.string('platform')) } });
    const options = { format: flags.string('format'), quiet: flags.bool('quiet') ? 'ID' : undefined };
    await printListing(listing(!flags.bool('no-trunc'), flags.bool('human')), await answer.json<HistoryItem[]>(), options);
    return 0;
  },
};

const at = (seconds: number) => new Date(seconds * 1000).toISOString().replace(/\.\d+Z/, 'Z');

function listing(truncate: boolean, human: boolean): Listing<HistoryItem> {
  const cut = (text: string, most: number) => (truncate ? ellipsis(text, most) : text);
  return {
    columns: {
      ID: { header: 'IMAGE', value: ({ Id }) => (truncate && Id !== '<missing>' ? shortId(Id) : Id) },
      CreatedSince: { header: human ? 'CREATED' : 'CREATED AT', value: ({ Created }) => (human ? ago(Created) : at(Created)) },
      CreatedAt: { header: 'CREATED AT', value: ({ Created }) => at(Created) },
      CreatedBy: { header: 'CREATED BY', value: ({ CreatedBy }) => cut(CreatedBy.replaceAll('\t', ' '), 45) },
      Size: { header: 'SIZE', value: ({ Size }) => (human ? humanSize(Size, 3) : String(Size)) },
      Comment: { header: 'COMMENT', value: ({ Comment }) => Comment },
    },
    table: ['ID', 'CreatedSince', 'CreatedBy', 'Size', 'Comment'],
  };
}
