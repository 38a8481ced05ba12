import type { Command } from '../command.ts';
import { imagePath, splitReference } from '../engine-paths.ts';

export const command: Command = {
  usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  summary: 'Give an image another name',
  flags: [],
  least: 2,
  most: 2,
  async run(context, _flags, args) {
    const [source = '', target = ''] = args;
    const engine = await context.engine();
    await (await engine.request('POST', imagePath(source, '/tag'), { query: { ...splitReference(target) } })).text();
    return 0;
  },
};
