/** The packet filter on real traffic: a host with three networks, a container on each (two on the first), and an outside host. */
import { afterAll, beforeAll, expect } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Lab, type Node } from '../support/network-lab.ts';
import type { NetworkText, PortText, StateText } from '../support/network-driver.ts';
import { engineProcesses } from '../support/processes.ts';
import { TEST_PATIENCE } from '../support/patience.ts';
import { missing, requires } from '../support/requirements.ts';

const needs = ['root', 'nf-tables'] as const;
const it = requires(...needs);
const table = 'caisson-test';

let lab: Lab;
const at: Record<'outside' | 'first' | 'second' | 'other' | 'secret', Node> = {} as never;

const network = (bridge: string, subnets: readonly string[], more: Partial<NetworkText> = {}): NetworkText =>
  ({ bridge, subnets, internal: false, icc: true, masquerade: true, ...more });
const networks = [
  network('br-one', ['172.18.0.0/16', 'fd18::/64']),
  network('br-two', ['172.19.0.0/16', 'fd19::/64']),
  network('br-secret', ['172.20.0.0/16'], { internal: true }),
  network('br-routed', ['172.21.0.0/16', 'fd21::/64'], { mode: 'routed' }),
];
const both = (port: Omit<PortText, 'protocol'>): PortText[] => [{ protocol: 'tcp', ...port }, { protocol: 'udp', ...port }];
const ports = [
  ...both({ hostPort: 8080, address: '172.18.0.2', port: 80 }),
  ...both({ hostPort: 8080, address: 'fd18::2', port: 80 }),
  ...both({ hostAddress: '127.0.0.1', hostPort: 8081, address: '172.18.0.2', port: 80 }),
  ...both({ hostAddress: '192.0.2.1', hostPort: 8082, address: '172.19.0.2', port: 80 }),
];
const whole: StateText = { networks, ports, guarded: [4, 6] };

beforeAll(async () => {
  if (missing(...needs) !== undefined) return;
  lab = await Lab.make();
  await lab.bridge('br-one', '172.18.0.1/16', 'fd18::1/64');
  await lab.bridge('br-two', '172.19.0.1/16', 'fd19::1/64');
  await lab.bridge('br-secret', '172.20.0.1/16');
  at.first = await lab.node({ master: 'br-one' }, ['172.18.0.2/16', 'fd18::2/64'], ['172.18.0.1', 'fd18::1']);
  at.second = await lab.node({ master: 'br-one' }, ['172.18.0.3/16', 'fd18::3/64'], ['172.18.0.1', 'fd18::1']);
  at.other = await lab.node({ master: 'br-two' }, ['172.19.0.2/16', 'fd19::2/64'], ['172.19.0.1', 'fd19::1']);
  at.secret = await lab.node({ master: 'br-secret' }, ['172.20.0.2/16'], ['172.20.0.1']);
  // It has routes to the networks, as a hostile neighbour would.
  at.outside = await lab.node({ hostAddresses: ['192.0.2.1/24', '2001:db8::1/64'] }, ['192.0.2.2/24', '2001:db8::2/64'], ['192.0.2.1', '2001:db8::1']);
  for (const [name, node] of Object.entries(at)) await lab.serve(node, name, 80);
  expect(await lab.steps({ do: 'forward', family: 4 }, { do: 'forward', family: 6 }, { do: 'ensure', table, state: whole })).toEqual([true, true, 'missing']);
}, TEST_PATIENCE);
afterAll(async () => lab?.end(), TEST_PATIENCE);

for (const protocol of ['tcp', 'udp'] as const) {
  it(`${protocol}: a published port is reached from outside, which the container sees`, async () => {
    expect(await at.outside.ask('192.0.2.1', 8080, protocol)).toBe('first: 192.0.2.2');
    expect(await at.outside.ask('2001:db8::1', 8080, protocol)).toBe('first: 2001:db8::2');
    expect(await at.outside.ask('192.0.2.1', 8082, protocol)).toBe('other: 192.0.2.2');
  }, TEST_PATIENCE);

  it(`${protocol}: it is reached from the host, by each of its addresses`, async () => {
    expect(await lab.host.ask('192.0.2.1', 8080, protocol)).toBe('first: 192.0.2.1');
    expect(await lab.host.ask('2001:db8::1', 8080, protocol)).toBe('first: 2001:db8::1');
    expect(await lab.host.ask('172.18.0.1', 8080, protocol)).toBe('first: 172.18.0.1');
    expect(await lab.host.ask('127.0.0.1', 8080, protocol)).toBe('first: 172.18.0.1');
    expect(await lab.host.ask('127.0.0.1', 8081, protocol)).toBe('first: 172.18.0.1');
  }, TEST_PATIENCE);

  it(`${protocol}: it is reached from containers: itself, its neighbour, another network's`, async () => {
    expect(await at.first.ask('192.0.2.1', 8080, protocol)).toBe('first: 172.18.0.1');
    expect(await at.second.ask('192.0.2.1', 8080, protocol)).toBe('first: 172.18.0.1');
    expect(await at.second.ask('172.18.0.1', 8080, protocol)).toBe('first: 172.18.0.1');
    expect(await at.second.ask('fd18::1', 8080, protocol)).toBe('first: fd18::1');
    expect(await at.other.ask('192.0.2.1', 8080, protocol)).toBe('first: 172.18.0.1');
    expect(await at.other.ask('2001:db8::1', 8080, protocol)).toBe('first: fd18::1');
  }, TEST_PATIENCE);
}

