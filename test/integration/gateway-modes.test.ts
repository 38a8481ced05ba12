/** Gateway modes of bridges: who reaches containers by their own addresses, and under which address they leave. */
import { afterAll, beforeAll, expect } from 'bun:test';
import { Lab, type Node } from '../support/network-lab.ts';
import { TEST_PATIENCE } from '../support/patience.ts';
import { missing, requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, needs } = useEngine({ bridge: true, prepare: 'for each in all default; do echo 0 >/proc/sys/net/ipv6/conf/$each/accept_dad; done; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding' }, 'nf-tables', 'engine-28');
const it = requires(...needs);
const mode = (family: 4 | 6, value: string) => ['-o', `com.docker.network.bridge.gateway_mode_ipv${family}=${value}`];

let lab: Lab;
/** Has routes to the containers' networks, by way of the host; one of the host's interfaces to it is named in an option below. */
let outside: Node;

beforeAll(async () => {
  if (missing(...needs) !== undefined) return;
  lab = Lab.around(subject.engine.namespaces);
  outside = await lab.node({ hostAddresses: ['192.0.2.1/24', '2001:db8::1/64'] }, ['192.0.2.2/24', '2001:db8::2/64'], ['192.0.2.1', '2001:db8::1']);
  await lab.serve(outside, 'outside', 80);
  await subject.output('network', 'create', '--ipv6', 'other');
  await run('stranger', 'other');
}, TEST_PATIENCE);
afterAll(async () => lab?.end(), TEST_PATIENCE);

const [published, unpublished] = [80, 84];
const script = `echo "$TCPREMOTEADDR" | sed "s/:[0-9]*$//; s/[][]//g; s/::ffff://"`;

/** Serves two ports, and says whom it takes the caller for. */
async function run(name: string, network: string, ...flags: readonly string[]): Promise<{ v4: string; v6: string }> {
  const serve = `echo '${script}' >/s; for each in ${published} ${unpublished}; do tcpsvd -v :: $each sh /s 2>&1 & done; wait`;
  await subject.output('run', '-d', '--name', name, '--network', network, ...flags, 'busybox', 'sh', '-c', serve);
  for (let ready = 0; ready < 2;) ready = (await subject.output('logs', name)).match(/listening/g)?.length ?? 0;
  const [v4 = '', v6 = ''] = (await subject.inspect(name, '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}}{{end}}')).split(' ');
  return { v4, v6 };
}

const fromContainer = async (name: string, address: string, port: number): Promise<string | undefined> => {
  const { stdout } = await subject.docker('exec', name, 'sh', '-c', `nc -w 1 ${address} ${port} </dev/null`);
  return stdout.trim() === '' ? undefined : stdout.trim();
};

/** What each port says to outside, to the host, to a container of another network; undefined where nobody answers. */
async function reach(address: string): Promise<Record<string, (string | undefined)[]>> {
  const ports = [published, unpublished];
  const [byOutside, byHost, byStranger] = await Promise.all([
    Promise.all(ports.map((port) => outside.ask(address, port))), Promise.all(ports.map((port) => lab.host.ask(address, port))),
    Promise.all(ports.map((port) => fromContainer('stranger', address, port))),
  ]);
  return { outside: byOutside, host: byHost, stranger: byStranger };
}

const pings = async (address: string): Promise<boolean> => (await outside.shell(`$0 ping -c 1 -W 2 ${address}`)).code === 0;
const ports = async (name: string) => JSON.parse(await subject.inspect(name, '{{json .NetworkSettings.Ports}}')) as unknown;
const gateway = (name: string, field: 'Gateway' | 'IPv6Gateway') => subject.inspect(name, `{{range .NetworkSettings.Networks}}{{.${field}}}{{end}}`);
const nobody = [undefined, undefined];

it('nat: nobody outside reaches a container by its own address', async () => {
  await subject.output('network', 'create', '--ipv6', ...mode(4, 'nat'), ...mode(6, 'nat'), 'natted');
  const { v4, v6 } = await run('nat', 'natted', '-p', '8080:80');
  const [by4, by6] = [await gateway('nat', 'Gateway'), await gateway('nat', 'IPv6Gateway')];
  expect(await reach(v4)).toEqual({ outside: nobody, host: [by4, by4], stranger: nobody });
  expect(await reach(v6)).toEqual({ outside: nobody, host: [by6, by6], stranger: nobody });
  expect(await outside.ask('192.0.2.1', 8080)).toBe('192.0.2.2');
  expect(await pings(v4)).toBe(false);
});

