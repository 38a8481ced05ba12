/** `--link` on the default network. */
import { expect } from 'bun:test';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it } = useEngine({ bridge: true });

const address = (name: string) => subject.inspect(name, '{{.NetworkSettings.Networks.bridge.IPAddress}}');
const linkLines = async (name: string) => (await subject.output('exec', name, 'cat', '/etc/hosts')).split('\n').filter((line) => line.includes('dbhost')).toSorted();
const refused = async (...words: readonly string[]) => (await subject.docker(...words)).stderr.trim();

it('gives names in hosts and an environment, which the container\'s own replaces', async () => {
  await subject.output('run', '-d', '--name', 'db', '--hostname', 'dbhost', '-e', 'FOO=a=b', '--expose', '5433', '--expose', '5432', '--expose', '53/udp', 'busybox', 'sleep', '1000');
  await subject.output('run', '-d', '--name', 'web', '--link', 'db', '--link', 'db:my-alias', '-e', 'DB_NAME=mine', 'busybox', 'sleep', '1000');
  const at = await address('db');
  expect(await linkLines('web')).toEqual([`${at}\tdb dbhost`, `${at}\tmy-alias dbhost db`]);
  const environment = (await subject.output('exec', 'web', 'env')).split('\n');
  expect(environment.filter((entry) => entry.startsWith('DB_'))).toEqual([
    `DB_PORT=tcp://${at}:5432`,
    ...[5432, 5433].flatMap((port) => [`DB_PORT_${port}_TCP=tcp://${at}:${port}`, `DB_PORT_${port}_TCP_ADDR=${at}`, `DB_PORT_${port}_TCP_PORT=${port}`, `DB_PORT_${port}_TCP_PROTO=tcp`]),
    `DB_PORT_53_UDP=udp://${at}:53`, `DB_PORT_53_UDP_ADDR=${at}`, 'DB_PORT_53_UDP_PORT=53', 'DB_PORT_53_UDP_PROTO=udp',
    `DB_PORT_5432_TCP_START=tcp://${at}:5432`, 'DB_PORT_5432_TCP_PORT_START=5432', `DB_PORT_5432_TCP_END=tcp://${at}:5433`, 'DB_PORT_5432_TCP_PORT_END=5433',
    'DB_NAME=mine', 'DB_ENV_FOO=a=b',
  ]);
  expect(environment).toContain('MY_ALIAS_NAME=/web/my-alias');
});

it('inspect and ps show links under the names of the moment', async () => {
  const links = async () => (JSON.parse(await subject.inspect('web', '{{json .HostConfig.Links}}')) as string[]).toSorted();
  expect(await links()).toEqual(['/db:/web/db', '/db:/web/my-alias']);
  const listed = await subject.output('ps', '--no-trunc', '--format', '{{.Names}}');
  expect(listed.split('\n').toSorted()).toEqual(['db,web/db,web/my-alias', 'web']);
  await subject.output('rename', 'db', 'store');
  expect(await links()).toEqual(['/store:/web/db', '/store:/web/my-alias']);
  expect(await subject.inspect('web/my-alias', '{{.Name}}')).toBe('/store');
  await subject.output('rename', 'store', 'db');
});

it('who is linked is told of a new address', async () => {
  await subject.output('stop', '-t', '0', 'db');
  await subject.output('run', '-d', '--name', 'between', 'busybox', 'sleep', '1000');
  await subject.output('start', 'db');
  const at = await address('db');
  expect(await linkLines('web')).toEqual([`${at}\tdb dbhost`, `${at}\tmy-alias dbhost db`]);
});

it('a link can be removed alone', async () => {
  await subject.output('rm', '--link', 'web/my-alias');
  expect(await subject.inspect('web', '{{json .HostConfig.Links}}')).toBe('["/db:/web/db"]');
  expect((await linkLines('web')).filter((line) => line.includes('my-alias'))).toEqual([]);
  expect(await refused('rm', '--link', 'web/none')).toContain('No such container: web/none');
  expect(await refused('rm', '--link', 'web')).toContain('Conflict, cannot remove the default link name of the container');
});

it('what cannot be linked is refused', async () => {
  expect(await refused('create', '--link', 'nobody', 'busybox')).toBe('Error response from daemon: could not get container for nobody: No such container: nobody');
  expect(await refused('create', '--link', 'db', '--network', 'host', 'busybox')).toContain("host type networking can't be used with links");
  await subject.output('create', '--name', 'idle', 'busybox');
  await subject.output('create', '--name', 'hopeful', '--link', 'idle', 'busybox');
  expect(await refused('start', 'hopeful')).toContain('Cannot link to a non running container: /idle AS /hopeful/idle');
  await subject.output('network', 'create', 'elsewhere');
  await subject.output('run', '-d', '--name', 'far', '--network', 'elsewhere', 'busybox', 'sleep', '1000');
  await subject.output('create', '--name', 'reaching', '--link', 'far', 'busybox');
  expect(await refused('start', 'reaching')).toContain('not attached to default bridge network');
});

leavesNothingBehind(subject);
