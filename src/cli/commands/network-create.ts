import type { Command } from '../command.ts';
import { toMap } from '../create/key-values.ts';
import { subnetsOf } from '../create/subnets.ts';
import { flag } from '../flags/spec.ts';
import { printError, printLine } from '../io/output.ts';

export const command: Command = {
  usage: '[OPTIONS] NETWORK',
  summary: 'Create a network',
  flags: [
    flag('attachable', 'bool', 'Containers may be connected by hand'),
    flag('aux-address', 'list', 'Addresses that others use (NAME=ADDRESS)', { value: 'map' }),
    flag('config-from', 'string', 'Network whose configuration it gets'),
    flag('config-only', 'bool', 'Make no network, only a configuration for others'),
    flag('d,driver', 'string', 'Driver that makes it', { initial: 'bridge' }),
    flag('gateway', 'list', 'Gateway of a subnet'),
    flag('ingress', 'bool', 'Network of a swarm', { hidden: true }),
    flag('internal', 'bool', 'Nothing outside is reached from it, or reaches it'),
    flag('ip-range', 'list', 'Part of a subnet that containers get addresses from'),
    flag('ipam-driver', 'string', 'Who manages its addresses', { initial: 'default' }),
    flag('ipam-opt', 'list', 'Options of that', { value: 'map' }),
    flag('ipv4', 'bool', 'Containers get IPv4 addresses', { initial: true }),
    flag('ipv6', 'bool', 'Containers get IPv6 addresses'),
    flag('label', 'list', 'Labels (KEY=VALUE)'),
    flag('o,opt', 'list', 'Options of the driver', { value: 'map' }),
    flag('scope', 'string', 'Where it is known', { hidden: true }),
    flag('subnet', 'list', 'Its addresses (172.28.0.0/16)'),
  ],
  least: 1,
  most: 1,
  async run(context, flags, [name = '']) {
    const given = (flagName: string) => (flags.changed(flagName) ? flags.bool(flagName) : undefined);
    const configFrom = flags.string('config-from');
    const json = {
      Name: name, Driver: flags.string('driver'), Scope: flags.string('scope'), EnableIPv4: given('ipv4'), EnableIPv6: given('ipv6'),
      IPAM: { Driver: flags.string('ipam-driver'), Options: toMap(flags.list('ipam-opt')), Config: subnetsOf(flags) },
      Internal: flags.bool('internal'), Attachable: flags.bool('attachable'), Ingress: flags.bool('ingress'), ConfigOnly: flags.bool('config-only'),
      ...(configFrom === '' ? {} : { ConfigFrom: { Network: configFrom } }),
      Options: toMap(flags.list('opt')), Labels: toMap(flags.list('label')),
    };
    const engine = await context.engine();
    const { Id, Warning } = await (await engine.request('POST', '/networks/create', { json })).json<{ Id: string; Warning: string }>();
    if (Warning !== '') printError(`WARNING: ${Warning}`);
    printLine(Id);
    return 0;
  },
};
