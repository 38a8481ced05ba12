/** Networks as objects: made, listed, inspected, removed; what is refused, and in which words. */
import { describe, expect } from 'bun:test';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { run } from '../support/command.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

/** The host has a network of its own: an interface with an address. */
const prepare = ['link add outside type veth', 'link set veth0 name far', 'addr add 10.50.1.1/24 dev outside', 'link set outside up', 'link set far up']
  .map((command) => `"$0" ip ${command}`).join('; ');
const { subject, it } = useEngine({ bridge: true, prepare }, 'engine-28');
const ours = requires('engine', 'root', 'docker-cli', 'overlay', 'cgroups', 'caisson');

interface Network {
  readonly Id: string;
  readonly Name: string;
  readonly IPAM: { readonly Driver?: string; readonly Options?: object | null; readonly Config: readonly { readonly Subnet: string; readonly Gateway?: string }[] | null };
}

const create = (body: object) => subject.api.request('POST', '/networks/create', body);
const remove = (name: string) => subject.api.json('DELETE', `/networks/${name}`);
const inspect = (name: string) => subject.api.json<Network & Record<string, unknown>>('GET', `/networks/${encodeURIComponent(name)}`);
const list = (filters: object) => subject.api.json<Network[]>('GET', `/networks?filters=${encodeURIComponent(JSON.stringify(filters))}`);
const names = async (filters: object) => (await list(filters)).map(({ Name }) => Name).toSorted();
const inside = async (...argv: string[]) => (await run(subject.engine.namespaces.enter(argv))).stdout;
const interfaces = () => [...readFileSync(`/proc/${subject.engine.namespaces.pid}/net/dev`, 'utf8').matchAll(/^\s*([^\s:]+):/gm)].map(([, name]) => name);

async function refused(body: object): Promise<[number, string]> {
  const { status, body: answer } = await create(body);
  return [status, (JSON.parse(answer.toString()) as { message: string }).message];
}

const pool = (Subnet: string, more: object = {}) => ({ IPAM: { Config: [{ Subnet, ...more }] } });

describe('predefined networks', () => {
  it('are three, with Docker\'s fields', async () => {
    expect(await names({ type: ['builtin'] })).toEqual(['bridge', 'host', 'none']);
    expect(await inspect('none')).toEqual({
      Name: 'none', Id: expect.stringMatching(/^[0-9a-f]{64}$/), Created: expect.any(String), Scope: 'local', Driver: 'null', EnableIPv4: true, EnableIPv6: false,
      IPAM: { Driver: 'default', Options: null, Config: null }, Internal: false, Attachable: false, Ingress: false, ConfigFrom: { Network: '' },
      ConfigOnly: false, Containers: {}, Options: {}, Labels: {},
    });
    expect(await inspect('bridge')).toMatchObject({
      IPAM: { Config: [{ Subnet: '172.17.0.0/16', Gateway: '172.17.0.1' }] },
      Options: { 'com.docker.network.bridge.default_bridge': 'true', 'com.docker.network.driver.mtu': '1500' },
    });
  });

  it('cannot be made or removed', async () => {
    for (const name of ['bridge', 'host', 'none', 'default']) {
      expect(await refused({ Name: name })).toEqual([403, `operation is not permitted on predefined ${name} network `]);
    }
    const { status, body } = await subject.api.request('DELETE', '/networks/host');
    expect([status, body.toString()]).toEqual([403, '{"message":"host is a pre-defined network and cannot be removed"}\n']);
  });
});

