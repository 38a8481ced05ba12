import { expect, test } from 'bun:test';
import { mountAttribute, mountFlag } from '../../linux/mount-flags.ts';
import { compileContainer } from '../compile.ts';
import { mountInFlag } from '../plan/operations.ts';
import type { RootSource } from './root.ts';
import { root, input, names, only, first, remapped, withUser } from './testing.ts';

test('the overlay has short lower directories, top first, and its writable ones', () => {
  const { data, cwd, target } = first(compileContainer(input()).prepare, 'mount');
  expect({ data, cwd, target }).toEqual({
    data: 'lowerdir=2/diff:1/diff,upperdir=c/diff,workdir=c/work,index=off',
    cwd: '/data/overlay2',
    target: '/data/overlay2/c/merged',
  });
});

test('characters that overlay parses are protected', () => {
  const strange: RootSource = { ...root, lowerDirs: ['/other/a:b,c/diff'], upperDir: '/other/u,p' };
  expect(first(compileContainer(input({}, {}, { root: strange })).prepare, 'mount').data).toContain(
    'lowerdir=/other/a\\:b\\,c/diff,upperdir=/other/u\\,p',
  );
});

test('mount options become attributes, options, propagation and flags', () => {
  const mounts = only(compileContainer(input()).init, 'mountIn');
  const dev = mounts.find(({ target }) => target === '/dev');
  expect(dev).toMatchObject({
    type: 'tmpfs',
    options: ['mode=755', 'size=65536k'],
    flags: 0,
    attributes: BigInt(mountAttribute.MOUNT_ATTR_NOSUID | mountAttribute.MOUNT_ATTR_STRICTATIME),
  });
  expect(mounts.find(({ target }) => target === '/data')).toMatchObject({
    type: 'bind',
    source: '/srv/data',
    attributes: BigInt(mountAttribute.MOUNT_ATTR_RDONLY),
    propagation: BigInt(mountFlag.MS_PRIVATE | mountFlag.MS_REC),
    flags: mountInFlag.recursive | mountInFlag.attributesRecursive,
  });
});

test('a tmpfs without a mode takes that of the directory it covers', () => {
  const mounts = [{ destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['size=1m'] }];
  expect(first(compileContainer(input({}, { mounts })).init, 'mountIn').flags).toBe(mountInFlag.copyTargetMode);
});

test("cgroup mounts are what the host's cgroup version makes of them", () => {
  const targets = only(compileContainer(input()).init, 'mountIn').map(({ target, type }) => `${type} ${target}`);
  expect(targets).toContain('tmpfs /sys/fs/cgroup');
  expect(targets).toContain('bind /sys/fs/cgroup/memory');
});

test('devices are made as nodes, with the names that programs expect; a /dev of another origin is left alone', () => {
  const { init } = compileContainer(
    input({
      devices: [
        { path: '/dev/fuse', type: 'c', major: 10, minor: 229 },
        { path: '/dev/null', type: 'c', major: 1, minor: 3, fileMode: 0o600 },
      ],
    }),
  );
  const nodes = only(init, 'mknodIn');
  expect(nodes.map(({ path }) => path)).toEqual([
    '/dev/zero',
    '/dev/full',
    '/dev/random',
    '/dev/urandom',
    '/dev/tty',
    '/dev/fuse',
    '/dev/null',
  ]);
  expect(nodes.at(-1)?.mode).toBe(0o020600);
  expect(only(init, 'symlinkIn').map(({ path }) => path)).toContain('/dev/ptmx');
  const bound = compileContainer(
    input({}, { mounts: [{ destination: '/dev', type: 'bind', source: '/dev', options: ['rbind'] }] }),
  ).init;
  expect(names(bound)).not.toContain('mknodIn');
  expect(names(bound)).not.toContain('symlinkIn');
});

test('binds of a user namespace are opened from outside, shifted when asked, in slots of their own', () => {
  const mounts = [
    { destination: '/a', type: 'bind', source: '/srv/a', options: ['rbind', 'idmap'] },
    { destination: '/b', type: 'bind', source: '/srv/b', options: ['bind', 'idmap', 'ro'] },
    { destination: '/c', type: 'bind', source: '/srv/c', options: ['rbind'] },
  ];
  const plan = compileContainer(input({ namespaces: withUser, ...remapped }, { mounts }));
  const user = first(plan.prepare, 'makeUserNamespace').slot;
  const trees = only(plan.prepare, 'openTree').filter(({ path }) => path.startsWith('/srv'));
  expect(trees.map(({ path, recursive, idmap }) => ({ path, recursive, idmap }))).toEqual([
    { path: '/srv/a', recursive: 1, idmap: user },
    { path: '/srv/b', recursive: 0, idmap: user },
    { path: '/srv/c', recursive: 1, idmap: -1 },
  ]);
  expect(new Set([user, ...only(plan.prepare, 'openTree').map(({ slot }) => slot)]).size).toBe(5);
  const kinds = only(plan.init, 'mountIn')
    .filter(({ target }) => ['/a', '/b', '/c'].includes(target))
    .map(({ type, slot }) => `${type} ${slot}`);
  expect(kinds).toEqual(trees.map(({ slot }) => `slot ${slot}`));
});

test('a volume to be filled is opened, filled, then mounted', () => {
  const mounts = [{ destination: '/var/lib/x', type: 'bind', source: '/volumes/x', options: ['rbind', 'copyup'] }];
  const plan = compileContainer(input({}, { mounts }));
  expect(first(plan.prepare, 'openTree')).toMatchObject({ path: '/volumes/x', idmap: -1 });
  const order = names(plan.init);
  expect(order.indexOf('copyUp')).toBe(order.indexOf('mountIn') - 1);
  expect(first(plan.init, 'copyUp')).toMatchObject({ source: '/var/lib/x', slot: first(plan.init, 'mountIn').slot });
});

test("shared propagation keeps the host's peer groups and isolates the root alone", () => {
  const [isolate, open] = [
    first(compileContainer(input({ rootfsPropagation: 'shared' })).init, 'setPropagation'),
    first(compileContainer(input({ rootfsPropagation: 'shared' })).init, 'openRoot'),
  ];
  expect(isolate).toMatchObject({ path: root.mergedDir, propagation: BigInt(mountFlag.MS_PRIVATE), recursive: 0 });
  expect(open.bind).toBe(1);
  expect(first(compileContainer(input()).init, 'setPropagation')).toMatchObject({
    path: '/',
    propagation: BigInt(mountFlag.MS_SLAVE),
    recursive: 1,
  });
  expect(first(compileContainer(input()).init, 'openRoot').bind).toBe(0);
});

test('a directory as root is bound over itself and stays after the end', () => {
  const plan = compileContainer(input({}, {}, { root: { kind: 'directory', path: '/bundle/rootfs' } }));
  expect(names(plan.prepare)).not.toContain('mount');
  expect(first(plan.init, 'openRoot')).toMatchObject({ path: '/bundle/rootfs', bind: 1 });
  expect(names(plan.release)).toEqual(['rmdir', 'rmdir']);
});

test('mounts that other containers bind from stand on the host, and go with the container', () => {
  const hostMounts = [{ target: '/data/containers/x/shm', type: 'tmpfs', source: 'shm', data: 'mode=1777' }];
  const plan = compileContainer(input({}, {}, { hostMounts }));
  expect(only(plan.prepare, 'mount').map(({ target }) => target)).toEqual(['/data/containers/x/shm', root.mergedDir]);
  expect(only(plan.release, 'unmount').map(({ path }) => path)).toEqual([root.mergedDir, '/data/containers/x/shm']);
});
