/** Volumes: what a volume with options mounts, parts of volumes, refusals, events. */
import { expect } from 'bun:test';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it } = useEngine();

const run = (...words: string[]) => subject.docker('run', '--rm', '--network', 'none', ...words);
const output = (...words: string[]) => subject.output('run', '--rm', '--network', 'none', ...words);
const create = (...words: string[]) => subject.docker('volume', 'create', ...words);

it('refuses options, names and drivers in Docker’s words', async () => {
  const refusals = [
    [['--opt', 'foo=bar', 'no'], 'create no: invalid option: "foo"'],
    [['--opt', 'type=tmpfs', 'no'], 'create no: missing required option: "device"'],
    [['--opt', 'device=x', 'no'], 'create no: missing required option: "type"'],
    [['--opt', 'size=10m', 'no'], 'create no: quota size requested but no quota support'],
    [['--opt', 'type=cifs', '--opt', 'device=//h:80/x', 'no'], "create no: port not allowed in CIFS device URL, include 'port' in 'o='"],
    [['-d', 'nodriver', 'no'], 'create no: error looking up volume plugin nodriver: plugin "nodriver" not found'],
    [['x'], 'create x: volume name is too short, names should be at least two alphanumeric characters'],
  ] as const;
  for (const [words, message] of refusals) {
    expect(await create(...words)).toMatchObject({ code: 1, stderr: `Error response from daemon: ${message}\n` });
  }
  expect((await subject.docker('volume', 'inspect', 'no')).code).toBe(1);
});

it('mounts what a volume’s options say for as long as containers use it, and they share it', async () => {
  await create('--opt', 'type=tmpfs', '--opt', 'device=tmpfs', '--opt', 'o=size=1m,uid=1000,noexec', 'memory');
  await subject.output('run', '-d', '--network', 'none', '--name', 'first', '-v', 'memory:/m', 'busybox', 'sleep', '1000');
  await subject.output('exec', 'first', 'sh', '-c', 'echo shared >/m/file');
  expect(await output('-v', 'memory:/m', 'busybox', 'sh', '-c', 'cat /m/file; stat -c %u /m; grep " /m " /proc/mounts')).toMatch(/^shared\n1000\ntmpfs \/m tmpfs rw,.*noexec.*size=1024k/);
  await subject.engine.endDaemon('SIGKILL');
  await subject.engine.startDaemon();
  expect(await output('-v', 'memory:/m', 'busybox', 'cat', '/m/file')).toBe('shared');
  await subject.output('rm', '-f', 'first');
  expect(await output('-v', 'memory:/m', 'busybox', 'ls', '/m')).toBe('');
});

it('binds a directory of the host as a volume, read-only too', async () => {
  const directory = `${subject.engine.scratch}/shared`;
  mkdirSync(directory);
  writeFileSync(`${directory}/file`, 'here\n');
  await create('--opt', 'type=none', '--opt', `device=${directory}`, '--opt', 'o=bind,ro', 'directory');
  expect(await output('-v', 'directory:/d', 'busybox', 'cat', '/d/file')).toBe('here');
  expect((await run('-v', 'directory:/d', 'busybox', 'touch', '/d/new')).stderr).toContain('Read-only file system');
  await subject.output('volume', 'rm', 'directory');
  expect(readFileSync(`${directory}/file`, 'utf8')).toBe('here\n');
});

it('says why a volume cannot be mounted', async () => {
  await create('--opt', 'type=none', '--opt', 'device=/not/there', '--opt', 'o=bind', 'broken');
  const { stderr } = await run('-v', 'broken:/x', 'busybox', 'true');
  expect(stderr).toMatch(/error while mounting volume '(.*)\/volumes\/broken\/_data': failed to mount local volume: mount \/not\/there:\1\/volumes\/broken\/_data, flags: 0x1000: no such file or directory/);
});

it('mounts a part of a volume, and nothing that a link in it leads to outside', async () => {
  await output('-v', 'parts:/p', 'busybox', 'sh', '-c', 'mkdir -p /p/sub/deep; echo f >/p/sub/deep/file; ln -s /etc /p/out; ln -s ../.. /p/up; ln -s sub /p/in');
  const list = (subpath: string) => run('--mount', `type=volume,source=parts,target=/y,volume-subpath=${subpath}`, 'busybox', 'ls', '/y');
  expect((await list('sub')).stdout).toBe('deep\n');
  expect((await list('in/deep')).stdout).toBe('file\n');
  for (const out of ['out', 'up']) expect((await list(out)).stderr).toMatch(new RegExp(`path concatenation escapes the base directory, base: .*/parts/_data, subpath: ${out}`));
  expect((await list('none')).stderr).toMatch(/cannot access path .*\/parts\/_data\/none: lstat .*\/none: no such file or directory/);
  expect((await list('../x')).stderr).toContain('invalid mount config for type "volume": subpath must be a relative path within the volume');
});

