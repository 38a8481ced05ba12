import type { Command } from '../command.ts';
import { FORMAT_FLAG, inspect } from '../inspecting.ts';

export const command: Command = {
  usage: '[OPTIONS] VOLUME [VOLUME...]',
  summary: 'Show everything known about volumes',
  flags: [FORMAT_FLAG],
  least: 1,
  run: (context, flags, args) => inspect(context, flags, args, ['volume']),
};