it('a port is not reached by an address that it is not published on', async () => {
  expect(await at.outside.ask('192.0.2.1', 8081)).toBeUndefined();
  expect(await at.second.ask('172.18.0.1', 8081)).toBeUndefined();
  expect(await lab.host.ask('127.0.0.1', 8082)).toBeUndefined();
}, TEST_PATIENCE);

it('containers reach outside under the address of the host, neighbours under their own', async () => {
  expect(await at.first.ask('192.0.2.2', 80)).toBe('outside: 192.0.2.1');
  expect(await at.first.ask('2001:db8::2', 80)).toBe('outside: 2001:db8::1');
  expect(await at.first.ask('172.18.0.3', 80)).toBe('second: 172.18.0.2');
}, TEST_PATIENCE);

it('the host reaches containers, of internal networks too', async () => {
  expect(await lab.host.ask('172.18.0.2', 80)).toBe('first: 172.18.0.1');
  expect(await lab.host.ask('172.20.0.2', 80)).toBe('secret: 172.20.0.1');
}, TEST_PATIENCE);

it('nobody outside reaches what is not published, whatever route they have', async () => {
  expect(await at.outside.ask('172.18.0.2', 80)).toBeUndefined();
  expect(await at.outside.ask('fd18::2', 80)).toBeUndefined();
  expect(await at.outside.ask('172.19.0.2', 80)).toBeUndefined();
}, TEST_PATIENCE);

it('networks are apart, both ways', async () => {
  expect(await at.first.ask('172.19.0.2', 80)).toBeUndefined();
  expect(await at.other.ask('172.18.0.2', 80)).toBeUndefined();
  expect(await at.first.ask('fd19::2', 80)).toBeUndefined();
}, TEST_PATIENCE);

it('an internal network reaches nothing and is reached by nothing', async () => {
  expect(await at.secret.ask('192.0.2.2', 80)).toBeUndefined();
  expect(await at.secret.ask('172.18.0.2', 80)).toBeUndefined();
  expect(await at.secret.ask('192.0.2.1', 8080)).toBeUndefined();
  expect(await at.first.ask('172.20.0.2', 80)).toBeUndefined();
  expect(await at.outside.ask('172.20.0.2', 80)).toBeUndefined();
}, TEST_PATIENCE);

it('a container does not reach what listens on the loopback address of the host', async () => {
  await lab.serve(lab.host, 'host', 9000, '127.0.0.1');
  expect(await lab.host.ask('127.0.0.1', 9000)).toBe('host: 127.0.0.1');
  await at.first.do('$0 ip route add 127.0.0.1/32 via 172.18.0.1 table main; $0 ip route del local 127.0.0.0/8 table local; $0 ip route del local 127.0.0.1 table local; echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet; $0 ip addr del 127.0.0.1/8 dev lo; :');
  expect(await at.first.ask('127.0.0.1', 9000)).toBeUndefined();
}, TEST_PATIENCE);

it('a host that did not forward before does so for containers alone', async () => {
  const [left, right] = ['198.51.100', '203.0.113'];
  const neighbour = await lab.node({ hostAddresses: [`${left}.1/24`] }, [`${left}.2/24`], [`${left}.1`]);
  const far = await lab.node({ hostAddresses: [`${right}.1/24`] }, [`${right}.2/24`], [`${right}.1`]);
  await lab.serve(far, 'far', 80);
  expect(await neighbour.ask(`${right}.2`, 80)).toBeUndefined();
  await lab.steps({ do: 'ensure', table, state: { ...whole, guarded: [] } });
  expect(await neighbour.ask(`${right}.2`, 80)).toBe(`far: ${left}.2`);
  await lab.steps({ do: 'ensure', table, state: whole });
}, TEST_PATIENCE);

