/** Names of containers on networks of the user's own: the resolver at 127.0.0.11. */
import { expect } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { run as command } from '../support/command.ts';
import { bun, checkout } from '../support/paths.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine({ prepare: "echo 'nameserver 127.0.0.53' > $scratch/resolv.conf; \"$0\" mount -o bind $scratch/resolv.conf /etc/resolv.conf" });

/** One network for all of them. */
let made: Promise<string> | undefined;
const network = (): Promise<string> => (made ??= subject.output('network', 'create', '--subnet', '172.31.0.0/16', 'mine'));

/** A name server that says at once that it is not there: on the container's own loopback. */
const nobodyOutside = ['--dns', '127.0.0.1'];

async function run(name: string, ...words: readonly string[]): Promise<void> {
  await network();
  const at = words.indexOf('busybox');
  const [options, command] = at < 0 ? [words, ['sleep', '1000']] : [words.slice(0, at), words.slice(at + 1)];
  await subject.output('run', '-d', '--name', name, '--network', 'mine', ...(options.includes('--dns') ? [] : nobodyOutside), ...options, 'busybox', ...command);
}

const address = (name: string) => subject.inspect(name, '{{.NetworkSettings.Networks.mine.IPAddress}}');

/** What the resolver of a container says: addresses or names, in order; or what went wrong. */
async function lookUp(from: string, name: string, type?: string): Promise<string[]> {
  const { stdout } = await subject.docker('exec', from, 'nslookup', ...(type === undefined ? [] : [`-type=${type}`]), name);
  const [, ...answers] = stdout.split(/^Address:.*:53$/m);
  const text = answers.join('');
  const failure = /can't find [^:]*: (.*)$/m.exec(text)?.[1];
  return failure === undefined ? [...text.matchAll(/(?:^Address: |name = )(.*)$/gm)].map((match) => match[1] as string) : [failure];
}

const script = (name: string) => path.join(checkout, 'test/support', name);
const inNetworkOf = (pid: number | string) => ['nsenter', `--net=/proc/${pid}/ns/net`, '--'];
const processOf = (name: string) => subject.inspect(name, '{{.State.Pid}}');

interface Answered {
  readonly matches: boolean;
  /** RCODE. */
  readonly code: number;
  readonly truncated: boolean;
  readonly bytes: number;
  readonly data: readonly string[];
}

/** One query of a container's, and its answer as it was on the wire. */
async function ask(from: string, name: string, type = 'A', protocol: 'udp' | 'tcp' = 'udp', size?: number): Promise<Answered> {
  const words = [name, type, protocol, ...(size === undefined ? [] : [String(size)])];
  const { stdout, stderr, code } = await command([...inNetworkOf(await processOf(from)), bun, script('name-client.ts'), ...words]);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Answered;
}

/** While a name server answers in the network namespace of a process. */
async function withServer(pid: number | string, addresses: readonly string[], during: () => Promise<void>): Promise<void> {
  const [program = '', ...words] = [...inNetworkOf(pid), bun, script('name-server.ts'), ...addresses];
  const server = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  await once(server.stdout, 'data');
  try {
    await during();
  } finally {
    server.kill();
    await exited;
  }
}

it('containers find each other by name, alias, host name and short id, both ways, and by NAME.NETWORK', async () => {
  await run('one', '--hostname', 'hosty', '--network-alias', 'both', '--network-alias', 'Loud');
  await run('two', '--network-alias', 'both');
  const [one, two] = [await address('one'), await address('two')];
  const id = (await subject.inspect('one', '{{.Id}}')).slice(0, 12);
  for (const name of ['one', 'ONE', 'one.mine', 'one.', 'hosty', 'loud', id]) expect({ name, found: await lookUp('two', name) }).toEqual({ name, found: [one] });
  expect(await lookUp('one', 'two')).toEqual([two]);
  expect(await lookUp('one', 'one')).toEqual([one]);
  expect((await lookUp('one', 'both')).toSorted()).toEqual([one, two].toSorted());
  expect(await subject.output('exec', 'one', 'ping', '-c', '1', '-W', '5', 'two')).toContain(`(${two})`);
});

it('an address leads to the name; a name without IPv6 has no such address, and is no failure', async () => {
  expect(await lookUp('two', await address('one'))).toEqual(['one.mine']);
  expect(await lookUp('two', 'one', 'aaaa')).toEqual([]);
  expect(await lookUp('two', 'one', 'mx')).toEqual([]);
});

