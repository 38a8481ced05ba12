import type { Command } from '../command.ts';
import { containerPath } from '../engine-paths.ts';
import { print } from '../io/output.ts';

/** By Docker's `Kind`. */
const letters = ['C', 'A', 'D'] as const;

export const command: Command = {
  usage: 'CONTAINER',
  summary: 'Show what a container has changed in its files',
  flags: [],
  least: 1,
  most: 1,
  async run(context, _flags, [container = '']) {
    const engine = await context.engine();
    const answer = await engine.request('GET', containerPath(container, '/changes'));
    const changes = (await answer.json<{ Path: string; Kind: 0 | 1 | 2 }[] | null>()) ?? [];
    print(changes.map(({ Path, Kind }) => `${letters[Kind]} ${Path}\n`).join(''));
    return 0;
  },
};
