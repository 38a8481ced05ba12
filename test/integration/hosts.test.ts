/** `/etc/hosts` and `/etc/resolv.conf` of containers, and what becomes of them when networks change. */
import { expect } from 'bun:test';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it } = useEngine({ args: ['--host-gateway-ip', '192.0.2.99'] });

const local = '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n';

let made: Promise<unknown> | undefined;
const networks = (): Promise<unknown> => (made ??= Promise.all([
  subject.output('network', 'create', '--subnet', '10.71.0.0/24', 'first'), subject.output('network', 'create', '--subnet', '10.72.0.0/24', 'second'),
]));
const hosts = (...options: readonly string[]) => subject.output('run', '--rm', ...options, 'busybox', 'cat', '/etc/hosts');

it('hosts has what --add-host says, before the own address under the whole name and its first part', async () => {
  await networks();
  expect(await hosts('--network', 'none', '--add-host', 'one:192.0.2.1', '--add-host', 'six=[2001:db8::6]', '--add-host', 'one:192.0.2.2'))
    .toBe(`${local}192.0.2.1\tone\n2001:db8::6\tsix\n192.0.2.2\tone`);
  expect(await hosts('--network', 'first', '--ip', '10.71.0.9', '--hostname', 'a.b.c', '--add-host', 'one:192.0.2.1'))
    .toBe(`${local}192.0.2.1\tone\n10.71.0.9\ta.b.c a`);
  expect(await hosts('--network', 'first', '--ip', '10.71.0.10', '--hostname', 'a', '--domainname', 'b.c')).toBe(`${local}10.71.0.10\ta.b.c a`);
});

it('host-gateway is the address that the daemon was given for it', async () => {
  expect(await hosts('--network', 'none', '--add-host', 'gateway:host-gateway')).toBe(`${local}192.0.2.99\tgateway`);
  expect(await hosts('--network', 'host', '--add-host', 'gateway:host-gateway')).toBe(`${local}192.0.2.99\tgateway`);
});

it('networks that come and go leave what the container has written', async () => {
  await networks();
  await subject.output('run', '-d', '--name', 'writer', '--hostname', 'me', '--network', 'first', '--ip', '10.71.0.20', 'busybox', 'sleep', '1000');
  await subject.output('exec', 'writer', 'sh', '-c', 'echo "192.0.2.1 mine" >> /etc/hosts');
  await subject.output('network', 'connect', '--ip', '10.72.0.20', 'second', 'writer');
  expect(await subject.output('exec', 'writer', 'cat', '/etc/hosts')).toBe(`${local}10.71.0.20\tme\n192.0.2.1 mine\n10.72.0.20\tme`);
  await subject.output('network', 'disconnect', 'first', 'writer');
  expect(await subject.output('exec', 'writer', 'cat', '/etc/hosts')).toBe(`${local}192.0.2.1 mine\n10.72.0.20\tme`);
  await subject.output('restart', '-t', '0', 'writer');
  expect(await subject.output('exec', 'writer', 'cat', '/etc/hosts')).toBe(`${local}10.72.0.20\tme`);
});

it('a resolv.conf of a network with names stays when the last one goes', async () => {
  await subject.output('network', 'disconnect', 'second', 'writer');
  expect(await subject.output('exec', 'writer', 'grep', '^nameserver', '/etc/resolv.conf')).toBe('nameserver 127.0.0.11');
});

leavesNothingBehind(subject);
