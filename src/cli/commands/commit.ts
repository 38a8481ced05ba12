import type { Command } from '../command.ts';
import { splitReference } from '../engine-paths.ts';
import { flag } from '../flags/spec.ts';
import { printLine } from '../io/output.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  summary: "Make an image of a container's changes",
  flags: [
    flag('a,author', 'string', 'Author to keep in the image'),
    flag('c,change', 'list', 'Dockerfile instructions to apply (CMD, ENV, …)'),
    flag('m,message', 'string', 'Message to keep in its history'),
    flag('p,pause', 'bool', 'Freeze the container meanwhile', { initial: true }),
  ],
  least: 1,
  most: 2,
  async run(context, flags, args) {
    const [container = '', reference = ''] = args;
    const query = {
      container, ...splitReference(reference), author: flags.string('author'), comment: flags.string('message'),
      changes: flags.list('change'), pause: flags.bool('pause') ? undefined : '0',
    };
    const engine = await context.engine();
    const answer = await engine.request('POST', '/commit', { query });
    printLine((await answer.json<{ Id: string }>()).Id);
    return 0;
  },
};
