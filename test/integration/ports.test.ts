/** Published ports: who reaches them, what is shown of them, and whose they are. */
import { afterAll, beforeAll, expect } from 'bun:test';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { run as runCommand } from '../support/command.ts';
import { caissonCommand } from '../support/engine.ts';
import { Lab, type Node } from '../support/network-lab.ts';
import { TEST_PATIENCE } from '../support/patience.ts';
import { missing, requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine({ bridge: true, prepare: 'for each in all default; do echo 0 >/proc/sys/net/ipv6/conf/$each/accept_dad; done; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding' }, 'nf-tables');
const caisson = requires(...needs, 'caisson');
const newEngine = requires(...needs, 'engine-28');
const [hostAddress, hostAddress6] = ['192.0.2.1', '2001:db8::1'];

/** As the engine names it. */
const table = () => `caisson-${createHash('sha256').update(subject.engine.execRoot).digest('hex').slice(0, 8)}`;

let lab: Lab;
let outside: Node;

beforeAll(async () => {
  if (missing(...needs) !== undefined) return;
  lab = Lab.around(subject.engine.namespaces);
  outside = await lab.node({ hostAddresses: [`${hostAddress}/24`, `${hostAddress6}/64`] }, ['192.0.2.2/24', '2001:db8::2/64'], [hostAddress, hostAddress6]);
}, TEST_PATIENCE);
afterAll(async () => lab?.end(), TEST_PATIENCE);

/** Answers with its name and the address of whoever asks. */
const answer = (name: string) => `echo "${name}: $TCPREMOTEADDR$UDPREMOTEADDR" | sed 's/:[0-9]*$//; s/[][]//g; s/::ffff://'`;
const serve = (name: string, port = 80) =>
  ['sh', '-c', `for each in tcp udp; do \${each}svd -v :: ${port} sh -c '${answer(name).replaceAll("'", `'\\''`)}' & done; wait`];
const run = (name: string, ...flags: string[]) => subject.output('run', '-d', '--name', name, ...flags, 'busybox', ...serve(name));
/** The same, and what it says when it cannot be started. */
const refused = async (name: string, ...flags: string[]) => {
  const { code, stderr } = await subject.docker('run', '-d', '--name', name, ...flags, 'busybox', 'sleep', '1000');
  expect(code).toBe(125);
  return stderr;
};
const ports = async (name: string): Promise<Record<string, { HostIp: string; HostPort: string }[] | null>> => JSON.parse(await subject.inspect(name, '{{json .NetworkSettings.Ports}}'));
const gateway = (name: string) => subject.inspect(name, '{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}');
/** Until the server in the container listens, and the rules lead there. */
const asked = async (node: Node, address: string, port: number, protocol: 'tcp' | 'udp' = 'tcp') => {
  for (const end = Date.now() + 10_000; Date.now() < end;) {
    const said = await node.ask(address, port, protocol);
    if (said !== undefined) return said;
  }
  return undefined;
};
const everywhere = (port: number | string) => [{ HostIp: '0.0.0.0', HostPort: String(port) }, { HostIp: '::', HostPort: String(port) }];

it('is reached from outside and from every address of the host, under the address of who asks', async () => {
  await run('web', '-p', '8080:80', '-p', '8080:80/udp');
  for (const protocol of ['tcp', 'udp'] as const) {
    expect(await asked(outside, hostAddress, 8080, protocol)).toBe('web: 192.0.2.2');
    expect(await lab.host.ask(hostAddress, 8080, protocol)).toMatch(/^web: (192\.0\.2\.1|172\.\d+\.\d+\.1)$/);
    expect(await lab.host.ask('127.0.0.1', 8080, protocol)).toBe(`web: ${await gateway('web')}`);
  }
});

it('is reached by IPv6, and by ::1, whatever addresses the container has', async () => {
  await subject.output('network', 'create', '--ipv6', 'double');
  await run('four', '-p', '8180:80', '-p', '8180:80/udp', '-p', '[::1]:8181:80');
  await run('six', '--network', 'double', '-p', '8182:80', '-p', '8182:80/udp');
  for (const protocol of ['tcp', 'udp'] as const) {
    expect(await asked(outside, hostAddress6, 8180, protocol)).toBe(`four: ${await gateway('four')}`);
    expect(await lab.host.ask('::1', 8180, protocol)).toBe(`four: ${await gateway('four')}`);
    expect(await asked(outside, hostAddress6, 8182, protocol)).toBe('six: 2001:db8::2');
    expect(await lab.host.ask('::1', 8182, protocol)).toMatch(/^six: f[cd]/);
  }
  expect(await lab.host.ask('::1', 8181)).toMatch(/^four: /);
  expect(await outside.ask(hostAddress6, 8181)).toBeUndefined();
  // A connection that the relay has closed first is remembered by the kernel for a minute, and is in nobody's way.
  await lab.host.do('$0 sleep 1 | $0 nc ::1 8180');
  await subject.output('restart', '-t', '0', 'four');
  expect(await asked(lab.host, '::1', 8180)).toMatch(/^four: /);
  await subject.output('rm', '-f', 'four', 'six');
  await subject.output('network', 'rm', 'double');
});

it('relays as much as there is, both ways, and the end of it', async () => {
  const size = 20_000_000;
  // Says how much it was sent when that has ended, and sends as much.
  const answering = `wc -c; head -c ${size} /dev/zero`;
  await subject.output('run', '-d', '--name', 'bulk', '-p', '8185:80', 'busybox', 'tcpsvd', '0.0.0.0', '80', 'sh', '-c', answering);
  const exchange = (port: number, address = '::1') => lab.host.do(`$0 head -c ${size} /dev/zero | $0 nc ${address} ${port} | (read n; echo $n $($0 wc -c))`);
  while (!(await exchange(8185, '127.0.0.1')).startsWith(String(size))) await Bun.sleep(20);
  const copies = await Promise.all([1, 2, 3].map(() => exchange(8185)));
  expect(copies).toEqual(copies.map(() => `${size} ${size}`));
  await subject.output('rm', '-f', 'bulk');
});

it('is shown by inspect, ps and port, and of what has ended no more', async () => {
  await run('shown', '-p', '8090:80', '-p', '127.0.0.1:81:81', '-p', '90-91:190-191/udp', '-p', '5:80', '--expose', '70');
  expect(Object.entries(await ports('shown'))).toEqual([
    ['190/udp', everywhere(90)], ['191/udp', everywhere(91)], ['70/tcp', null], ['80/tcp', [...everywhere(5), ...everywhere(8090)]], ['81/tcp', [{ HostIp: '127.0.0.1', HostPort: '81' }]],
  ]);
  expect((await subject.output('port', 'shown')).split('\n')).toEqual([
    '80/tcp -> 0.0.0.0:5', '80/tcp -> 0.0.0.0:8090', '80/tcp -> [::]:5', '80/tcp -> [::]:8090', '81/tcp -> 127.0.0.1:81',
    '190/udp -> 0.0.0.0:90', '190/udp -> [::]:90', '191/udp -> 0.0.0.0:91', '191/udp -> [::]:91',
  ]);
  const listed = async () => (await subject.api.json<{ Names: string[]; Ports: object[] }[]>('GET', '/containers/json?all=1')).find(({ Names }) => Names.includes('/shown'))?.Ports;
  expect(await listed()).toContainEqual({ IP: '::', PrivatePort: 191, PublicPort: 91, Type: 'udp' });
  expect(await listed()).toContainEqual({ PrivatePort: 70, Type: 'tcp' });
  expect(await subject.output('ps', '--filter', 'publish=8090', '--format', '{{.Names}}')).toBe('shown');
  expect(await subject.output('ps', '--filter', 'expose=70', '--format', '{{.Names}}')).toBe('shown');
  expect(await subject.output('ps', '--filter', 'publish=80', '--format', '{{.Names}}')).toBe('');
  await subject.output('stop', '-t', '0', 'shown');
  expect(await ports('shown')).toEqual({});
  expect(await listed()).toEqual([]);
  expect(JSON.parse(await subject.inspect('shown', '{{json .HostConfig.PortBindings}}'))['81/tcp']).toEqual([{ HostIp: '127.0.0.1', HostPort: '81' }]);
  await subject.output('rm', 'shown');
});

it('gives any port, another at each start, and what is exposed with -P', async () => {
  await run('any', '-p', '80', '-p', '9000-9010:99');
  const first = await ports('any');
  expect(Number(first['80/tcp']?.[0]?.HostPort)).toBeGreaterThanOrEqual(32768);
  expect(first['99/tcp']).toEqual(everywhere(9000));
  await subject.output('restart', '-t', '0', 'any');
  const second = await ports('any');
  expect(second['80/tcp']?.[0]?.HostPort).not.toBe(first['80/tcp']?.[0]?.HostPort as string);
  expect(second['99/tcp']).toEqual(everywhere(9001));
  expect(await asked(outside, hostAddress, Number(second['80/tcp']?.[0]?.HostPort))).toBe('any: 192.0.2.2');
  await run('all', '-P', '--expose', '80', '--expose', '70/udp', '-p', '8088:80');
  expect((await ports('all'))['80/tcp']).toEqual(everywhere(8088));
  expect((await ports('all'))['70/udp']).toHaveLength(2);
  await subject.output('rm', '-f', 'any', 'all');
});

newEngine('refuses ports that a container has, before it starts, and keeps nothing of it', async () => {
  await run('owner', '-p', '8100:80', '-p', '127.0.0.1:8101:80');
  const failed = /failed to set up container networking: driver failed programming external connectivity on endpoint (\w+) \([0-9a-f]{64}\): /;
  expect(await refused('same', '-p', '8102:80', '-p', '8100:80')).toMatch(new RegExp(`${failed.source}Bind for 0.0.0.0:8100 failed: port is already allocated`));
  expect(await refused('loop', '-p', '127.0.0.1:8100:80')).toContain('Bind for 0.0.0.0:8100 failed: port is already allocated');
  expect(await refused('loop6', '-p', '[::1]:8100:80')).toContain('Bind for :::8100 failed: port is already allocated');
  expect(await refused('whole', '-p', '8101:80')).toContain('Bind for 127.0.0.1:8101 failed: port is already allocated');
  expect(await refused('twice', '-p', '8103:80', '-p', '8103:80')).toContain('failed to listen on TCP socket: address already in use');
  const { State, NetworkSettings } = JSON.parse(await subject.output('inspect', '--format', '{{json .}}', 'same'));
  expect(State).toMatchObject({ Status: 'created', ExitCode: 128, Error: expect.stringMatching(/Bind for 0\.0\.0\.0:8100/) });
  expect(NetworkSettings.Ports).toEqual({});
  expect(await subject.api.request('POST', '/containers/same/start')).toMatchObject({ status: 500 });
  await run('free', '-p', '8102:80', '-p', '127.0.0.2:8101:80', '-p', '8100:80/udp');
  expect(await asked(outside, hostAddress, 8102)).toBe('free: 192.0.2.2');
  await subject.output('rm', '-f', 'owner', 'free');
  await subject.output('start', 'same');
  await subject.output('rm', '-f', 'same', 'loop', 'loop6', 'whole', 'twice');
});

newEngine("refuses ports of the host's own programs, and takes others of a range", async () => {
  const [command = '', ...args] = lab.host.namespaces.enter([process.execPath, '-e', "require('net').createServer().listen(8110, '0.0.0.0', () => console.log('listening'))"]);
  const program = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, BUN_BE_BUN: '1' } });
  await once(program.stdout, 'data');
  expect(await refused('late', '-p', '8110:80')).toMatch(/failed to bind host port for 0\.0\.0\.0:8110:172\.\d+\.\d+\.\d+:80\/tcp: address already in use/);
  expect(await refused('later', '-p', '127.0.0.1:8110:80')).toMatch(/failed to bind host port for 127\.0\.0\.1:8110:172\.\d+\.\d+\.\d+:80\/tcp: address already in use/);
  expect(await refused('elsewhere', '-p', '198.51.100.9:8110:80')).toMatch(/failed to bind host port for 198\.51\.100\.9:8110:\S+: cannot assign requested address/);
  await run('ranged', '-p', '8110-8111:80');
  expect((await ports('ranged'))['80/tcp']).toEqual(everywhere(8111));
  const ended = once(program, 'exit');
  program.kill('SIGKILL');
  await ended;
  await subject.output('start', 'late');
  await subject.output('rm', '-f', 'late', 'later', 'ranged', 'elsewhere');
});

it('holds the port against programs of the host while it runs', async () => {
  await run('holder', '-p', '8120:80');
  expect((await lab.host.shell('$0 nc -l -p 8120 </dev/null')).stderr).toMatch(/[Aa]ddress (already )?in use/);
  await subject.output('rm', '-f', 'holder');
  expect(await lab.host.do('$0 timeout 1 $0 nc -l -p 8120 </dev/null; echo $?')).not.toBe('1');
});

it('reaches itself and others by the address of the host', async () => {
  await run('echo', '-p', '8130:80');
  await asked(outside, hostAddress, 8130);
  const ask = (from: string, ...address: string[]) => subject.output('exec', from, 'sh', '-c', `echo hello | nc -w 2 ${address.join(' ')}`);
  await subject.output('network', 'create', 'apart');
  await subject.output('run', '-d', '--name', 'near', 'busybox', 'sleep', '1000');
  await subject.output('run', '-d', '--name', 'far', '--network', 'apart', 'busybox', 'sleep', '1000');
  for (const from of ['echo', 'near', 'far']) expect(await ask(from, hostAddress, '8130')).toMatch(/^echo: /);
  expect(await ask('near', await gateway('near'), '8130')).toMatch(/^echo: /);
  await subject.output('rm', '-f', 'echo', 'near', 'far');
  await subject.output('network', 'rm', 'apart');
});

newEngine('publishes where the networks have a way out, on the address that they say', async () => {
  await subject.output('network', 'create', '--internal', 'closed');
  await subject.output('network', 'create', '--ipv6', 'both');
  await subject.output('network', 'create', '--ipv6', '--ipv4=false', 'six');
  await subject.output('network', 'create', '-o', 'com.docker.network.bridge.host_binding_ipv4=127.0.0.1', 'local');
  await run('inside', '--network', 'closed', '-p', '8140:80', '--expose', '81');
  expect(await ports('inside')).toEqual({});
  await run('dual', '--network', 'both', '-p', '8141:80');
  expect(await ports('dual')).toEqual({ '80/tcp': everywhere(8141) });
  expect(await asked(outside, hostAddress6, 8141)).toBe('dual: 2001:db8::2');
  expect(await asked(outside, hostAddress, 8141)).toBe('dual: 192.0.2.2');
  await run('only', '--network', 'six', '-p', '8142:80', '-p', '127.0.0.1:8143:80');
  expect(await ports('only')).toEqual({ '80/tcp': [{ HostIp: '::', HostPort: '8142' }] });
  await run('near', '--network', 'local', '-p', '8144:80', '-p', '0.0.0.0:8145:80');
  expect(await ports('near')).toEqual({ '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8144' }, { HostIp: '0.0.0.0', HostPort: '8145' }] });
  expect(await asked(lab.host, '127.0.0.1', 8144)).toMatch(/^near: /);
  expect(await outside.ask(hostAddress, 8144)).toBeUndefined();
  expect(await outside.ask(hostAddress, 8145)).toBe('near: 192.0.2.2');
  await subject.output('rm', '-f', 'inside', 'dual', 'only', 'near');
  await subject.output('network', 'rm', 'closed', 'both', 'six', 'local');
});

newEngine('follows the way out when networks are connected and disconnected', async () => {
  await subject.output('network', 'create', '--internal', 'closed');
  for (const name of ['first', 'second']) await subject.output('network', 'create', name);
  await subject.output('network', 'create', '--ipv6', 'third');
  await run('mover', '--network', 'closed', '-p', '8190:80', '-p', '80');
  expect(await ports('mover')).toEqual({});
  await subject.output('network', 'connect', 'second', 'mover');
  expect((await ports('mover'))['80/tcp']).toContainEqual({ HostIp: '::', HostPort: '8190' });
  expect(await asked(outside, hostAddress, 8190)).toBe('mover: 192.0.2.2');
  // The default route is that of the first by name.
  await subject.output('network', 'connect', 'first', 'mover');
  expect(await asked(outside, hostAddress, 8190)).toBe('mover: 192.0.2.2');
  expect(await lab.host.ask('127.0.0.1', 8190)).toBe(`mover: ${await subject.inspect('mover', '{{.NetworkSettings.Networks.first.Gateway}}')}`);
  await subject.output('network', 'connect', 'third', 'mover');
  expect(await asked(outside, hostAddress6, 8190)).toBe('mover: 2001:db8::2');
  expect(await outside.ask(hostAddress, 8190)).toBe('mover: 192.0.2.2');
  // It has both families, and goes before those that have one.
  expect(await lab.host.ask('127.0.0.1', 8190)).toBe(`mover: ${await subject.inspect('mover', '{{.NetworkSettings.Networks.third.Gateway}}')}`);
  await subject.output('network', 'disconnect', 'third', 'mover');
  expect(await lab.host.ask('127.0.0.1', 8190)).toBe(`mover: ${await subject.inspect('mover', '{{.NetworkSettings.Networks.first.Gateway}}')}`);
  for (const name of ['second', 'first']) await subject.output('network', 'disconnect', name, 'mover');
  expect(await ports('mover')).toEqual({});
  expect(await outside.ask(hostAddress, 8190)).toBeUndefined();
  await run('taker', '-p', '8190:80');
  const taken = await subject.docker('network', 'connect', 'second', 'mover');
  expect(taken.stderr).toMatch(/driver failed programming external connectivity on endpoint mover \(\w+\): Bind for 0\.0\.0\.0:8190 failed: port is already allocated/);
  expect(await asked(outside, hostAddress, 8190)).toBe('taker: 192.0.2.2');
  await subject.output('rm', '-f', 'mover', 'taker');
  await subject.output('network', 'rm', 'closed', 'first', 'second', 'third');
});

caisson('is explained: who reaches it, and by which rules', async () => {
  await subject.clear();
  await run('told', '-p', '8210:80', '-p', '127.0.0.1:8211:81/udp');
  const own = (...words: string[]) => runCommand([...caissonCommand(), '--host', subject.engine.host, 'port', ...words]);
  expect((await own('told')).stdout).toBe(`${await subject.output('port', 'told')}\n`);
  expect(await own('told', '80')).toMatchObject({ code: 0, stdout: '0.0.0.0:8210\n[::]:8210\n' });
  expect(await own('told', '82')).toMatchObject({ code: 1, stderr: "Error: No public port '82' published for told\n" });
  await lab.steps({ do: 'drop-input', from: 'nothing' });
  const address = await subject.inspect('told', '{{.NetworkSettings.IPAddress}}');
  const { stdout } = await own('told', '--explain');
  expect(stdout).toContain(`80/tcp -> 0.0.0.0:8210   (network bridge, ${address})
  from other hosts, at any IPv4 address of this one
    seen as themselves; table inet ${table()}: prerouting → published, map published4-all
`);
  expect(stdout).toContain(`80/tcp -> [::]:8210   (network bridge, ${address})
  from other hosts, at any IPv6 address of this one
    seen as the bridge's address; the host's input rules, then the relay of the container's shim
`);
  expect(stdout).toContain('  other rules on the way from outside: inet lab input (policy accept)\n');
  expect(stdout).toContain(`81/udp -> 127.0.0.1:8211   (network bridge, ${address})
  from this host, at 127.0.0.1
    seen as the bridge's address; table inet ${table()}: output → published, map published4
`);
  await lab.steps({ do: 'remove', table: 'lab' });
  await subject.output('rm', '-f', 'told');
});

caisson('is led to again when somebody has removed the rules, or some of them', async () => {
  await subject.clear();
  await run('watched', '-p', '8200:80');
  await run('beside', '-p', '8201:80');
  await asked(outside, hostAddress, 8200);
  await lab.steps({ do: 'remove', table: table() });
  expect(await outside.ask(hostAddress, 8200)).toBeUndefined();
  expect(await asked(outside, hostAddress, 8200)).toBe('watched: 192.0.2.2');
  await lab.steps({ do: 'flush-chain', table: table(), chain: 'published' });
  expect(await asked(outside, hostAddress, 8200)).toBe('watched: 192.0.2.2');
  // What is taken away just before a container ends, which takes its own ports back.
  await lab.steps({ do: 'remove', table: table() });
  await subject.output('rm', '-f', 'beside');
  expect(await asked(outside, hostAddress, 8200)).toBe('watched: 192.0.2.2');
  expect(await lab.steps({ do: 'count-published', table: table() })).toEqual([1]);
  await lab.steps({ do: 'remove', table: table() });
  await subject.output('run', '--rm', 'busybox', 'true');
  expect(await outside.ask(hostAddress, 8200)).toBe('watched: 192.0.2.2');
  await subject.engine.endDaemon('SIGTERM');
  await lab.steps({ do: 'remove', table: table() });
  await subject.engine.startDaemon();
  expect(await outside.ask(hostAddress, 8200)).toBe('watched: 192.0.2.2');
  await subject.output('rm', '-f', 'watched');
});

caisson('takes its ports back by the networks that it has at its end', async () => {
  await subject.clear();
  for (const name of ['first', 'second']) await subject.output('network', 'create', name);
  await run('moved', '--network', 'second', '-p', '80', '-p', '8195:80');
  await subject.output('network', 'connect', 'first', 'moved');
  await subject.output('network', 'disconnect', 'second', 'moved');
  const all = (await ports('moved'))['80/tcp'] ?? [];
  for (const { HostPort } of all) expect(await asked(lab.host, '127.0.0.1', Number(HostPort))).toMatch(/^moved: /);
  const pid = Number(await subject.inspect('moved', '{{.State.Pid}}'));
  await subject.engine.endDaemon('SIGKILL');
  process.kill(pid, 'SIGKILL');
  // What nobody holds any more is refused, and led nowhere.
  for (const { HostPort } of all) while ((await lab.host.shell(`$0 nc -z 127.0.0.1 ${HostPort}`)).code === 0) await Bun.sleep(10);
  const rules = await lab.attempt({ do: 'count-published', table: table() });
  expect(rules).toEqual([0]);
  await subject.engine.startDaemon();
  await subject.output('rm', '-f', 'moved');
  await subject.output('network', 'rm', 'first', 'second');
});

it('has no ports without a network of its own', async () => {
  await subject.output('run', '-d', '--name', 'lonely', '--network', 'none', '-p', '8150:80', '--expose', '90', 'busybox', 'sleep', '1000');
  const hostly = await subject.docker('run', '-d', '--name', 'hostly', '--network', 'host', '-p', '8150:80', 'busybox', 'sleep', '1000');
  expect(hostly.stderr).toContain('Published ports are discarded when using host network mode');
  for (const name of ['lonely', 'hostly']) expect(await ports(name)).toEqual({});
  await subject.output('rm', '-f', 'lonely', 'hostly');
});

caisson('keeps its ports, and nobody else has them, when the daemon is killed', async () => {
  await run('kept', '-p', '8160:80', '-p', '80');
  const before = await ports('kept');
  await asked(outside, hostAddress, 8160);
  await subject.engine.endDaemon('SIGKILL');
  expect(await outside.ask(hostAddress, 8160)).toBe('kept: 192.0.2.2');
  expect(await lab.host.ask('::1', 8160)).toMatch(/^kept: /);
  await subject.engine.startDaemon();
  expect(await ports('kept')).toEqual(before);
  expect(await refused('other', '-p', '8160:80')).toContain('Bind for 0.0.0.0:8160 failed: port is already allocated');
  expect(await outside.ask(hostAddress, 8160)).toBe('kept: 192.0.2.2');
  await subject.output('rm', '-f', 'kept');
  await subject.output('start', 'other');
  await subject.output('rm', '-f', 'other');
});

caisson('gives its ports back when it ends while no daemon is there, or its shim is killed', async () => {
  await run('ends', '-p', '8170:80');
  const [pid, rules] = [Number(await subject.inspect('ends', '{{.State.Pid}}')), () => lab.host.ask('127.0.0.1', 8170)];
  await asked(lab.host, '127.0.0.1', 8170);
  await subject.engine.endDaemon('SIGKILL');
  process.kill(pid, 'SIGKILL');
  while ((await rules()) !== undefined) await Bun.sleep(10);
  await subject.engine.startDaemon();
  expect(await ports('ends')).toEqual({});
  await subject.output('start', 'ends');
  expect(await asked(outside, hostAddress, 8170)).toBe('ends: 192.0.2.2');
  await subject.output('rm', '-f', 'ends');
});

leavesNothingBehind(subject);
