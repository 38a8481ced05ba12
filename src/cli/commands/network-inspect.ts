import type { Command } from '../command.ts';
import { flag } from '../flags/spec.ts';
import { FORMAT_FLAG, inspect } from '../inspecting.ts';

export const command: Command = {
  usage: '[OPTIONS] NETWORK [NETWORK...]',
  summary: 'Show everything known about networks',
  flags: [FORMAT_FLAG, flag('v,verbose', 'bool', 'Accepted; there is nothing more to show', { hidden: true })],
  least: 1,
  run: (context, flags, args) => inspect(context, flags, args, ['network']),
};
