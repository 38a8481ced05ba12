import type { Command } from '../command.ts';
import { forget, hubAddress, storedName } from '../credentials/config-file.ts';
import { printLine } from '../io/output.ts';

export const command: Command = {
  usage: '[SERVER]',
  summary: 'Forget the credentials of a registry',
  flags: [],
  least: 0,
  most: 1,
  async run(_context, _flags, args) {
    const name = storedName(args[0] ?? '');
    const shown = name === hubAddress ? hubAddress : name;
    printLine(forget(name) ? `Removing login credentials for ${shown}` : `Not logged in to ${shown}`);
    return 0;
  },
};
