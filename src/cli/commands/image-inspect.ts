import type { Command } from '../command.ts';
import { FORMAT_FLAG, inspect } from '../inspecting.ts';

export const command: Command = {
  usage: '[OPTIONS] IMAGE [IMAGE...]',
  summary: 'Show everything known about images',
  flags: [FORMAT_FLAG],
  least: 1,
  run: (context, flags, args) => inspect(context, flags, args, ['image']),
};
