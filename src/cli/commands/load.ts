import * as fs from 'node:fs';
import type { Command } from '../command.ts';
import { openFailure } from '../create/key-values.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags/spec.ts';
import { readDescriptor } from '../io/input.ts';
import { isTerminal } from '../io/output.ts';
import { showProgress } from '../io/progress.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'Load images from an archive',
  flags: [
    flag('i,input', 'string', 'Read this file instead of stdin'),
    flag('platform', 'string', 'Load this platform only'),
    flag('q,quiet', 'bool', 'Print nothing'),
  ],
  least: 0,
  most: 0,
  async run(context, flags) {
    const file = flags.string('input');
    if (file === '' && isTerminal(0)) throw new ExitError(1, 'requested load from stdin, but stdin is empty. Name a file with -i, or redirect one');
    const descriptor = file === '' || file === '-' ? 0 : openForReading(file);
    const engine = await context.engine();
    const query = { quiet: flags.bool('quiet'), platform: platformJson(flags.string('platform')) };
    const headers = { 'content-type': 'application/x-tar' };
    const answer = await engine.request('POST', '/images/load', { query, headers, stream: readDescriptor(descriptor, 256 * 1024) });
    await showProgress(answer.body(), flags.bool('quiet') ? undefined : 1);
    return 0;
  },
};

/** Opens a file named on the command line; throws ExitError with Go's sentence. */
export function openForReading(file: string): number {
  try {
    return fs.openSync(file, 'r');
  } catch (error) {
    throw new ExitError(1, openFailure(file, error));
  }
}

/** `linux/arm64/v8` as the JSON that the query parameter `platform` takes here. */
export function platformJson(text: string): string {
  if (text === '') return '';
  const [os, architecture, variant] = text.split('/');
  return JSON.stringify({ os, architecture, variant });
}
