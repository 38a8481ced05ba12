import type { Command } from '../command.ts';
import { containerPath } from '../engine-paths.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags/spec.ts';
import { isTerminal, writeAll } from '../io/output.ts';
import { writeFile } from '../io/write-file.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER',
  summary: 'Write the files of a container to a tar archive',
  flags: [flag('o,output', 'string', 'Write to this file instead of stdout')],
  least: 1,
  most: 1,
  async run(context, flags, [container = '']) {
    const file = flags.string('output');
    if (file === '' && isTerminal(1)) throw new ExitError(1, 'cowardly refusing to save to a terminal. Use the -o flag or redirect');
    const engine = await context.engine();
    const answer = await engine.request('GET', containerPath(container, '/export'));
    if (file === '') {
      for await (const chunk of answer.body()) await writeAll(1, chunk);
    } else await writeFile(file, answer.body());
    return 0;
  },
};
