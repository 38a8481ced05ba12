import { expect, test } from 'bun:test';
import type { CgroupLayout } from '../linux/cgroup/layout.ts';
import { cloneFlag } from '../linux/clone-flags.ts';
import { compileContainer } from './compile.ts';
import { cgroup, root, process, filter, input, names, only, first, remapped, withUser } from './compile/testing.ts';

test('an ordinary container: the whole shape', () => {
  const plan = compileContainer(input());
  expect(names(plan.prepare)).toEqual(['mkdir', 'mkdir', 'writeFile', 'mount']);
  expect(plan.clone.flags).toBe(
    BigInt(
      cloneFlag.CLONE_NEWNS |
        cloneFlag.CLONE_NEWNET |
        cloneFlag.CLONE_NEWIPC |
        cloneFlag.CLONE_NEWPID |
        cloneFlag.CLONE_NEWUTS,
    ),
  );
  expect(plan.host).toEqual([]);
  expect(names(plan.init).filter((name) => !['mountIn', 'mknodIn', 'symlinkIn', 'joinCgroup'].includes(name))).toEqual([
    'unshare',
    'setPropagation',
    'openRoot',
    'sessionKeyring',
    'setsid',
    'mkdirIn',
    'writeFile',
    'readonlyPaths',
    'maskPaths',
    'pivotRoot',
    'sethostname',
    'netlink',
    'stdio',
    'umask',
    'seccomp',
    'boundCapabilities',
    'chdir',
    'setuser',
    'setCapabilities',
    'execve',
  ]);
  expect(names(plan.release)).toEqual(['unmount', 'rmdir', 'rmdir']);
});

test('every operation has a reason', () => {
  const plan = compileContainer(input({ namespaces: withUser, ...remapped }));
  for (const operation of [...plan.prepare, plan.clone, ...plan.init, ...plan.host, ...plan.release])
    expect(operation.reason).not.toBe('');
});

test('nothing that needs a host path comes after pivotRoot, nothing touches the root before openRoot', () => {
  for (const linux of [{}, { namespaces: withUser, ...remapped }]) {
    const order = names(compileContainer(input(linux)).init);
    const [open, pivot] = [order.indexOf('openRoot'), order.indexOf('pivotRoot')];
    for (const [index, name] of order.entries()) {
      if (
        ['mountIn', 'mknodIn', 'symlinkIn', 'mkdirIn', 'maskPaths', 'readonlyPaths', 'readonlyRoot', 'copyUp'].includes(
          name,
        )
      ) {
        expect(index).toBeGreaterThan(open);
        expect(index).toBeLessThan(pivot);
      }
      if (['writeFile', 'joinCgroup', 'setns', 'setPropagation'].includes(name)) expect(index).toBeLessThan(pivot);
    }
  }
});

test('without no_new_privs the filter is installed while CAP_SYS_ADMIN is there; with it, last', () => {
  const plain = names(compileContainer(input()).init);
  expect(plain.indexOf('seccomp')).toBeLessThan(plain.indexOf('boundCapabilities'));
  expect(plain).not.toContain('noNewPrivileges');
  const strict = names(compileContainer(input({}, { process: { ...process, noNewPrivileges: true } })).init);
  expect(strict.slice(-3)).toEqual(['setCapabilities', 'seccomp', 'execve']);
  expect(strict.indexOf('noNewPrivileges')).toBeLessThan(strict.indexOf('setuser'));
});

test('an unconfined container has no filter', () => {
  expect(names(compileContainer(input({}, {}, { seccompProgram: null })).init)).not.toContain('seccomp');
});

test('capabilities are dropped from the bounding set before the user changes, and set after', () => {
  const order = names(compileContainer(input()).init);
  expect(order.indexOf('boundCapabilities')).toBeLessThan(order.indexOf('setuser'));
  expect(order.indexOf('setuser')).toBeLessThan(order.indexOf('setCapabilities'));
  expect(first(compileContainer(input()).init, 'setCapabilities')).toMatchObject({
    effective: 1n,
    permitted: 1n,
    inheritable: 0n,
    ambient: 0n,
  });
});

