import type { Command } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags/spec.ts';
import { isTerminal, writeAll } from '../io/output.ts';
import { writeFile } from '../io/write-file.ts';
import { platformJson } from './load.ts';

export const command: Command = {
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  summary: 'Write images to an archive',
  flags: [
    flag('o,output', 'string', 'Write to this file instead of stdout'),
    flag('platform', 'string', 'Save this platform only'),
  ],
  least: 1,
  async run(context, flags, args) {
    const file = flags.string('output');
    if (file === '' && isTerminal(1)) throw new ExitError(1, 'cowardly refusing to save to a terminal. Use the -o flag or redirect');
    const engine = await context.engine();
    const query = { names: args, platform: platformJson(flags.string('platform')) };
    const answer = await engine.request('GET', '/images/get', { query });
    if (file === '') {
      for await (const chunk of answer.body()) await writeAll(1, chunk);
    } else await writeFile(file, answer.body());
    return 0;
  },
};
