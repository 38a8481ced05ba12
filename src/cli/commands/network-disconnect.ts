import type { Command } from '../command.ts';
import { networkPath } from '../engine-paths.ts';
import { flag } from '../flags/spec.ts';

export const command: Command = {
  usage: '[OPTIONS] NETWORK CONTAINER',
  summary: 'Disconnect a container from a network',
  flags: [flag('f,force', 'bool', 'Also when the container is not there any more')],
  least: 2,
  most: 2,
  async run(context, flags, [network = '', container = '']) {
    const engine = await context.engine();
    const json = { Container: container, Force: flags.bool('force') };
    await (await engine.request('POST', networkPath(network, '/disconnect'), { json })).text();
    return 0;
  },
};
