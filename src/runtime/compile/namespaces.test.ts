import { expect, test } from 'bun:test';
import { cloneFlag } from '../../linux/clone-flags.ts';
import { compileContainer } from '../compile.ts';
import { cgroup, base, input, names, only, first, remapped, withUser } from './testing.ts';

test('the cgroups are joined before the cgroup namespace is made, so that they are its root', () => {
  const order = names(compileContainer(input()).init);
  expect(order.lastIndexOf('joinCgroup')).toBeLessThan(order.indexOf('unshare'));
  const { flags } = first(compileContainer(input()).init, 'unshare');
  expect(flags).toBe(BigInt(cloneFlag.CLONE_NEWCGROUP));
});

test('a user namespace: maps from outside, root at once, shifted layers, bound devices', () => {
  const plan = compileContainer(input({ namespaces: withUser, ...remapped }));
  expect(names(plan.prepare)).toEqual([
    'mkdir',
    'mkdir',
    'writeFile',
    'makeUserNamespace',
    'joinCgroup',
    'joinCgroup',
    'openTree',
    'openTree',
    'openTree',
    'mkdir',
    'attachTree',
    'mount',
    'unmount',
  ]);
  expect(plan.clone.flags & BigInt(cloneFlag.CLONE_NEWUSER)).not.toBe(0n);
  expect(names(plan.init).slice(0, 5)).toEqual(['sync', 'setPropagation', 'openRoot', 'setuser', 'unshare']);
  expect(first(plan.init, 'setuser')).toMatchObject({ uid: 0, gid: 0 });
  expect(
    plan.host.map((operation) => operation.name === 'writeProcess' && `${operation.file}: ${operation.data}`),
  ).toEqual(['uid_map: 0 100000 65536\n', 'gid_map: 0 100000 65536\n']);
  expect(names(plan.init)).not.toContain('mknodIn');
  expect(names(plan.init)).not.toContain('joinCgroup');
  expect(first(plan.init, 'openRoot').bind).toBe(1);
  const { data, cwd } = first(plan.prepare, 'mount');
  expect(cwd).toBe('/data/overlay2/c/idmapped');
  expect(data).toContain('lowerdir=2/diff:1/diff,upperdir=/data/overlay2/c/diff');
  expect(names(plan.release)).toEqual(['unmount', 'unmount', 'rmdir', 'rmdir', 'rmdir']);
});

test("joined namespaces: entered by the init, pid by the shim's children", () => {
  const namespaces = [
    { type: 'mount' as const },
    { type: 'network' as const, path: '/proc/7/ns/net' },
    { type: 'ipc' as const, path: '/proc/7/ns/ipc' },
    { type: 'pid' as const, path: '/proc/7/ns/pid' },
  ];
  const plan = compileContainer(input({ namespaces }));
  expect(plan.clone.flags).toBe(BigInt(cloneFlag.CLONE_NEWNS));
  expect(only(plan.prepare, 'setns').map(({ path }) => path)).toEqual(['/proc/7/ns/pid']);
  expect(only(plan.init, 'setns').map(({ path }) => path)).toEqual(['/proc/7/ns/net', '/proc/7/ns/ipc']);
  expect(names(plan.init)).not.toContain('netlink');
  expect(names(plan.init)).not.toContain('sethostname');
  expect(names(plan.release)[0]).toBe('killCgroup');
});

test('a host pid namespace: its processes are ended by their cgroup', () => {
  const plan = compileContainer(input({ namespaces: [{ type: 'mount' }], sysctl: {} }));
  expect(plan.release[0]).toMatchObject({ name: 'killCgroup', path: cgroup.removals[0] });
});

test('with a user namespace, file systems of a joined namespace are mounted by the shim', () => {
  const namespaces = [
    ...withUser.filter(({ type }) => type !== 'network'),
    { type: 'network' as const, path: '/proc/7/ns/net' },
  ];
  const plan = compileContainer(input({ namespaces, ...remapped }));
  expect(only(plan.prepare, 'setns')).toHaveLength(1);
  expect(only(plan.prepare, 'mount').map(({ type }) => type)).toEqual(['sysfs', 'overlay']);
  expect(only(plan.init, 'mountIn').find(({ target }) => target === '/sys')?.type).toBe('slot');
});

test('a joined user namespace is entered before anything that it must own is made', () => {
  const namespaces = [
    { type: 'mount' as const },
    { type: 'uts' as const },
    { type: 'pid' as const, path: '/proc/7/ns/pid' },
    { type: 'user' as const, path: '/proc/7/ns/user' },
  ];
  const plan = compileContainer(input({ namespaces, ...remapped, sysctl: {} }));
  expect(plan.clone.flags).toBe(0n);
  expect(plan.host).toEqual([]);
  const order = names(plan.init);
  expect(order.slice(order.indexOf('setns'), order.indexOf('setns') + 5)).toEqual(['setns', 'unshare', 'setPropagation', 'openRoot', 'setuser']);
  expect(first(plan.init, 'unshare').flags).toBe(BigInt(cloneFlag.CLONE_NEWNS | cloneFlag.CLONE_NEWUTS));
});

test('a time namespace is made before the clone, with its offsets', () => {
  const timeOffsets = { monotonic: { secs: 86400, nanosecs: 0 }, boottime: { secs: -1, nanosecs: 5 } };
  const plan = compileContainer(input({ namespaces: [...base.linux.namespaces, { type: 'time' }], timeOffsets }));
  expect(plan.clone.flags & BigInt(cloneFlag.CLONE_NEWTIME)).toBe(0n);
  expect(first(plan.prepare, 'unshare').flags).toBe(BigInt(cloneFlag.CLONE_NEWTIME));
  expect(only(plan.prepare, 'writeFile').at(-1)).toMatchObject({
    path: '/proc/self/timens_offsets',
    data: 'monotonic 86400 0\nboottime -1 5\n',
  });
});
