import type { Command } from '../command.ts';
import { toMap } from '../create/key-values.ts';
import { networkPath } from '../engine-paths.ts';
import { flag } from '../flags/spec.ts';

export const command: Command = {
  usage: '[OPTIONS] NETWORK CONTAINER',
  summary: 'Connect a container to a network',
  flags: [
    flag('alias', 'list', 'Further names of the container on this network'),
    flag('driver-opt', 'list', 'Options of the network driver for this endpoint', { value: 'map' }),
    flag('gw-priority', 'int', 'The network with the highest priority is the way out'),
    flag('ip', 'string', 'IPv4 address, such as 172.30.100.104'),
    flag('ip6', 'string', 'IPv6 address, such as 2001:db8::33'),
    flag('link-local-ip', 'list', 'Link-local addresses'),
  ],
  least: 2,
  most: 2,
  async run(context, flags, [network = '', container = '']) {
    const [ip, ip6, linkLocal] = [flags.string('ip'), flags.string('ip6'), flags.list('link-local-ip')];
    const options = toMap(flags.list('driver-opt'));
    const addresses = { ...(ip && { IPv4Address: ip }), ...(ip6 && { IPv6Address: ip6 }), ...(linkLocal.length > 0 && { LinkLocalIPs: linkLocal }) };
    const json = {
      Container: container,
      EndpointConfig: {
        IPAMConfig: addresses, Aliases: flags.list('alias'), DriverOpts: options, GwPriority: flags.number('gw-priority'),
      },
    };
    const engine = await context.engine();
    await (await engine.request('POST', networkPath(network, '/connect'), { json })).text();
    return 0;
  },
};
