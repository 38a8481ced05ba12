import type { Command } from '../command.ts';
import { authHeader } from '../credentials/config-file.ts';
import { imagePath, splitReference } from '../engine-paths.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags/spec.ts';
import { printLine } from '../io/output.ts';
import { showProgress } from '../io/progress.ts';
import { platformJson } from './load.ts';

export const command: Command = {
  usage: '[OPTIONS] NAME[:TAG]',
  summary: 'Send an image to a registry',
  flags: [
    flag('a,all-tags', 'bool', 'Send every tag of the repository'),
    flag('disable-content-trust', 'bool', 'Accepted and ignored', { hidden: true, initial: true }),
    flag('platform', 'string', 'Platform that the image must be for, such as linux/arm64'),
    flag('q,quiet', 'bool', 'Print the name only'),
  ],
  least: 1,
  most: 1,
  async run(context, flags, args) {
    const image = args[0] as string;
    const all = flags.bool('all-tags');
    const { repo, tag } = splitReference(image);
    if (all && tag !== '') throw new ExitError(1, 'tag can\'t be used with --all-tags/-a');
    if (!all && tag === '') printLine('Using default tag: latest');
    const engine = await context.engine();
    const query = { tag: all ? '' : tag || 'latest', platform: platformJson(flags.string('platform')) };
    const answer = await engine.request('POST', imagePath(repo, '/push'), { query, headers: authHeader(image) });
    await showProgress(answer.body(), flags.bool('quiet') ? undefined : 1);
    if (flags.bool('quiet')) printLine(image);
    return 0;
  },
};
