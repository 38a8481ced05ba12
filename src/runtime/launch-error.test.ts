import { expect, test } from 'bun:test';
import { execFailure, launchFailure } from './launch-error.ts';
import { op } from './compile/op.ts';
import type { Operation } from './plan/operations.ts';
import { LaunchError } from './shim.ts';

const prefix =
  'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ';
const [EPERM, ENOENT, ENOEXEC, EACCES, ENOTDIR, EISDIR, EINVAL] = [1, 2, 8, 13, 20, 21, 22] as const;

const failed = (operation: Operation, errno: number, section: 'init' | 'prepare' = 'init', object = '') =>
  new LaunchError({ section, index: 0, errno, object }, operation, 'failed');
const execve = op('execve', 'x', { candidates: [], argv: [], envp: [] });
const bind = op('mountIn', 'x', {
  type: 'bind',
  source: '/etc/passwd',
  slot: -1,
  target: '/tmp',
  attributes: 0n,
  options: [],
  propagation: 0n,
  flags: 0,
});
const hint =
  'Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type';

test.each<[string, Operation, number, string, number, string]>([
  ['covers /proc', { ...bind, target: '/proc/scsi' } as Operation, 18, 'sh', 128, 'error mounting "/etc/passwd" to rootfs at "/proc/scsi": mount src=/etc/passwd, dst=/proc/scsi: "/proc/scsi" cannot be mounted because it is inside /proc: unknown'],
  ['not in PATH', execve, ENOENT, 'foo', 127, 'exec: "foo": executable file not found in $PATH: unknown'],
  ['in PATH, not executable', execve, EACCES, 'foo', 127, 'exec: "foo": executable file not found in $PATH: unknown'],
  ['missing path', execve, ENOENT, '/foo', 127, 'exec: "/foo": stat /foo: no such file or directory: unknown'],
  ['not executable', execve, EACCES, '/foo', 126, 'exec: "/foo": permission denied: unknown'],
  ['a directory', execve, EISDIR, '/etc', 126, 'exec: "/etc": is a directory: unknown: permission denied'],
  ['no executable format', execve, ENOEXEC, '/foo', 128, 'exec /foo: exec format error: unknown'],
  [
    'working directory',
    op('chdir', 'x', { path: '/x' }),
    EACCES,
    'sh',
    126,
    'chdir to cwd ("/x") set in config.json failed: permission denied: unknown',
  ],
  [
    'file over directory',
    bind,
    EINVAL,
    'sh',
    127,
    `error mounting "/etc/passwd" to rootfs at "/tmp": mount src=/etc/passwd, dst=/tmp: not a directory: unknown: ${hint}`,
  ],
  [
    'limit',
    op('setrlimit', 'x', { resource: 7, soft: 1n, hard: 1n }),
    EPERM,
    'sh',
    128,
    'error setting rlimits for ready process: error setting rlimit type 7: operation not permitted: unknown',
  ],
  [
    'sysctl',
    op('writeFile', 'x', { path: '/proc/sys/net/x', data: '1', create: 0, mode: 0 }),
    ENOENT,
    'sh',
    127,
    'open /proc/sys/net/x: no such file or directory: unknown',
  ],
])('%s', (_, operation, errno, command, exitCode, text) => {
  const failure = launchFailure(failed(operation, errno), command);
  expect(failure.error.message).toBe(`${prefix}error during container init: ${text}`);
  expect(failure.exitCode).toBe(exitCode);
  expect(failure.error.class).toBe(exitCode === 128 ? 'system' : 'invalid-parameter');
});

test('a limit that a cgroup file refuses, before there is an init', () => {
  const message = (path: string) => {
    const write = op('writeFile', 'x', { path, data: '99', create: 0, mode: 0 });
    return launchFailure(failed(write, EINVAL, 'prepare'), 'sh').error.message;
  };
  expect(message('/sys/fs/cgroup/cpuset/x/cpuset.cpus')).toBe(
    `${prefix}unable to apply cgroup configuration: failed to write "99": write /sys/fs/cgroup/cpuset/x/cpuset.cpus: invalid argument: unknown`,
  );
  expect(message('/sys/fs/cgroup/pids/x/pids.max')).toBe(
    `${prefix}error during container init: error setting cgroup config for procHooks process: failed to write "99": write /sys/fs/cgroup/pids/x/pids.max: invalid argument: unknown`,
  );
});

test('a score that may not be lowered is no program that may not be executed', () => {
  const write = op('writeFile', 'x', { path: '/proc/self/oom_score_adj', data: '-500', create: 0, mode: 0 });
  const { exitCode, error } = launchFailure(failed(write, EACCES), 'sh');
  expect([exitCode, error.class]).toEqual([128, 'system']);
});

test('a working directory that is a file; a root that cannot be mounted', () => {
  const cwd = launchFailure(
    failed(op('mkdirIn', 'x', { path: '/etc/passwd', mode: 0, uid: 0, gid: 0 }), ENOTDIR),
    'sh',
  );
  expect([cwd.exitCode, cwd.error.class, cwd.error.message]).toEqual([
    128,
    'system',
    'Cannot mkdir: /etc/passwd is not a directory',
  ]);
  const overlay = op('mount', 'x', { cwd: '/', source: 'overlay', target: '/m', type: 'overlay', flags: 0n, data: '' });
  expect(launchFailure(failed(overlay, EINVAL, 'prepare'), 'sh').error.message).toBe(
    'error creating overlay mount to /m: invalid argument',
  );
});

test('exec', () => {
  const failure = execFailure(failed(execve, ENOENT), 'foo');
  expect(failure.error.message).toBe(
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "foo": executable file not found in $PATH',
  );
  expect(failure.exitCode).toBe(127);
  expect(execFailure(failed(execve, EACCES), '/foo').exitCode).toBe(126);
});
