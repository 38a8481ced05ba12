import type { Command } from '../command.ts';
import { authHeader } from '../credentials/config-file.ts';
import { splitReference } from '../engine-paths.ts';
import { flag } from '../flags/spec.ts';
import type { HttpClient } from '../http/client.ts';
import { printLine } from '../io/output.ts';
import { showProgress } from '../io/progress.ts';

export const command: Command = {
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'Fetch an image from a registry',
  flags: [
    flag('a,all-tags', 'bool', 'Fetch every tag of the repository'),
    flag('disable-content-trust', 'bool', 'Accepted and ignored', { hidden: true, initial: true }),
    flag('platform', 'string', 'Platform of the image, such as linux/arm64'),
    flag('q,quiet', 'bool', 'Print the name only'),
  ],
  least: 1,
  most: 1,
  async run(context, flags, args) {
    const image = args[0] as string;
    const options = { platform: flags.string('platform'), quiet: flags.bool('quiet'), descriptor: 1, allTags: flags.bool('all-tags') };
    await pullImage(await context.engine(), image, options);
    printLine(image);
    return 0;
  },
};

export interface PullOptions {
  readonly platform: string;
  readonly quiet: boolean;
  /** Where progress is shown. */
  readonly descriptor: number;
  readonly allTags?: boolean;
}

/** Fetches an image; throws EngineError with the engine's or the registry's message. */
export async function pullImage(engine: HttpClient, image: string, options: PullOptions): Promise<void> {
  const { repo, tag } = splitReference(image);
  const query = { fromImage: repo, tag: options.allTags || repo.includes('@') ? tag : tag || 'latest', platform: options.platform };
  const answer = await engine.request('POST', '/images/create', { query, headers: authHeader(image) });
  await showProgress(answer.body(), options.quiet ? undefined : options.descriptor);
}
