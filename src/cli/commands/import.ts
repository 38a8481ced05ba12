import type { Command } from '../command.ts';
import { splitReference } from '../engine-paths.ts';
import { flag } from '../flags/spec.ts';
import { readDescriptor } from '../io/input.ts';
import { printLine } from '../io/output.ts';
import { showProgress } from '../io/progress.ts';
import { openForReading } from './load.ts';

export const command: Command = {
  usage: '[OPTIONS] FILE|URL|- [REPOSITORY[:TAG]]',
  summary: 'Make an image of a tar archive of a file system',
  flags: [
    flag('c,change', 'list', 'Dockerfile instructions to apply (CMD, ENV, …)'),
    flag('m,message', 'string', 'Message to keep in its history'),
    flag('platform', 'string', 'Platform of the image, such as linux/arm64'),
  ],
  least: 1,
  most: 2,
  async run(context, flags, args) {
    const [source = '', reference = ''] = args;
    const url = /^https?:\/\//.test(source);
    const descriptor = url ? undefined : source === '-' ? 0 : openForReading(source);
    const query = {
      fromSrc: url ? source : '-', ...splitReference(reference), message: flags.string('message'), changes: flags.list('change'),
      platform: flags.string('platform'),
    };
    const engine = await context.engine();
    const stream = descriptor === undefined ? {} : { stream: readDescriptor(descriptor, 256 * 1024) };
    const answer = await engine.request('POST', '/images/create', { query, ...stream });
    printLine(await showProgress(answer.body(), undefined));
    return 0;
  },
};
