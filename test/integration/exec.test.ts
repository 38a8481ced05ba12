/** `docker exec`. */
import { beforeAll, expect } from 'bun:test';
import { Client, demultiplex } from '../support/http.ts';
import { TEST_PATIENCE } from '../support/patience.ts';
import { missing, requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine();
const recent = requires(...needs, 'engine-28');
const NAME = 'host-of-execs';

beforeAll(async () => {
  if (missing(...needs) !== undefined) return;
  await subject.output('run', '-d', '--name', NAME, '-e', 'FROM_CONTAINER=yes', '-w', '/tmp', '--label', 'x=1', 'busybox', 'sleep', '1000');
}, TEST_PATIENCE);

const exec = (...words: string[]) => subject.docker('exec', ...words.slice(0, -1), NAME, 'sh', '-c', words.at(-1) as string);

it('keeps stdout, stderr and the exit code', async () => {
  expect(await exec('echo out; echo err >&2; exit 17')).toEqual({ code: 17, stdout: 'out\n', stderr: 'err\n' });
});

it('joins every namespace and the cgroup of the container', async () => {
  const script = 'for n in cgroup ipc mnt net pid uts user; do [ $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) ] || echo $n differs; done; diff /proc/1/cgroup /proc/self/cgroup';
  expect(await exec(script)).toEqual({ code: 0, stdout: '', stderr: '' });
});

it('takes environment and directory from the container, and its own before them', async () => {
  expect((await exec('echo $FROM_CONTAINER $PWD')).stdout).toBe('yes /tmp\n');
  expect((await exec('-e', 'FROM_CONTAINER=no', '-e', 'MORE=1', '-w', '/etc', 'echo $FROM_CONTAINER $MORE $PWD')).stdout).toBe('no 1 /etc\n');
});

it('runs as another user', async () => {
  expect((await exec('-u', 'www-data', 'id -u; id -g; grep CapEff /proc/self/status')).stdout).toBe('33\n33\nCapEff:\t0000000000000000\n');
});

it('has the privileges of the container, no more', async () => {
  expect((await exec('grep -E "CapEff|Seccomp:" /proc/self/status')).stdout).toBe('CapEff:\t00000000a80425fb\nSeccomp:\t2\n');
});

recent('has all privileges with --privileged', async () => {
  expect((await exec('--privileged', 'grep -c CapEff:.*a80425fb /proc/self/status')).stdout).toBe('0\n');
});

it('carries big input both ways', async () => {
  const bytes = 'x'.repeat(2_000_000);
  const result = await subject.docker('exec', '-i', NAME, 'cat', { stdin: bytes });
  expect(result.stdout.length).toBe(bytes.length);
});

recent('is 127 and 126 as run is', async () => {
  const unknown = await subject.docker('exec', NAME, 'no-such-command');
  expect(unknown.code).toBe(127);
  expect(unknown.stdout + unknown.stderr).toContain('exec: "no-such-command": executable file not found in $PATH');
  expect((await subject.docker('exec', NAME, '/etc/passwd')).code).toBe(126);
});

it('is 128+n for a signal', async () => {
  expect((await subject.docker('exec', NAME, 'sh', '-c', 'kill -KILL $$')).code).toBe(137);
});

it('runs detached', async () => {
  expect(await subject.output('exec', '-d', NAME, 'sh', '-c', 'echo done > /tmp/detached')).toBe('');
  expect((await exec('until [ -s /tmp/detached ]; do :; done; cat /tmp/detached')).stdout).toBe('done\n');
});

it('can be inspected while it runs and after', async () => {
  const { Id } = await subject.api.json<{ Id: string }>('POST', `/containers/${NAME}/exec`, { Cmd: ['sh', '-c', 'echo up; read x; exit 5'], AttachStdin: true, AttachStdout: true });
  const before = await subject.api.json<{ Running: boolean; ExitCode: number | null; ProcessConfig: object }>('GET', `/exec/${Id}/json`);
  expect(before).toMatchObject({ Running: false, ExitCode: null, ProcessConfig: { entrypoint: 'sh', arguments: ['-c', 'echo up; read x; exit 5'], tty: false } });
  const stream = await Client.hijack(subject.engine.socket, `/exec/${Id}/start`, { Detach: false, Tty: false });
  expect(stream.status).toBe(101);
  expect((await stream.read())?.subarray(8).toString()).toBe('up\n');
  expect(await subject.api.json('GET', `/exec/${Id}/json`)).toMatchObject({ Running: true, ExitCode: null });
  stream.socket.write('go\n');
  await stream.all();
  stream.socket.destroy();
  expect(await subject.api.json('GET', `/exec/${Id}/json`)).toMatchObject({ Running: false, ExitCode: 5 });
});

it('frames its streams', async () => {
  const { Id } = await subject.api.json<{ Id: string }>('POST', `/containers/${NAME}/exec`, { Cmd: ['sh', '-c', 'echo out; echo err >&2'], AttachStdout: true, AttachStderr: true });
  const stream = await Client.hijack(subject.engine.socket, `/exec/${Id}/start`, { Detach: false, Tty: false });
  const { stdout, stderr } = demultiplex(await stream.all());
  stream.socket.destroy();
  expect([stdout.toString(), stderr.toString()]).toEqual(['out\n', 'err\n']);
});

it('frames a terminal for a client that does not mean to read one', async () => {
  const { Id } = await subject.api.json<{ Id: string }>('POST', `/containers/${NAME}/exec`, { Cmd: ['sh', '-c', 'tty; stty size'], AttachStdout: true, Tty: true, ConsoleSize: [57, 123] });
  const stream = await Client.hijack(subject.engine.socket, `/exec/${Id}/start`, { Detach: false, Tty: false });
  const { stdout, stderr } = demultiplex(await stream.all());
  stream.socket.destroy();
  expect([stdout.toString(), stderr.toString()]).toEqual([expect.stringMatching(/^\/dev\/pts\/\d+\r\n57 123\r\n$/), '']);
});

it('cannot be started twice', async () => {
  const { Id } = await subject.api.json<{ Id: string }>('POST', `/containers/${NAME}/exec`, { Cmd: ['true'], AttachStdout: true });
  const first = await Client.hijack(subject.engine.socket, `/exec/${Id}/start`, {});
  await first.all();
  first.socket.destroy();
  expect((await subject.api.request('POST', `/exec/${Id}/start`, { Detach: true })).status).toBe(409);
});

recent('refuses an empty command, an unknown exec, a container that does not run', async () => {
  const empty = await subject.api.request('POST', `/containers/${NAME}/exec`, { Cmd: [] });
  expect([empty.status, empty.body.toString().trim()]).toEqual([400, '{"message":"No exec command specified"}']);
  const unknown = await subject.api.request('GET', '/exec/0123456789abcdef/json');
  expect([unknown.status, unknown.body.toString().trim()]).toEqual([404, '{"message":"No such exec instance: 0123456789abcdef"}']);
  const id = await subject.output('create', 'busybox');
  const stopped = await subject.api.request('POST', `/containers/${id}/exec`, { Cmd: ['true'] });
  expect([stopped.status, stopped.body.toString().trim()]).toEqual([409, `{"message":"container ${id} is not running"}`]);
});

recent('refuses a user or a group that there is not when it is created', async () => {
  const create = async (User: string) => {
    const { status, body } = await subject.api.request('POST', `/containers/${NAME}/exec`, { Cmd: ['true'], User });
    return [status, body.toString().trim()];
  };
  expect(await create('nobody-here')).toEqual([400, '{"message":"unable to find user nobody-here: no matching entries in passwd file"}']);
  expect(await create('root:none')).toEqual([400, '{"message":"unable to find group none: no matching entries in group file"}']);
  expect((await create('4000:5000'))[0]).toBe(201);
});

recent('cannot be resized when its container has ended', async () => {
  const id = await subject.output('run', '-d', 'busybox', 'sleep', '1000');
  const { Id } = await subject.api.json<{ Id: string }>('POST', `/containers/${id}/exec`, { Cmd: ['sh'], Tty: true });
  await subject.output('kill', id);
  await subject.output('wait', id);
  const { status, body } = await subject.api.request('POST', `/exec/${Id}/resize?h=40&w=40`);
  expect([409, 404]).toContain(status);
  expect(body.toString()).toMatch(/is not running|No such exec instance/);
});

recent('is listed by its container until it has ended, and forgotten if it never ran', async () => {
  const id = await subject.output('run', '-d', 'busybox', 'sleep', '1000');
  const listed = async () => (await subject.api.json<{ ExecIDs: string[] | null }>('GET', `/containers/${id}/json`)).ExecIDs;
  const create = async (Cmd: string[]) => (await subject.api.json<{ Id: string }>('POST', `/containers/${id}/exec`, { Cmd, AttachStdout: true })).Id;
  expect(await listed()).toBeNull();
  const ran = await create(['true']);
  expect(await listed()).toEqual([ran]);
  const stream = await Client.hijack(subject.engine.socket, `/exec/${ran}/start`, {});
  await stream.all();
  stream.socket.destroy();
  expect(await listed()).toBeNull();
  expect(await subject.api.json('GET', `/exec/${ran}/json`)).toMatchObject({ Running: false, ExitCode: 0, CanRemove: false });
  const never = await create(['true']);
  await subject.output('kill', id);
  await subject.output('wait', id);
  const start = await subject.api.request('POST', `/exec/${never}/start`, { Detach: true });
  expect([start.status, String(start.body).trim()]).toEqual([404, `{"message":"No such exec instance: ${never}"}`]);
});

it('ends with its container', async () => {
  const id = await subject.output('run', '-d', 'busybox', 'sleep', '1000');
  const running = subject.docker('exec', id, 'sleep', '1000');
  while (!(await subject.output('top', id)).includes('sleep 1000\n'));
  await subject.output('kill', id);
  expect((await running).code).toBe(137);
});

leavesNothingBehind(subject);