describe('a network', () => {
  it('gets a subnet, a bridge with its gateway, and goes with both', async () => {
    const id = await subject.output('network', 'create', '--label', 'a=b', '--attachable', '--opt', 'com.docker.network.driver.mtu=1400', 'made');
    const network = await inspect('made');
    expect(network).toMatchObject({ Id: id, Driver: 'bridge', Attachable: true, Labels: { a: 'b' }, Options: { 'com.docker.network.driver.mtu': '1400' } });
    const [{ Subnet, Gateway } = { Subnet: '' }] = network.IPAM.Config ?? [];
    expect(Subnet).toMatch(/^172\.\d+\.0\.0\/16$/);
    const shown = await inside('ip', 'addr', 'show', 'dev', `br-${id.slice(0, 12)}`);
    expect(shown).toContain(`inet ${Gateway}/16`);
    expect(shown).toContain('mtu 1400');
    expect(await subject.output('network', 'rm', 'made')).toBe('made');
    expect(interfaces()).not.toContain(`br-${id.slice(0, 12)}`);
    expect((await subject.docker('network', 'inspect', 'made')).stderr).toContain('network made not found');
  });

  it('shows the subnets that were asked for, and no more', async () => {
    await create({ Name: 'asked', EnableIPv6: true, IPAM: { Config: [{ Subnet: '10.6.0.0/16', IPRange: '10.6.1.0/24', AuxiliaryAddresses: { z: '10.6.0.8', a: '10.6.0.7' } }, { Subnet: 'fd00:6::/64' }] } });
    const network = await inspect('asked');
    expect(network).toMatchObject({ IPAM: { Driver: 'default', Options: null } });
    expect(network.IPAM.Config).toEqual([
      { Subnet: '10.6.0.0/16', IPRange: '10.6.1.0/24', AuxiliaryAddresses: { a: '10.6.0.7', z: '10.6.0.8' } }, { Subnet: 'fd00:6::/64' },
    ] as never);
    const shown = await inside('ip', 'addr', 'show', 'dev', `br-${network.Id.slice(0, 12)}`);
    expect(shown).toContain('inet 10.6.1.0/16');
    expect(shown).toContain('inet6 fd00:6::1/64');
    await remove('asked');
  });

  it('gets unique local addresses when IPv6 is asked for without a subnet', async () => {
    await create({ Name: 'six', EnableIPv6: true, EnableIPv4: false });
    expect((await inspect('six')).IPAM.Config).toEqual([{ Subnet: expect.stringMatching(/^fd.*::\/64$/), Gateway: expect.stringMatching(/^fd.*::1$/) }]);
    await remove('six');
  });

  it('is found by name, id and the beginning of its id', async () => {
    const id = await subject.output('network', 'create', 'found');
    for (const ref of ['found', id, id.slice(0, 20)]) expect((await inspect(ref)).Id).toBe(id);
    await remove(id.slice(0, 12));
  });

  it('may use a bridge that is there, and leaves it there', async () => {
    await inside('ip', 'link', 'add', 'mine', 'type', 'bridge');
    await create({ Name: 'over', ...pool('10.70.0.0/16'), Options: { 'com.docker.network.bridge.name': 'mine' } });
    expect(await inside('ip', 'addr', 'show', 'dev', 'mine')).toContain('inet 10.70.0.1/16');
    await remove('over');
    expect(interfaces()).toContain('mine');
    await inside('ip', 'link', 'del', 'mine');
  });

  it('takes its configuration from another', async () => {
    await create({ Name: 'config', ConfigOnly: true, ...pool('10.77.0.0/16') });
    await create({ Name: 'configured', ConfigFrom: { Network: 'config' } });
    expect(await inspect('configured')).toMatchObject({ ConfigFrom: { Network: 'config' }, IPAM: { Config: [{ Subnet: '10.77.0.0/16' }] } });
    const { status, body } = await subject.api.request('DELETE', '/networks/config');
    expect([status, body.toString()]).toEqual([403, '{"message":"error while removing network: configuration network \\"config\\" is in use"}\n']);
    await remove('configured');
    await remove('config');
  });

  it('tells of its making and its end', async () => {
    const id = await subject.output('network', 'create', 'told');
    await subject.output('network', 'rm', 'told');
    const until = Math.floor(Date.now() / 1000) + 1;
    const { body } = await subject.api.request('GET', `/events?since=1&until=${until}&filters=${encodeURIComponent(JSON.stringify({ type: ['network'], network: [id] }))}`);
    const events = body.toString().trim().split('\n').map((line) => JSON.parse(line) as { Action: string; Actor: object });
    expect(events.map(({ Action, Actor }) => [Action, Actor])).toEqual(['create', 'destroy'].map((action) => [action, { ID: id, Attributes: { name: 'told', type: 'bridge' } }]) as never);
  });
});

