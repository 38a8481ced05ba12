import type { Command } from '../command.ts';
import { createContainer } from '../create/container.ts';
import { CONTAINER_FLAGS } from '../create/flags.ts';
import { buildCreate } from '../create/request.ts';
import { printLine } from '../io/output.ts';
import { startFailure } from '../start-error.ts';

export const command: Command = {
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create a container without starting it',
  flags: CONTAINER_FLAGS,
  least: 1,
  interspersed: false,
  async run(context, flags, args, path) {
    try {
      const call = buildCreate(flags, args);
      printLine(await createContainer(await context.engine(), flags, call));
      return 0;
    } catch (error) {
      throw startFailure(error, path);
    }
  },
};