it('nat-unprotected: outside reaches every port, other networks none', async () => {
  await subject.output('network', 'create', '--ipv6', ...mode(4, 'nat-unprotected'), ...mode(6, 'nat-unprotected'), 'open');
  const { v4, v6 } = await run('unprotected', 'open', '-p', '8180:80');
  expect(await reach(v4)).toMatchObject({ outside: ['192.0.2.2', '192.0.2.2'], stranger: nobody });
  expect(await reach(v6)).toMatchObject({ outside: ['2001:db8::2', '2001:db8::2'], stranger: nobody });
  expect([await pings(v4), await pings(v6)]).toEqual([true, true]);
  expect(await outside.ask('192.0.2.1', 8180)).toBe('192.0.2.2');
  expect(await fromContainer('unprotected', '192.0.2.2', 80)).toBe('outside: 192.0.2.1');
});

it('routed: published ports are reached by the own address, which it leaves under, and no port of the host leads there', async () => {
  await subject.output('network', 'create', '--ipv6', ...mode(4, 'routed'), ...mode(6, 'routed'), 'routed');
  const { v4, v6 } = await run('routed', 'routed', '-p', '8280:80', '-p', '127.0.0.1:8281:81', '-p', '82/udp');
  const everywhere = [{ HostIp: '0.0.0.0', HostPort: '' }, { HostIp: '::', HostPort: '' }];
  expect(await ports('routed')).toEqual({ '80/tcp': everywhere, '81/tcp': everywhere.slice(0, 1), '82/udp': everywhere });
  expect(await reach(v4)).toMatchObject({ outside: ['192.0.2.2', undefined], stranger: [await gateway('routed', 'Gateway'), undefined] });
  expect(await reach(v6)).toMatchObject({ outside: ['2001:db8::2', undefined], stranger: [await gateway('routed', 'IPv6Gateway'), undefined] });
  expect([await pings(v4), await pings(v6)]).toEqual([true, true]);
  expect([await outside.ask('192.0.2.1', 8280), await lab.host.ask('127.0.0.1', 8280)]).toEqual(nobody);
  expect(await fromContainer('routed', '192.0.2.2', 80)).toBe(`outside: ${v4}`);
  expect(await fromContainer('routed', '2001:db8::2', 80)).toBe(`outside: ${v6}`);
  const [shown] = await subject.api.json<{ Ports: object[] }[]>('GET', '/containers/json?filters={"name":["routed"]}');
  expect(shown?.Ports).toContainEqual({ IP: '0.0.0.0', PrivatePort: 80, Type: 'tcp' });
  // The same port once more: nobody holds it.
  await run('again', 'routed', '-p', '8280:80');
  await subject.output('rm', '-f', 'routed', 'again');
  expect((await reach(v4)).outside).toEqual(nobody);
});

it('each family has its own mode; an IPv6 address of the host leads to a container that has only IPv4', async () => {
  await subject.output('network', 'create', '--ipv6', ...mode(6, 'routed'), 'mixed');
  await run('mixed', 'mixed', '-p', '8380:80');
  expect(await ports('mixed')).toEqual({ '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8380' }, { HostIp: '::', HostPort: '' }] });
  await subject.output('network', 'create', ...mode(4, 'routed'), 'only-four');
  await run('four', 'only-four', '-p', '8480:80', '-p', '192.0.2.1:8481:81');
  expect(await ports('four')).toEqual({
    '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '' }, { HostIp: '::', HostPort: '8480' }], '81/tcp': [{ HostIp: '0.0.0.0', HostPort: '' }],
  });
  expect(await outside.ask('2001:db8::1', 8480)).toBe(await gateway('four', 'Gateway'));
});

it('isolated: an internal network, of which the host is no part', async () => {
  expect((await subject.docker('network', 'create', ...mode(4, 'isolated'), 'apart')).stderr).toContain("gateway mode 'isolated' can only be used for an internal network");
  expect((await subject.docker('network', 'create', ...mode(4, ''), 'apart')).stderr).toContain('failed to parse com.docker.network.bridge.gateway_mode_ipv4 value:  (unknown gateway mode )');
  await subject.output('network', 'create', '--internal', ...mode(4, 'isolated'), 'apart');
  const { v4 } = await run('apart', 'apart');
  await run('neighbour', 'apart');
  expect(await fromContainer('neighbour', 'apart', unpublished)).toMatch(/^\d/);
  expect(await reach(v4)).toEqual({ outside: nobody, host: nobody, stranger: nobody });
  expect(await gateway('apart', 'Gateway')).toBe('');
});

it('a trusted interface leads to published ports by the own address', async () => {
  const name = (await lab.host.do('$0 ip -o addr show to 192.0.2.1')).split(/\s+/)[1] ?? '';
  await subject.output('network', 'create', '--ipv6', '-o', `com.docker.network.bridge.trusted_host_interfaces=nothing:${name}`, 'trusting');
  const { v4, v6 } = await run('trusting', 'trusting', '-p', '8580:80');
  expect((await reach(v4)).outside).toEqual(['192.0.2.2', undefined]);
  expect((await reach(v6)).outside).toEqual(['2001:db8::2', undefined]);
  expect(await outside.ask('192.0.2.1', 8580)).toBe('192.0.2.2');
});

leavesNothingBehind(subject);