it('resolv.conf names the resolver, and says where the rest went', async () => {
  await run('configured', '--dns', '192.0.2.53', '--dns-search', 'some.example', '--dns-opt', 'ndots:3');
  expect(await subject.output('exec', 'configured', 'cat', '/etc/resolv.conf')).toBe(`# Generated by Docker Engine.
# This file can be edited; Docker Engine will not make further changes once it
# has been modified.

nameserver 127.0.0.11
search some.example
options ndots:3

# Based on host file: '/etc/resolv.conf' (internal resolver)
# ExtServers: [192.0.2.53]
# Overrides: [nameservers search options]
# Option ndots from: override`);
});

it('an alias of many has them all, over UDP and TCP', async () => {
  const members = Array.from({ length: 12 }, (_, index) => `member${index}`);
  const alias = 'a-rather-long-alias-of-all-the-members-of-a-large-service';
  await Promise.all(members.map((name) => run(name, '--network-alias', alias)));
  const expected = await Promise.all(members.map(address));
  const { stdout } = await subject.docker('exec', 'one', 'sh', '-c', tcpQuery(alias));
  const answer = Buffer.from(stdout.replaceAll(/\s/g, ''), 'hex');
  expect(answer.readUInt16BE(0)).toBe(answer.length - 2);
  expect(answer.readUInt16BE(8)).toBe(members.length);
  for (const each of expected) expect(answer.includes(Buffer.from(each.split('.').map(Number)))).toBe(true);
  expect((await lookUp('one', alias)).toSorted()).toEqual(expected.toSorted());
  await subject.output('rm', '-f', ...members);
});

/** A shell line that sends a query for addresses over TCP, and prints the answer in hexadecimal. */
function tcpQuery(name: string): string {
  const labels = Buffer.from(name).toString('latin1');
  const body = Buffer.concat([Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, labels.length]), Buffer.from(labels), Buffer.from([0, 0, 1, 0, 1])]);
  const escaped = [0, body.length, ...body].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
  return `(printf '${escaped}'; sleep 1) | nc 127.0.0.11 53 | hexdump -v -e '1/1 "%02x"'`;
}

it('a container that listens on port 53 itself resolves all the same', async () => {
  await run('server', 'busybox', 'sh', '-c', 'nc -l -p 53 >/dev/null & nc -u -l -p 53 >/dev/null & sleep 1000');
  expect(await lookUp('server', 'one')).toEqual([await address('one')]);
  expect(await lookUp('one', 'server')).toEqual([await address('server')]);
});

it('a name that nobody has is a failure on a network without a way out', async () => {
  await subject.output('network', 'create', '--internal', 'inside');
  await subject.output('run', '-d', '--name', 'enclosed', '--network', 'inside', '--dns', '192.0.2.53', 'busybox', 'sleep', '1000');
  expect(await lookUp('enclosed', 'nobody.example')).toEqual(['SERVFAIL']);
});

it('who has gone is not found, a new name is, and so is who is connected while it runs', async () => {
  await run('shortly');
  expect(await lookUp('one', 'shortly')).toEqual([await address('shortly')]);
  await subject.output('rename', 'shortly', 'renamed');
  expect(await lookUp('one', 'renamed')).toEqual([await address('renamed')]);
  await subject.output('rm', '-f', 'renamed');
  expect(await lookUp('one', 'renamed')).toEqual(['SERVFAIL']);
  await subject.output('run', '-d', '--name', 'late', ...nobodyOutside, 'busybox', 'sleep', '1000');
  await subject.output('network', 'connect', '--alias', 'newcomer', 'mine', 'late');
  expect(await lookUp('one', 'newcomer')).toEqual([await address('late')]);
  expect(await lookUp('late', 'one')).toEqual([await address('one')]);
  await subject.output('network', 'disconnect', 'mine', 'late');
  expect(await lookUp('one', 'newcomer')).toEqual(['SERVFAIL']);
});

it('a link is a name for one container alone', async () => {
  await run('linked', '--link', 'one:first');
  expect(await lookUp('linked', 'first')).toEqual([await address('one')]);
  expect(await lookUp('two', 'first')).toEqual(['SERVFAIL']);
});

