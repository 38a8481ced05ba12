import type { Command } from '../command.ts';
import { containerPath } from '../engine-paths.ts';
import { ExitError } from '../errors.ts';

export const command: Command = {
  usage: 'CONTAINER NEW_NAME',
  summary: 'Give a container another name',
  flags: [],
  least: 2,
  most: 2,
  async run(context, _flags, args) {
    const [container = '', name = ''] = args.map((argument) => argument.trim());
    if (container === '' || name === '') throw new ExitError(1, 'Error: Neither old nor new names may be empty');
    const engine = await context.engine();
    await (await engine.request('POST', containerPath(container, '/rename'), { query: { name } })).text();
    return 0;
  },
};