test('a terminal takes the place of pipes, and is there before pivotRoot so that it can be the console', () => {
  const { init } = compileContainer(
    input({}, { process: { ...process, terminal: true, consoleSize: { height: 24, width: 80 } } }),
  );
  expect(names(init)).not.toContain('stdio');
  expect(names(init).indexOf('setsid')).toBeLessThan(names(init).indexOf('terminal'));
  expect(names(init).indexOf('terminal')).toBeLessThan(names(init).indexOf('pivotRoot'));
  expect(first(init, 'terminal')).toMatchObject({ columns: 80, rows: 24, uid: 1000, console: 1 });
});

const candidates = (args: string[], env: string[]) =>
  first(compileContainer(input({}, { process: { ...process, args, env } })).init, 'execve').candidates;

test('the program is looked for in PATH, or taken by its path', () => {
  expect(candidates(['sh'], ['PATH=/a:/b/::x:/c', 'A=1'])).toEqual(['/a/sh', '/b/sh', '/c/sh']);
  expect(candidates(['./sh'], ['PATH=/a'])).toEqual(['./sh']);
  expect(candidates(['sh'], ['PATH=/a', 'PATH=/b'])).toEqual(['/b/sh']);
  expect(candidates([''], ['PATH=/a'])).toEqual([]);
});

const limited = (type: string) =>
  compileContainer(input({}, { process: { ...process, rlimits: [{ type, soft: 10, hard: -1 }] } }));

test('limits are raised while that is still allowed; -1 is none; an unknown one is refused', () => {
  const order = names(limited('RLIMIT_NOFILE').init);
  expect(order.indexOf('setrlimit')).toBeLessThan(order.indexOf('boundCapabilities'));
  expect(first(limited('RLIMIT_NOFILE').init, 'setrlimit')).toMatchObject({
    resource: 7,
    soft: 10n,
    hard: 0xffff_ffff_ffff_ffffn,
  });
  expect(() => limited('RLIMIT_WRONG')).toThrow('RLIMIT_WRONG');
});

test('an out-of-memory score is written only when it differs, and from outside of a user namespace', () => {
  const scored = { process: { ...process, oomScoreAdj: 500 } };
  expect(only(compileContainer(input({}, scored)).init, 'writeFile')[0]).toMatchObject({
    path: '/proc/self/oom_score_adj',
    data: '500',
  });
  expect(only(compileContainer(input({}, scored, { inheritedOomScoreAdj: 500 })).init, 'writeFile')).toHaveLength(1);
  const outside = compileContainer(input({ namespaces: withUser, ...remapped }, scored));
  expect(only(outside.host, 'writeProcess').at(-1)).toMatchObject({ file: 'oom_score_adj', data: '500' });
});

test('read-only root after the last thing that is made in it', () => {
  const order = names(compileContainer(input({}, { root: { path: root.mergedDir, readonly: true } })).init);
  expect(order.indexOf('readonlyRoot')).toBe(order.indexOf('pivotRoot') - 1);
});

test('cgroup v2: born into the group, with a device filter', () => {
  const v2: CgroupLayout = {
    ...cgroup,
    joins: [],
    cloneInto: '/sys/fs/cgroup/caisson/x',
    deviceProgram: { cgroup: '/sys/fs/cgroup/caisson/x', program: filter },
  };
  const plan = compileContainer(input({}, {}, { cgroup: v2 }));
  expect(plan.clone.cgroup).toBe('/sys/fs/cgroup/caisson/x');
  expect(first(plan.prepare, 'deviceFilter').cgroup).toBe('/sys/fs/cgroup/caisson/x');
  expect(names(plan.init)).not.toContain('joinCgroup');
});
