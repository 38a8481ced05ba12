/** Containers on networks: interfaces, addresses, the way out, connecting and disconnecting. */
import { expect } from 'bun:test';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it } = useEngine({ bridge: true });

const sleeper = (...flags: string[]) => subject.output('run', '-d', ...flags, 'busybox', 'sleep', '1000');
const address = (name: string, network: string) => subject.inspect(name, `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`);

it('gives a container an interface with an address and a default route', async () => {
  await sleeper('--name', 'plain');
  const ip = await address('plain', 'bridge');
  expect(ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
  expect(await subject.output('exec', 'plain', 'ip', '-o', '-4', 'addr', 'show', 'eth0')).toContain(`inet ${ip}/`);
  expect(await subject.output('exec', 'plain', 'ip', 'route')).toContain(`default via ${await subject.inspect('plain', '{{.NetworkSettings.Gateway}}')} dev eth0`);
  expect(await subject.output('exec', 'plain', 'cat', '/etc/hosts')).toContain(`${ip}\t${(await subject.inspect('plain', '{{.Id}}')).slice(0, 12)}`);
  expect(await subject.inspect('plain', '{{.NetworkSettings.MacAddress}}')).toMatch(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/);
});

it('is on the networks that endpoints name, and on no other', async () => {
  for (const name of ['named-1', 'named-2']) await subject.output('network', 'create', name);
  const create = async (body: object) => {
    const { status, body: answer } = await subject.api.request('POST', '/containers/create', { Image: 'busybox', Cmd: ['sleep', '1000'], ...body });
    return status === 201 ? (JSON.parse(answer.toString()) as { Id: string }).Id : answer.toString().trim();
  };
  const networks = async (NetworkMode: string, ...names: string[]) => {
    const id = await create({ HostConfig: { NetworkMode }, NetworkingConfig: { EndpointsConfig: Object.fromEntries(names.map((name) => [name, {}])) } });
    await subject.output('start', id);
    const interfaces = (await subject.output('exec', id, 'ls', '/sys/class/net')).split('\n').filter((name) => name.startsWith('eth'));
    return [(await subject.inspect(id, '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}')).trim(), interfaces.length];
  };
  for (const mode of ['', 'default', 'bridge', 'none']) {
    expect(await networks(mode, 'named-1')).toEqual(['named-1', 1]);
    expect(await networks(mode, 'named-1', 'named-2')).toEqual(['named-1 named-2', 2]);
  }
  expect(await networks('named-1', 'bridge')).toEqual(['bridge', 1]);
  expect(await networks('', 'default')).toEqual(['bridge', 1]);
  expect(await create({ MacAddress: '02:00:00:00:00:09', NetworkingConfig: { EndpointsConfig: { 'named-1': {} } } }))
    .toContain('unable to migrate container-wide MAC address to a specific network: HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks');
});

it('lets containers on one bridge reach each other', async () => {
  await subject.output('run', '-d', '--name', 'server', 'busybox', 'sh', '-c', 'echo hello >/tmp/index.html; httpd -f -p 80 -h /tmp');
  const url = `http://${await address('server', 'bridge')}/index.html`;
  expect(await subject.output('run', '--rm', 'busybox', 'sh', '-c', `for i in 1 2 3 4 5; do wget -qO- -T 5 ${url} && break; sleep 1; done`)).toBe('hello');
});

it('gives the address and the mac that are asked for, and shows them of a network of its own', async () => {
  await subject.output('network', 'create', '--subnet', '10.77.0.0/24', 'own');
  await sleeper('--name', 'fixed', '--network', 'own', '--ip', '10.77.0.77', '--mac-address', '02:42:0a:4d:00:4d', '--network-alias', 'al');
  expect(await subject.output('exec', 'fixed', 'ip', '-o', 'link', 'show', 'eth0')).toContain('02:42:0a:4d:00:4d');
  expect(await address('fixed', 'own')).toBe('10.77.0.77');
  expect(JSON.parse(await subject.inspect('fixed', '{{json (index .NetworkSettings.Networks "own").DNSNames}}'))).toEqual(['fixed', 'al', (await subject.inspect('fixed', '{{.Id}}')).slice(0, 12)]);
  const taken = await subject.docker('run', '--rm', '--network', 'own', '--ip', '10.77.0.77', 'busybox', 'true');
  expect(taken).toMatchObject({ code: 125, stderr: expect.stringContaining('Address already in use') });
});

it('gives an address to the next container as soon as the last one is removed', async () => {
  await subject.output('network', 'create', '--subnet', '10.78.0.0/24', 'next');
  await sleeper('--name', 'neighbour', '--network', 'next');
  for (let round = 0; round < 5; round++) {
    await sleeper('--name', 'holder', '--network', 'next', '--ip', '10.78.0.9');
    expect(await subject.output('exec', 'neighbour', 'ping', '-c', '1', '-W', '5', '10.78.0.9')).toContain(' 0% packet loss');
    await subject.output('rm', '-f', 'holder');
  }
});

it('gives a container that is started again the address that it had', async () => {
  await sleeper('--name', 'again');
  const before = await address('again', 'bridge');
  await subject.output('restart', '-t', '0', 'again');
  expect(await address('again', 'bridge')).toBe(before);
});

it('takes an address of a family that the network does not use, and leaves it out', async () => {
  await subject.output('network', 'create', '--subnet', '2001:db8:9::/64', 'unused');
  await sleeper('--name', 'without', '--network', 'unused', '--ip6', '2001:db8:9::f00d');
  expect(await subject.inspect('without', '{{(index .NetworkSettings.Networks "unused").IPAMConfig.IPv6Address}}')).toBe('2001:db8:9::f00d');
  expect(await subject.inspect('without', '{{(index .NetworkSettings.Networks "unused").GlobalIPv6Address}}')).toBe('');
});

it('refuses networks that are not there, and addresses that cannot be', async () => {
  const nowhere = await subject.docker('run', '--rm', '--network', 'nowhere', 'busybox', 'true');
  expect(nowhere.code).toBe(125);
  expect(nowhere.stderr).toContain('network nowhere not found');
  await subject.output('network', 'create', 'chosen');
  const fixed = await subject.docker('create', '--network', 'chosen', '--ip', '9.9.9.9', 'busybox');
  expect(fixed.stderr).toContain('user specified IP address is supported only when connecting to networks with user configured subnets');
});

it('connects and disconnects a container that runs', async () => {
  await subject.output('network', 'create', 'one');
  await subject.output('network', 'create', 'two');
  await sleeper('--name', 'moved');
  const gateway = await subject.inspect('moved', '{{.NetworkSettings.Gateway}}');
  await subject.output('network', 'connect', 'one', 'moved');
  expect(await subject.output('exec', 'moved', 'ip', '-o', '-4', 'addr', 'show', 'eth1')).toContain(`inet ${await address('moved', 'one')}/`);
  expect(await subject.output('exec', 'moved', 'ip', 'route')).toContain(`default via ${gateway} dev eth0`);
  const again = await subject.docker('network', 'connect', 'one', 'moved');
  expect(again.stderr).toContain('endpoint with name moved already exists in network one');
  await subject.output('network', 'disconnect', 'one', 'moved');
  expect((await subject.docker('exec', 'moved', 'ip', 'link', 'show', 'eth1')).code).not.toBe(0);
  const gone = await subject.docker('network', 'disconnect', 'one', 'moved');
  expect(gone.stderr).toContain('is not connected to network one');
});

it('keeps a network while containers that run are on it', async () => {
  await subject.output('network', 'create', 'busy');
  await sleeper('--name', 'user', '--network', 'busy');
  const refused = await subject.docker('network', 'rm', 'busy');
  expect(refused.stderr).toContain('network busy has active endpoints (name:"user"');
  await subject.output('rm', '-f', 'user');
  await subject.output('network', 'rm', 'busy');
});

it('takes containers on the host network, or none, out of networking', async () => {
  await sleeper('--name', 'hostly', '--network', 'host');
  const host = await subject.docker('network', 'connect', 'bridge', 'hostly');
  expect(host.stderr).toContain('container sharing network namespace with another container or host cannot be connected to any other network');
  await sleeper('--name', 'lonely', '--network', 'none');
  expect((await subject.output('exec', 'lonely', 'ip', '-o', 'link')).split('\n').filter((line) => line.includes('eth')).length).toBe(0);
});

it('prunes the networks that no container uses', async () => {
  await subject.clear();
  await subject.output('network', 'prune', '-f');
  expect((await subject.output('network', 'ls', '--format', '{{.Name}}')).split('\n').toSorted()).toEqual(['bridge', 'host', 'none']);
});

it('what is asked of an endpoint is checked at create and at connect, by the family that it is for', async () => {
  await subject.output('network', 'create', '--subnet', '10.44.0.0/24', 'checked');
  const refused = async (...words: string[]) => (await subject.docker(...words)).stderr;
  const run = (...words: string[]) => refused('run', '--rm', ...words, 'busybox', 'true');
  const wrong = 'invalid endpoint settings:\n';
  const [predefined, unconfigured] = ['user specified IP address is supported on user defined networks only', 'user specified IP address is supported only when connecting to networks with user configured subnets'];
  expect(await run('--network', 'checked', '--ip', 'bad')).toContain(`invalid config for network checked: ${wrong}* invalid IPv4 address: bad\n* no configured subnet or ip-range contain the IP address bad`);
  expect(await run('--network', 'checked', '--ip', 'fd00::1')).toContain(`${wrong}* invalid IPv4 address: fd00::1\n* no configured subnet or ip-range contain the IP address fd00::1`);
  expect(await run('--network', 'checked', '--ip6', '10.44.0.9')).toContain(`${wrong}* invalid IPv6 address: 10.44.0.9\n* ${unconfigured}`);
  expect(await run('--network', 'nowhere', '--ip', 'bad')).toContain(`invalid config for network nowhere: ${wrong}invalid IPv4 address: bad`);
  expect(await run('--network', 'name=checked,link-local-ip=bad')).toContain(`${wrong}invalid link-local IP address: bad`);
  for (const mode of ['host', 'none']) expect(await run('--network', `name=${mode},ip=1.2.3.4`)).toContain(`invalid config for network ${mode}: ${wrong}* ${predefined}\n* ${unconfigured}`);
  await subject.output('run', '-d', '--name', 'checking', 'busybox', 'sleep', '1000');
  expect(await refused('network', 'connect', '--ip', '172.17.0.9', 'bridge', 'checking')).toContain(`${wrong}* ${predefined}\n* ${unconfigured}`);
  expect(await refused('network', 'connect', '--ip', '10.45.0.9', 'checked', 'checking')).toContain(`${wrong}no configured subnet or ip-range contain the IP address 10.45.0.9`);
  await subject.output('rm', '-f', 'checking');
  expect(await subject.output('run', '--rm', '--network', 'name=checked,link-local-ip=169.254.9.9', 'busybox', 'ip', '-4', '-o', 'addr', 'show', 'eth0')).toContain('inet 169.254.9.9/16 brd 169.254.255.255');
  await subject.output('network', 'rm', 'checked');
});

it('what it was on last is shown when it has ended, and what it is to be on', async () => {
  const shown = async (network: string) => JSON.parse(await subject.inspect('noted', `{{with index .NetworkSettings.Networks "${network}"}}[{{json .NetworkID}}, {{json .DNSNames}}]{{end}}`)) as [string, string[] | null];
  const [first, second] = [await subject.output('network', 'create', 'noted-one'), await subject.output('network', 'create', 'noted-two')];
  const id = (await subject.output('create', '--name', 'noted', '--network', 'noted-one', 'busybox', 'true')).slice(0, 12);
  expect(await shown('noted-one')).toEqual(['', null]);
  await subject.output('network', 'connect', '--alias', 'other', 'noted-two', 'noted');
  expect(await shown('noted-two')).toEqual(['', ['noted', 'other', id]]);
  await subject.output('start', '-a', 'noted');
  expect([await shown('noted-one'), await shown('noted-two')]).toEqual([[first, ['noted', id]], [second, ['noted', 'other', id]]]);
  await subject.output('network', 'rm', 'noted-one', 'noted-two');
  expect(await shown('noted-two')).toEqual([second, ['noted', 'other', id]]);
  expect((await subject.docker('start', 'noted')).stderr).toContain(`failed to set up container networking: network ${first} not found`);
  await subject.output('rm', 'noted');
});

leavesNothingBehind(subject);
