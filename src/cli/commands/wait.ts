import type { Command } from '../command.ts';
import { forEach } from '../each.ts';
import { containerPath } from '../engine-paths.ts';
import { EngineError } from '../errors.ts';

export const command: Command = {
  usage: 'CONTAINER [CONTAINER...]',
  summary: 'Wait until containers stop, and print their exit codes',
  flags: [],
  least: 1,
  async run(context, _flags, args) {
    const engine = await context.engine();
    return forEach(args, async (name) => {
      const answer = await engine.request('POST', containerPath(name, '/wait'));
      const { StatusCode, Error: failure } = await answer.json<{ StatusCode: number; Error?: { Message: string } | null }>();
      if (failure) throw new EngineError(0, failure.Message);
      return `${StatusCode}\n`;
    });
  },
};
