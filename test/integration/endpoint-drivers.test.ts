/** What every endpoint driver has to give containers: the same questions, asked on a network of each. */
import { describe, expect } from 'bun:test';
import { readFileSync } from 'node:fs';
import { run } from '../support/command.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

/** A host with interfaces that lead to others, one for each network that wants its parent for itself. */
const parents = ['out0', 'out1', 'out2', 'out3'];
const prepare = parents.map((name) =>
  `"$0" ip link add ${name} type veth; other=$("$0" ip -o link | "$0" sed -n 's/.* \\(veth[0-9]*\\)@.*/\\1/p'); "$0" ip link set $other name far${name}; "$0" ip link set ${name} up; "$0" ip link set far${name} up`).join('; ');
const forwarding = 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding';
const { subject, needs } = useEngine({ bridge: true, prepare: `${prepare}; ${forwarding}` }, 'engine-28');
const interfaces = () => readFileSync(`/proc/${subject.engine.namespaces.pid}/net/dev`, 'utf8');

interface Kind {
  readonly title: string;
  readonly driver: string;
  readonly options: readonly string[];
  /** Containers of one network hear each other. */
  readonly neighbours: boolean;
  /** How many containers it takes. */
  readonly room: number;
}

const macvlan = (mode: string, parent: string, more: Pick<Kind, 'neighbours' | 'room'>): Kind =>
  ({ title: `macvlan ${mode}`, driver: 'macvlan', options: ['-o', `parent=${parent}`, '-o', `macvlan_mode=${mode}`], ...more });
const kinds: readonly Kind[] = [
  { title: 'bridge', driver: 'bridge', options: [], neighbours: true, room: 9 },
  macvlan('bridge', 'out0', { neighbours: true, room: 9 }),
  macvlan('private', 'out1', { neighbours: false, room: 9 }),
  macvlan('vepa', 'out2', { neighbours: false, room: 9 }),
  macvlan('passthru', 'out3', { neighbours: false, room: 1 }),
];

const sleeper = (...flags: string[]) => subject.output('run', '-d', ...flags, 'busybox', 'sleep', '1000');
const inside = (name: string, ...command: string[]) => subject.output('exec', name, ...command);
const host = async (...argv: string[]) => (await run(subject.engine.namespaces.enter(argv))).stdout;
const endpointOf = async (name: string, network: string) =>
  JSON.parse(await subject.inspect(name, `{{json (index .NetworkSettings.Networks "${network}")}}`)) as Record<string, unknown>;
const ping = (from: string, to: string) => subject.docker('exec', from, 'ping', '-c', '1', '-W', '1', to);

