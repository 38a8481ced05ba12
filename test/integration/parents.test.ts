/** Networks over an interface of the host: what is theirs alone, and the interfaces that are made for them. */
import { expect } from 'bun:test';
import { readFileSync } from 'node:fs';
import { run } from '../support/command.ts';
import { withParents } from '../support/parents.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, needs } = useEngine({ bridge: true, prepare: withParents('out0', 'out1', 'out3') }, 'engine-28');
const interfaces = () => readFileSync(`/proc/${subject.engine.namespaces.pid}/net/dev`, 'utf8');
const sleeper = (...flags: string[]) => subject.output('run', '-d', ...flags, 'busybox', 'sleep', '1000');
const inside = (name: string, ...command: string[]) => subject.output('exec', name, ...command);
const host = (...argv: string[]) => run(subject.engine.namespaces.enter(argv));
const ping = (from: string, to: string) => subject.docker('exec', from, 'ping', '-c', '1', '-W', '1', to);

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
  expect(await subject.inspect('one', '{{with .NetworkSettings.Networks.net}}{{.MacAddress}} {{.IPAddress}}{{end}}')).toBe(' 10.93.0.2');
  const { stderr } = await subject.docker('run', '--rm', '--network', 'net', '--mac-address', '02:42:0a:5a:00:09', 'busybox', 'true');
  expect(stderr).toContain('ipvlan interfaces do not support custom mac address assignment');
  await subject.clear();
});

requires(...needs, 'no-ipvlan-links', 'caisson')('a kernel without ipvlan refuses the network', async () => {
  const { stderr } = await subject.docker('network', 'create', '-d', 'ipvlan', '-o', 'parent=out1', 'net');
  expect(stderr).toContain('this kernel has no ipvlan interfaces (CONFIG_IPVLAN): operation not supported');
});

leavesNothingBehind(subject);
