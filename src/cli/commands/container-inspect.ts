import type { Command } from '../command.ts';
import { FORMAT_FLAG, inspect, SIZE_FLAG } from '../inspecting.ts';

export const command: Command = {
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Show everything known about containers',
  flags: [FORMAT_FLAG, SIZE_FLAG],
  least: 1,
  run: (context, flags, args) => inspect(context, flags, args, ['container']),
};