it('other names are asked of the servers of --dns, one after the other, from where the container is', async () => {
  await run('asking', '--dns', '127.0.0.1', '--dns', '127.0.0.2', '--dns', '127.0.0.3');
  await withServer(await processOf('asking'), ['127.0.0.2', '127.0.0.3'], async () => {
    for (const protocol of ['udp', 'tcp'] as const) {
      expect(await ask('asking', 'some.example', 'A', protocol)).toMatchObject({ matches: true, code: 0, data: ['192.0.2.2'] });
      expect(await ask('asking', 'nx.example', 'A', protocol)).toMatchObject({ matches: true, code: 3, data: [] });
      expect(await ask('asking', 'fail.example', 'A', protocol)).toMatchObject({ matches: true, code: 2, data: [] });
      expect(await ask('asking', 'refuse.example', 'A', protocol)).toMatchObject({ matches: true, code: 2, data: [] });
      expect(await ask('asking', 'one', 'A', protocol)).toMatchObject({ matches: true, code: 0, data: [await address('one')] });
    }
    expect(await ask('asking', 'large.example')).toMatchObject({ truncated: true, data: [] });
    expect((await ask('asking', 'large.example', 'A', 'tcp')).data).toHaveLength(300);
  });
});

it('whoever sets ndots gets names without a dot looked up below a search domain alone', async () => {
  await run('dotted', '--dns', '127.0.0.2', '--dns-opt', 'ndots:2');
  await withServer(await processOf('dotted'), ['127.0.0.2'], async () => {
    expect(await ask('dotted', 'alone')).toMatchObject({ code: 0, data: [] });
    expect(await ask('dotted', 'alone.example')).toMatchObject({ code: 0, data: ['192.0.2.2'] });
  });
});

it("the host's own server on its loopback is asked from there, but not for a network without a way out", async () => {
  await withServer(subject.engine.namespaces.pid, ['127.0.0.53'], async () => {
    await subject.output('run', '-d', '--name', 'inherits', '--network', 'mine', 'busybox', 'sleep', '1000');
    expect(await subject.output('exec', 'inherits', 'grep', 'ExtServers', '/etc/resolv.conf')).toBe('# ExtServers: [host(127.0.0.53)]');
    expect(await ask('inherits', 'some.example')).toMatchObject({ code: 0, data: ['192.0.2.53'] });
    expect((await ask('inherits', 'large.example', 'A', 'tcp')).data).toHaveLength(300);
    await subject.output('run', '-d', '--name', 'confined', '--network', 'inside', 'busybox', 'sleep', '1000');
    expect(await ask('confined', 'some.example')).toMatchObject({ code: 2 });
  });
});

it('an answer has the size that the client takes', async () => {
  await Promise.all(Array.from({ length: 40 }, (_, index) => run(`crowd${index}`, '--network-alias', 'crowd')));
  expect(await ask('one', 'crowd')).toMatchObject({ code: 0, truncated: true });
  expect((await ask('one', 'crowd')).bytes).toBeLessThanOrEqual(512);
  expect((await ask('one', 'crowd', 'A', 'udp', 4096)).data).toHaveLength(40);
  expect((await ask('one', 'crowd', 'A', 'tcp')).data).toHaveLength(40);
  await subject.output('rm', '-f', ...Array.from({ length: 40 }, (_, index) => `crowd${index}`));
});

requires(...needs, 'caisson')("a container's own rules, even when it flushes all, do not take its names away", async () => {
  await run('guarded');
  const changed = await command([...inNetworkOf(await processOf('guarded')), bun, script('own-rules.ts')]);
  expect(changed).toMatchObject({ code: 0, stderr: '' });
  expect(await ask('guarded', 'two')).toMatchObject({ code: 0, data: [await address('two')] });
  expect(await ask('guarded', 'two', 'A', 'tcp')).toMatchObject({ code: 0, data: [await address('two')] });
});

requires(...needs, 'caisson')('names are answered while there is no daemon', async () => {
  const [pid, two] = [await processOf('one'), await address('two')];
  await subject.engine.endDaemon('SIGKILL');
  const answer = await command([...inNetworkOf(pid), bun, script('name-client.ts'), 'two', 'A', 'udp']);
  expect(JSON.parse(answer.stdout)).toMatchObject({ code: 0, data: [two] });
  await subject.engine.startDaemon();
  expect(await ask('one', 'two')).toMatchObject({ code: 0, data: [two] });
});

requires(...needs, 'caisson')('names outlive the daemon', async () => {
  const [one, two] = [await address('one'), await address('two')];
  await subject.engine.endDaemon('SIGKILL');
  await subject.engine.startDaemon();
  expect(await lookUp('two', 'one')).toEqual([one]);
  expect(await lookUp('one', 'two')).toEqual([two]);
});

leavesNothingBehind(subject);