it('a table that somebody removed or changed is noticed and put right', async () => {
  const ensure = { do: 'ensure', table, state: whole } as const;
  expect(await lab.steps(ensure, { do: 'remove', table })).toEqual(['whole', null]);
  expect(await at.outside.ask('192.0.2.1', 8080)).toBeUndefined();
  expect(await lab.steps(ensure, { do: 'flush-chain', table, chain: 'published' })).toEqual(['missing', null]);
  expect(await at.outside.ask('192.0.2.1', 8080)).toBeUndefined();
  expect(await lab.steps(ensure, { do: 'unpublish', table, ports: ports.slice(0, 1) })).toEqual(['different', null]);
  expect(await at.outside.ask('192.0.2.1', 8080)).toBeUndefined();
  expect(await lab.steps(ensure, ensure)).toEqual(['elements', 'whole']);
  expect(await at.outside.ask('192.0.2.1', 8080)).toBe('first: 192.0.2.2');
}, TEST_PATIENCE);

it('a removed table is noticed while it is watched', async () => {
  expect(await lab.steps({ do: 'watch', table, state: whole }, { do: 'ensure', table, state: whole })).toEqual(['missing', 'whole']);
}, TEST_PATIENCE);

it('ports and networks come and go without the rest', async () => {
  const more: PortText[] = [{ protocol: 'tcp', hostPort: 8090, address: '172.18.0.3', port: 80 }];
  await lab.steps({ do: 'publish', table, ports: more });
  expect(await at.outside.ask('192.0.2.1', 8090)).toBe('second: 192.0.2.2');
  await lab.steps({ do: 'unpublish', table, ports: more });
  expect(await at.outside.ask('192.0.2.1', 8090)).toBeUndefined();
  expect(await lab.attempt({ do: 'unpublish', table, ports: more })).toEqual([{ refused: 'ENOENT' }]);
  const fresh = network('br-fresh', ['10.9.0.0/24', '255.255.255.0/24', 'fd99::/112']);
  const answers = await lab.steps({ do: 'add-network', table, network: fresh }, { do: 'remove-network', table, network: fresh }, { do: 'ensure', table, state: whole });
  expect(answers.at(-1)).toBe('whole');
}, TEST_PATIENCE);

it('the plan of a container publishes a thousand ports, and takes them back when no daemon is there', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'caisson-ports-'));
  const before = engineProcesses(lab.host.namespaces);
  const many = Array.from({ length: 1000 }, (_, index): PortText => ({ protocol: 'tcp', hostPort: 10_000 + index, address: '172.18.0.3', port: 80 }));
  const [pid] = (await lab.steps({ do: 'launch', table, directory, ports: many })) as [number];
  expect(await at.outside.ask('192.0.2.1', 10_000)).toBe('second: 192.0.2.2');
  expect(await at.outside.ask('192.0.2.1', 10_999)).toBe('second: 192.0.2.2');
  expect((await lab.host.shell('$0 nc -l -p 10999 </dev/null')).stderr).toMatch(/bind: Address .*in use/);
  process.kill(pid, 'SIGKILL');
  while (engineProcesses(lab.host.namespaces).some((each) => !before.includes(each))) await Bun.sleep(10);
  expect(await lab.steps({ do: 'ensure', table, state: whole })).toEqual(['whole']);
  rmSync(directory, { recursive: true });
}, TEST_PATIENCE);

it('the kernel tells back what it was told, whatever that is', async () => {
  const random = (below: number) => Math.floor(Math.random() * below);
  const some = () => Array.from({ length: random(20) });
  const hex = () => random(65536).toString(16);
  const address = (family: 4 | 6) => (family === 4 ? [10, random(256), random(256), random(256)].join('.') : `fd00:${hex()}:${hex()}:${hex()}::${hex()}`);
  const state = (): StateText => ({
    guarded: random(2) === 0 ? [] : [6],
    // Networks do not overlap, and a port is published once.
    networks: some().map((_, index) =>
      network(`br-${index}`, [`10.${index}.${random(4) * 64}.0/18`, `fd00:${index}::/${32 + random(90)}`], { 
        internal: random(2) === 0, icc: random(2) === 0, masquerade: random(2) === 0, mode: (['nat', 'nat-unprotected', 'routed', 'isolated'] as const)[random(4)] as 'nat',
        trusted: some().map((_each, at) => `lan${at % 3}`),
      })),
    ports: some().flatMap((_, index): PortText[] => {
      const family = random(2) === 0 ? 4 : 6;
      const protocol = (['tcp', 'udp', 'sctp'] as const)[random(3)] as 'tcp';
      const reached = { protocol, address: address(family), port: 1 + random(65535) };
      return random(4) === 0 ? [reached] : [{ ...reached, hostPort: 1024 + index * 3000 + random(3000), ...(random(2) === 0 ? {} : { hostAddress: address(family) }) }];
    }),
  });
  const states = Array.from({ length: 30 }, state);
  const [found] = await lab.steps({ do: 'echo', table, states }, { do: 'ensure', table, state: whole });
  expect((found as string).split(' ').filter((each) => !each.endsWith(',whole'))).toEqual([]);
}, TEST_PATIENCE);