describe('what is refused', () => {
  it('is a name that is empty or taken, a driver that is not there', async () => {
    expect(await refused({ Name: ' ' })).toEqual([400, 'invalid name: name is empty']);
    await create({ Name: 'twice' });
    expect(await refused({ Name: 'twice', CheckDuplicate: true })).toEqual([409, 'network with name twice already exists']);
    await remove('twice');
    expect(await refused({ Name: 'x', Driver: 'nope' })).toEqual([404, 'plugin "nope" not found']);
    expect(await refused({ Name: 'x', Driver: 'host' })).toEqual([403, 'only one instance of "host" network is allowed']);
    expect(await refused({ Name: 'x', IPAM: { Driver: 'nope' } })).toEqual([404, 'plugin "nope" not found']);
    expect((await refused({ Name: 'x', Driver: 'overlay' }))[1]).toContain('This node is not a swarm manager.');
    expect(await refused({ Name: 'x', EnableIPv4: false })).toEqual([400, 'IPv4 or IPv6 must be enabled']);
  });

  it('is a subnet that overlaps another network\'s', async () => {
    await create({ Name: 'first', ...pool('10.1.0.0/16') });
    expect(await refused({ Name: 'x', ...pool('10.1.2.0/24') })).toEqual([403, 'invalid pool request: Pool overlaps with other one on this address space']);
    await remove('first');
    expect(await refused({ Name: 'x', IPAM: { Config: [{ Subnet: '10.1.0.0/24' }, { Subnet: '10.2.0.0/24' }] } })).toEqual([403, "bridge driver doesn't support multiple subnets"]);
  });

  it('is addresses that do not fit, all of them at once', async () => {
    expect(await refused({ Name: 'x', ...pool('10.2.0.0/16', { Gateway: '10.3.0.1' }) })).toEqual([400, "invalid network config:\ninvalid gateway 10.3.0.1: parent subnet 10.2.0.0/16 doesn't contain this address"]);
    expect(await refused({
      Name: 'x', EnableIPv6: true,
      IPAM: { Config: [{ Subnet: 'fd00::1/64', Gateway: '10.0.0.1', IPRange: '10.0.0.0/8' }, { Subnet: '10.0.0.1/8', AuxiliaryAddresses: { y: 'z' } }] },
    })).toEqual([400, [
      'invalid network config:', '* invalid subnet fd00::1/64: it should be fd00::/64', '* invalid ip-range 10.0.0.0/8: parent subnet is an IPv6 block',
      '* invalid gateway 10.0.0.1: parent subnet is an IPv6 block', '* invalid subnet 10.0.0.1/8: it should be 10.0.0.0/8', '* invalid auxiliary address y: invalid address',
    ].join('\n')]);
    // The status is 500 in Docker, though it is the client's mistake.
    expect((await refused({ Name: 'x', ...pool('10.2.0.0/16', { AuxiliaryAddresses: { a: '10.2.0.1' } }) }))[1]).toBe('failed to allocate secondary ip address (a:10.2.0.1): Address already in use');
    expect((await refused({ Name: 'x', ...pool('10.2.0.0/16', { Gateway: '10.2.255.255' }) }))[1]).toBe('failed to allocate gateway (10.2.255.255): Address already in use');
  });

  it('is options that cannot be', async () => {
    const option = (name: string, value: string) => refused({ Name: 'x', Options: { [`com.docker.network.${name}`]: value } });
    expect(await option('driver.mtu', 'x')).toEqual([400, 'failed to parse com.docker.network.driver.mtu value: x (strconv.Atoi: parsing "x": invalid syntax)']);
    expect(await option('driver.mtu', '-1')).toEqual([400, 'invalid MTU number: -1']);
    expect(await option('bridge.enable_icc', 'x')).toEqual([400, 'failed to parse com.docker.network.bridge.enable_icc value: x (strconv.ParseBool: parsing "x": invalid syntax)']);
    expect(await option('bridge.host_binding_ipv4', 'x')).toEqual([400, 'failed to parse com.docker.network.bridge.host_binding_ipv4 value: x (nil ip)']);
    expect((await option('bridge.name', 'outside'))[1]).toBe('existing interface outside is not a bridge');
    expect((await option('bridge.gateway_mode_ipv4', 'isolated'))[1]).toBe("gateway mode 'isolated' can only be used for an internal network");
    expect(await option('enable_ipv4', 'x')).toEqual([400, 'driver-opt "com.docker.network.enable_ipv4" is not a valid bool']);
  });

  it('is a parent interface that cannot be', async () => {
    const macvlan = async (options: object) => (await refused({ Name: 'x', Driver: 'macvlan', Options: options }))[1];
    expect(await macvlan({ parent: 'lo' })).toBe('loopback interface is not a valid macvlan parent link');
    expect(await macvlan({ parent: 'nope' })).toBe('invalid subinterface vlan name nope, example formatting is eth0.10');
    expect(await macvlan({ parent: 'nope.5' })).toBe('-o parent interface was not found on the host: nope');
    expect(await macvlan({ parent: 'outside.5000' })).toBe('vlan id must be between 1-4094, received: 5000');
    expect(await macvlan({ parent: 'outside', macvlan_mode: 'bad' })).toBe("requested macvlan mode 'bad' is not valid, 'bridge' mode is the macvlan driver default");
  });

  it('leaves no interface behind', () => {
    expect(interfaces().filter((name) => name?.startsWith('br-'))).toEqual([]);
  });
});