describe.each(kinds)('$title', ({ driver, options, neighbours, room }) => {
  const kernel = driver === 'macvlan' ? ['macvlan-links'] as const : [];
  const [it, ours] = [requires(...needs, ...kernel), requires(...needs, ...kernel, 'caisson')];
  const create = (...more: string[]) => subject.output('network', 'create', '-d', driver, ...options, ...more, 'net');
  const fixed = ['--subnet', '10.90.0.0/24', '--gateway', '10.90.0.1'];

  it('gives an interface with addresses and the default routes, and shows them', async () => {
    await create(...fixed, '--ipv6', '--subnet', 'fd90::/64', '--gateway', 'fd90::1');
    await sleeper('--name', 'one', '--network', 'net', '--ip', '10.90.0.77', '--mac-address', '02:42:0a:5a:00:4d');
    const shown = await inside('one', 'ip', 'addr', 'show', 'eth0');
    for (const part of ['02:42:0a:5a:00:4d', 'inet 10.90.0.77/24 brd 10.90.0.255', 'inet6 fd90::2/64', 'UP']) expect(shown).toContain(part);
    expect(await inside('one', 'ip', 'route')).toContain('default via 10.90.0.1 dev eth0');
    expect(await inside('one', 'ip', '-6', 'route')).toContain('default via fd90::1 dev eth0');
    expect(await endpointOf('one', 'net')).toMatchObject({
      IPAMConfig: { IPv4Address: '10.90.0.77' }, MacAddress: '02:42:0a:5a:00:4d', Gateway: '10.90.0.1', IPAddress: '10.90.0.77', IPPrefixLen: 24,
      IPv6Gateway: 'fd90::1', GlobalIPv6Address: 'fd90::2', GlobalIPv6PrefixLen: 64, EndpointID: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const [network] = JSON.parse(await subject.output('network', 'inspect', 'net')) as { Driver: string; Containers: Record<string, object> }[];
    expect(network?.Driver).toBe(driver);
    expect(Object.values(network?.Containers ?? {})).toEqual([
      { Name: 'one', EndpointID: expect.any(String), MacAddress: '02:42:0a:5a:00:4d', IPv4Address: '10.90.0.77/24', IPv6Address: 'fd90::2/64' },
    ] as never);
    expect((await subject.docker('network', 'rm', 'net')).stderr).toContain('network net has active endpoints (name:"one"');
    await subject.clear();
  });

  it('gives no IPv6 where the network has none', async () => {
    await create(...fixed);
    await sleeper('--name', 'one', '--network', 'net');
    expect(await inside('one', 'ip', 'addr', 'show', 'eth0')).not.toContain('inet6');
    expect(await endpointOf('one', 'net')).toMatchObject({ IPAddress: '10.90.0.2', GlobalIPv6Address: '' });
    await subject.clear();
  });

  it('leaves out the way out of an internal network', async () => {
    await create('--internal', '--subnet', '10.90.0.0/24');
    await sleeper('--name', 'one', '--network', 'net');
    expect(await inside('one', 'ip', 'route')).not.toContain('default');
    expect(await endpointOf('one', 'net')).toMatchObject({ Gateway: '' });
    await subject.clear();
  });

  it('connects and disconnects a container that runs', async () => {
    await create(...fixed);
    await sleeper('--name', 'one');
    const gateway = await subject.inspect('one', '{{.NetworkSettings.Gateway}}');
    for (let round = 0; round < 2; round++) {
      await subject.output('network', 'connect', '--ip', '10.90.0.9', 'net', 'one');
      expect(await inside('one', 'ip', 'addr', 'show', 'eth1')).toContain('inet 10.90.0.9/24');
      expect(await inside('one', 'ip', 'route')).toContain(`default via ${gateway} dev eth0`);
      await subject.output('network', 'disconnect', 'net', 'one');
      expect((await subject.docker('exec', 'one', 'ip', 'link', 'show', 'eth1')).code).not.toBe(0);
    }
    await subject.output('network', 'connect', 'net', 'one');
    await subject.output('network', 'disconnect', 'bridge', 'one');
    expect(await inside('one', 'ip', 'route')).toContain('default via 10.90.0.1 dev eth1');
    await subject.clear();
  });

  it('lets neighbours reach each other where the driver does, by their names too', async () => {
    if (room < 2) return;
    await create(...fixed);
    await sleeper('--name', 'one', '--network', 'net');
    await sleeper('--name', 'two', '--network', 'net');
    expect(await inside('one', 'nslookup', 'two')).toContain(`Address: ${(await endpointOf('two', 'net'))['IPAddress']}`);
    expect((await ping('one', 'two')).code).toBe(neighbours ? 0 : 1);
    await subject.clear();
  });

  it('takes addresses back at once, of the hardware too, and a container\'s restart has them again', async () => {
    await create(...fixed);
    for (let round = 0; round < 3; round++) {
      await sleeper('--name', 'one', '--network', 'net', '--ip', '10.90.0.9', '--mac-address', '02:42:0a:5a:00:09');
      expect(await inside('one', 'ip', 'link', 'show', 'eth0')).toContain('02:42:0a:5a:00:09');
      if (round === 0) await subject.output('restart', '-t', '0', 'one');
      await subject.output('rm', '-f', 'one');
    }
    await subject.clear();
  });

  ours('takes them back though another container goes on in the same network namespace', async () => {
    await create(...fixed);
    await sleeper('--name', 'one', '--network', 'net');
    await sleeper('--name', 'guest', '--network', 'container:one');
    await subject.output('rm', '-f', 'one');
    await sleeper('--name', 'two', '--network', 'net');
    expect((await subject.docker('exec', 'guest', 'ip', 'link', 'show', 'eth0')).code).not.toBe(0);
    await subject.clear();
  });

  ours('knows its endpoints again after the daemon was killed', async () => {
    await create(...fixed);
    await sleeper('--name', 'one', '--network', 'net');
    const before = await endpointOf('one', 'net');
    await subject.engine.endDaemon('SIGKILL');
    await subject.engine.startDaemon();
    expect(await endpointOf('one', 'net')).toEqual(before);
    await subject.output('network', 'disconnect', 'net', 'one');
    expect(await inside('one', 'ip', '-o', 'link')).not.toContain('eth0');
    await subject.clear();
  });
});

describe('what differs', () => {
  const it = requires(...needs, 'macvlan-links');
  const create = (...more: string[]) => subject.output('network', 'create', '-d', 'macvlan', '--subnet', '10.91.0.0/24', ...more);

  it('published ports lead nowhere on a macvlan', async () => {
    await create('-o', 'parent=out0', 'net');
    await sleeper('--name', 'one', '--network', 'net', '-p', '8080:80');
    expect(await subject.inspect('one', '{{json .NetworkSettings.Ports}}')).toBe('{}');
    await subject.clear();
  });

  it('a second container does not find room on a parent that is passed through', async () => {
    await create('-o', 'parent=out3', '-o', 'macvlan_mode=passthru', 'net');
    await sleeper('--name', 'one', '--network', 'net');
    const { code, stderr } = await subject.docker('run', '--rm', '--network', 'net', 'busybox', 'true');
    expect(code).toBe(125);
    expect(stderr).toContain('failed to set up container networking: failed to create the macvlan port: invalid argument');
    await subject.clear();
  });

  it('a hardware address that a neighbour has is refused', async () => {
    await create('-o', 'parent=out0', 'net');
    await sleeper('--name', 'one', '--network', 'net', '--mac-address', '02:42:0a:5a:00:09');
    const { stderr } = await subject.docker('run', '--rm', '--network', 'net', '--mac-address', '02:42:0a:5a:00:09', 'busybox', 'true');
    expect(stderr).toMatch(/failed to add interface \w+ to sandbox: error setting interface "\w+" MAC to "02:42:0a:5a:00:09": address already in use/);
    await subject.clear();
  });

  it('a parent that has gone is missed at the start', async () => {
    await host('ip', 'link', 'add', 'gone', 'type', 'veth', 'peer', 'name', 'fargone');
    await create('-o', 'parent=gone', 'net');
    await host('ip', 'link', 'del', 'gone');
    const { stderr } = await subject.docker('run', '--rm', '--network', 'net', 'busybox', 'true');
    expect(stderr).toContain('failed to set up container networking: the requested parent interface gone was not found on the Docker host');
    await subject.clear();
  });

  it('two macvlan networks share a parent, and containers of both use it', async () => {
    await create('-o', 'parent=out0', 'net');
    await subject.output('network', 'create', '-d', 'macvlan', '--subnet', '10.92.0.0/24', '-o', 'parent=out0', 'other');
    await sleeper('--name', 'one', '--network', 'net');
    await sleeper('--name', 'two', '--network', 'other');
    await subject.output('rm', '-f', 'one');
    await subject.output('network', 'rm', 'net');
    expect(interfaces()).toContain('out0:');
    expect(await inside('two', 'ip', 'addr', 'show', 'eth0')).toContain('inet 10.92.0.2/24');
    await subject.clear();
  });

  requires(...needs, 'vlan-links', 'caisson')('a VLAN is made for the first network over it, and goes with the last', async () => {
    await create('-o', 'parent=out0.10', 'net');
    expect(interfaces()).toContain('out0.10:');
    await subject.output('network', 'create', '-d', 'macvlan', '--subnet', '10.92.0.0/24', '-o', 'parent=out0.10', 'other');
    await sleeper('--name', 'one', '--network', 'other');
    await subject.output('network', 'rm', 'net');
    await subject.engine.endDaemon('SIGKILL');
    await subject.engine.startDaemon();
    expect(interfaces()).toContain('out0.10:');
    await subject.output('rm', '-f', 'one');
    await subject.output('network', 'rm', 'other');
    expect(interfaces()).not.toContain('out0.10:');
  });

  requires(...needs, 'dummy-links')('without a parent there is a dummy, and no way out', async () => {
    const id = await subject.output('network', 'create', '-d', 'macvlan', 'net');
    expect(interfaces()).toContain(`dm-${id.slice(0, 12)}:`);
    await sleeper('--name', 'one', '--network', 'net');
    await sleeper('--name', 'two', '--network', 'net');
    expect((await ping('one', 'two')).code).toBe(0);
    expect(await inside('one', 'ip', 'route')).not.toContain('default');
    await subject.clear();
    expect(interfaces()).not.toContain(`dm-${id.slice(0, 12)}:`);
  });

  requires(...needs, 'ipvlan-links')('an ipvlan has its parent\'s hardware address, and takes no other', async () => {
    await subject.output('network', 'create', '-d', 'ipvlan', '--subnet', '10.93.0.0/24', '-o', 'parent=out1', 'net');
    await sleeper('--name', 'one', '--network', 'net');
    await sleeper('--name', 'two', '--network', 'net');
    expect((await ping('one', 'two')).code).toBe(0);
    expect(await endpointOf('one', 'net')).toMatchObject({ MacAddress: '', IPAddress: '10.93.0.2' });
    const { stderr } = await subject.docker('run', '--rm', '--network', 'net', '--mac-address', '02:42:0a:5a:00:09', 'busybox', 'true');
    expect(stderr).toContain('ipvlan interfaces do not support custom mac address assignment');
    await subject.clear();
  });

  requires(...needs, 'no-ipvlan-links', 'caisson')('a kernel without ipvlan refuses the network', async () => {
    const { stderr } = await subject.docker('network', 'create', '-d', 'ipvlan', '-o', 'parent=out1', 'net');
    expect(stderr).toContain('this kernel has no ipvlan interfaces (CONFIG_IPVLAN): operation not supported');
  });
});

leavesNothingBehind(subject);
