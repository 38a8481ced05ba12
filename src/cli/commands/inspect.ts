import type { Command } from '../command.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags/spec.ts';
import { FORMAT_FLAG, inspect, type ObjectType, SIZE_FLAG } from '../inspecting.ts';

const TYPES: readonly ObjectType[] = ['container', 'image', 'network', 'volume'];

export const command: Command = {
  usage: '[OPTIONS] NAME|ID [NAME|ID...]',
  summary: 'Show everything known about containers and images',
  flags: [FORMAT_FLAG, SIZE_FLAG, flag('type', 'string', 'Look for this kind of thing only: container, image, network, volume')],
  least: 1,
  async run(context, flags, args) {
    const type = flags.string('type');
    if (type === '') return inspect(context, flags, args, TYPES);
    const known = TYPES.find((one) => one === type);
    if (known === undefined) throw new ExitError(1, `${JSON.stringify(type)} is not a valid value for --type`);
    return inspect(context, flags, args, [known]);
  },
};