it('begins a part of a volume with what the image has there, when it is empty', async () => {
  await output('-v', 'part-of:/p', 'busybox', 'sh', '-c', 'mkdir /p/home /p/kept; echo mine >/p/kept/file; echo one >/p/single');
  const list = (subpath: string, target: string, ...command: string[]) => output('--mount', `type=volume,source=part-of,target=${target},volume-subpath=${subpath}`, 'busybox', ...command);
  expect(await list('home', '/etc', 'ls', '/etc')).toContain('passwd');
  expect(await list('kept', '/var', 'ls', '/var')).toBe('file');
  expect(await list('single', '/single', 'cat', '/single')).toBe('one');
});

it('binds what is around the data root only so that its mounts do not stay', async () => {
  const { dataRoot } = subject.engine;
  const shown = async (...flags: string[]) => subject.inspect(await subject.output('create', ...flags, 'busybox'), '{{(index .Mounts 0).Propagation}}');
  for (const source of [dataRoot, `${dataRoot}/containers`]) {
    expect(await shown('-v', `${source}:/foo`)).toBe('rslave');
    expect(await shown('--mount', `type=bind,source=${source},target=/foo,bind-propagation=rshared`)).toBe('rshared');
    const { stderr } = await subject.docker('create', '-v', `${source}:/foo:private`, 'busybox');
    expect(stderr).toContain(`invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, daemon root: "${dataRoot}", bind mount source: "${source}", propagation: "private"`);
  }
});

it('leaves what is below a read-only bind writable for clients from before API 1.44', async () => {
  const options = async (version: string, HostConfig: object) => {
    const { Id } = await subject.api.json<{ Id: string }>('POST', `/${version}/containers/create`, { Image: 'busybox', Cmd: ['cat', '/proc/mounts'], HostConfig });
    const { stdout } = await subject.docker('start', '-a', Id);
    return stdout.split('\n').find((line) => line.split(' ')[1] === '/host/shm')?.split(' ')[3]?.split(',')[0];
  };
  expect(await options('v1.43', { Binds: ['/dev:/host:ro'] })).toBe('rw');
  expect(await options('v1.44', { Binds: ['/dev:/host:ro'] })).toBe('ro');
  expect(await options('v1.43', { Mounts: [{ Type: 'bind', Source: '/dev', Target: '/host', ReadOnly: true }] })).toBe('rw');
});

it('tells of volumes made, mounted, unmounted and removed', async () => {
  const since = String(Math.floor(Date.now() / 1000));
  await create('told');
  await create('told');
  await output('-v', 'told:/t', 'busybox', 'true');
  await subject.output('volume', 'rm', 'told');
  await subject.output('volume', 'rm', '-f', 'told');
  const events = await subject.output('events', '--since', since, '--until', String(Math.floor(Date.now() / 1000) + 1), '--filter', 'volume=told', '--format', '{{.Action}}');
  expect(events.split('\n')).toEqual(['create', 'mount', 'unmount', 'destroy']);
});

it('shows to docker cp what a volume mounts, though the container does not run', async () => {
  const source = path.join(subject.engine.scratch, 'cp-source');
  mkdirSync(source);
  writeFileSync(path.join(source, 'file'), 'content');
  await subject.output('volume', 'create', '--opt', 'type=none', '--opt', `device=${source}`, '--opt', 'o=bind', 'cp-mounted');
  const id = await subject.output('create', '-v', 'cp-mounted:/v', 'busybox', 'sleep', '1000');
  const { body } = await subject.api.request('GET', `/containers/${id}/archive?path=/v/file`);
  expect(body.subarray(512, 519).toString()).toBe('content');
  await subject.output('cp', path.join(source, 'file'), `${id}:/v/copied`);
  expect(readFileSync(path.join(source, 'copied'), 'utf8')).toBe('content');
  await subject.output('rm', id);
  await subject.output('volume', 'create', '--opt', 'type=none', '--opt', 'device=/not/there', '--opt', 'o=bind', 'cp-missing');
  const missing = await subject.output('create', '-v', 'cp-missing:/v', 'busybox', 'true');
  expect((await subject.docker('cp', `${missing}:/v`, '-')).stderr).toMatch(/failed to mount local volume: mount \/not\/there:.*: no such file or directory/);
});

leavesNothingBehind(subject);