describe('lists', () => {
  it('are filtered', async () => {
    await create({ Name: 'listed-1', Labels: { a: 'b' } });
    await create({ Name: 'listed-2', Internal: true });
    expect(await names({ name: ['listed'] })).toEqual(['listed-1', 'listed-2']);
    expect(await names({ label: ['a=b'] })).toEqual(['listed-1']);
    expect(await names({ type: ['custom'] })).toEqual(['listed-1', 'listed-2']);
    expect(await names({ dangling: ['true'] })).toEqual(['listed-1', 'listed-2']);
    expect(await names({ dangling: ['false'], driver: ['bridge'] })).toEqual(['bridge']);
    expect(await names({ scope: ['swarm'] })).toEqual([]);
    const filtered = (filters: object) => subject.api.request('GET', `/networks?filters=${encodeURIComponent(JSON.stringify(filters))}`);
    expect((await filtered({ nope: ['x'] })).body.toString()).toContain("invalid filter 'nope'");
    expect((await filtered({ type: ['x'] })).body.toString()).toContain("invalid filter: 'type'='x'");
    expect((await filtered({ dangling: ['x'] })).status).toBe(400);
  });

  it('are pruned, by label too', async () => {
    expect(await subject.output('network', 'prune', '--force', '--filter', 'label=a')).toBe('Deleted Networks:\nlisted-1\n');
    expect(await subject.output('network', 'prune', '--force')).toBe('Deleted Networks:\nlisted-2\n');
    expect(await subject.api.json('POST', '/networks/prune')).toEqual({ NetworksDeleted: null });
  });
});

describe('the daemon\'s end', () => {
  ours('leaves networks as they were; a bridge that is gone comes back, one without a network goes', async () => {
    const made = (name: string) => subject.output('network', 'create', name);
    const [kept, lost, orphan] = [await made('kept'), await made('lost'), await made('orphan')];
    const bridge = `br-${kept.slice(0, 12)}`;
    const before = await inspect('kept');
    await subject.engine.endDaemon('SIGKILL');
    expect(interfaces()).toContain(bridge);
    await inside('ip', 'link', 'del', `br-${lost.slice(0, 12)}`);
    // As if it had been killed between making a bridge and noting its network.
    const database = new DatabaseSync(path.join(subject.engine.dataRoot, 'caisson.db'));
    database.prepare('DELETE FROM networks WHERE id = ?').run(orphan);
    database.close();
    await inside('ip', 'link', 'add', 'foreign', 'type', 'bridge');
    await subject.engine.startDaemon();
    expect(await subject.engine.client().json('GET', '/networks/kept')).toEqual(before);
    expect(interfaces()).toContain(`br-${lost.slice(0, 12)}`);
    expect(interfaces()).toContain('foreign');
    expect(interfaces()).not.toContain(`br-${orphan.slice(0, 12)}`);
    await inside('ip', 'link', 'del', 'foreign');
    await subject.output('network', 'rm', 'kept', 'lost');
  });

  ours('warns of a subnet that the host reaches already, and chooses none such', async () => {
    const { body } = await subject.engine.client().request('POST', '/networks/create', { Name: 'hides', ...pool('10.50.0.0/16') });
    expect((JSON.parse(body.toString()) as { Warning: string }).Warning).toContain('the subnet 10.50.0.0/16 overlaps 10.50.1.0/24, which this host reaches through outside');
    await subject.output('network', 'rm', 'hides');
    await inside('ip', 'addr', 'add', '172.18.9.1/24', 'dev', 'outside');
    await subject.output('network', 'create', 'beside');
    expect(await subject.output('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Subnet}}', 'beside')).toBe('172.19.0.0/16');
    await subject.output('network', 'rm', 'beside');
  });
});

leavesNothingBehind(subject);
