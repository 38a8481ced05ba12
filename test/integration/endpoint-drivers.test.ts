/** What every endpoint driver has to give containers: the same questions, asked on a network of each. */
import { describe, expect } from 'bun:test';
import { withParents } from '../support/parents.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

/** One parent for each network that wants it for itself. */
const prepare = withParents('out0', 'out1', 'out2', 'out3');
const forwarding = 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding';
const { subject, needs } = useEngine({ bridge: true, prepare: `${prepare}; ${forwarding}` }, 'engine-28');

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

leavesNothingBehind(subject);
