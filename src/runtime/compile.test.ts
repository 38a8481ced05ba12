import { expect, test } from 'bun:test';
import { CaissonError } from '../errors.ts';
import type { CgroupLayout } from '../linux/cgroup/layout.ts';
import { cloneFlag } from '../linux/clone-flags.ts';
import { mountAttribute, mountFlag } from '../linux/mount-flags.ts';
import { compileContainer, compileExec, type CompileInput, type RootSource } from './compile.ts';
import type { OciConfig, OciProcess } from './oci.ts';
import { mountInFlag, type Operation, type OperationName } from './plan/operations.ts';

const id = 'a'.repeat(64);
const cgroup: CgroupLayout = {
  directories: ['/sys/fs/cgroup/memory/caisson/x', '/sys/fs/cgroup/pids/caisson/x'],
  writes: [{ path: '/sys/fs/cgroup/memory/caisson/x/memory.limit_in_bytes', data: '67108864', reason: 'at most this much memory' }],
  joins: [{ path: '/sys/fs/cgroup/memory/caisson/x/tasks', data: '0' }, { path: '/sys/fs/cgroup/pids/caisson/x/tasks', data: '0' }],
  removals: ['/sys/fs/cgroup/memory/caisson/x', '/sys/fs/cgroup/pids/caisson/x'],
  freezer: { path: '', frozen: '', thawed: '' },
  oomEvents: '',
  paths: {},
  containerMounts: (mount) => [{ ...mount, type: 'tmpfs', source: 'tmpfs' }, { destination: `${mount.destination}/memory`, type: 'bind', source: '/sys/fs/cgroup/memory/caisson/x', options: ['bind', 'ro'] }],
};
const root: RootSource = {
  kind: 'overlay', cwd: '/data/overlay2', lowerDirs: ['/data/overlay2/2/diff', '/data/overlay2/1/diff'], upperDir: '/data/overlay2/c/diff',
  workDir: '/data/overlay2/c/work', mergedDir: '/data/overlay2/c/merged', options: ['index=off'],
};
const process: OciProcess = {
  user: { uid: 1000, gid: 1000, additionalGids: [1000, 27] }, args: ['sh', '-c', 'true'], env: ['PATH=/usr/bin:/bin', 'HOME=/'], cwd: '/work',
  capabilities: { bounding: ['CAP_CHOWN'], effective: ['CAP_CHOWN'], permitted: ['CAP_CHOWN'], inheritable: [], ambient: [] },
};
const base: OciConfig = {
  ociVersion: '1.2.0', root: { path: root.mergedDir }, hostname: 'box', process,
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue' },
    { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] },
    { destination: '/data', type: 'bind', source: '/srv/data', options: ['rbind', 'rro', 'rprivate'] },
  ],
  linux: {
    namespaces: [{ type: 'mount' }, { type: 'network' }, { type: 'ipc' }, { type: 'pid' }, { type: 'uts' }, { type: 'cgroup' }],
    sysctl: { 'net.ipv4.ip_unprivileged_port_start': '0' }, maskedPaths: ['/proc/kcore'], readonlyPaths: ['/proc/sys'],
  },
};

const filter = new Uint8Array(16);
const input = (linux: Partial<OciConfig['linux']> = {}, changes: Partial<OciConfig> = {}, rest: Partial<CompileInput> = {}): CompileInput => ({
  id, root, cgroup, seccompProgram: filter, config: { ...base, ...changes, linux: { ...base.linux, ...linux } }, ...rest,
});
const names = (operations: readonly Operation[]): OperationName[] => operations.map(({ name }) => name);
const only = <N extends OperationName>(operations: readonly Operation[], name: N) =>
  operations.filter((operation): operation is Extract<Operation, { name: N }> => operation.name === name);
const first = <N extends OperationName>(operations: readonly Operation[], name: N) => {
  const [found] = only(operations, name);
  if (found === undefined) throw new Error(`no ${name} in the plan`);
  return found;
};
const mapped = [{ containerID: 0, hostID: 100000, size: 65536 }];
const remapped = { uidMappings: mapped, gidMappings: mapped };
const withUser = [...base.linux.namespaces, { type: 'user' as const }];

test('an ordinary container: the whole shape', () => {
  const plan = compileContainer(input());
  expect(names(plan.prepare)).toEqual(['mkdir', 'mkdir', 'writeFile', 'mount']);
  expect(plan.clone.flags).toBe(BigInt(cloneFlag.CLONE_NEWNS | cloneFlag.CLONE_NEWNET | cloneFlag.CLONE_NEWIPC | cloneFlag.CLONE_NEWPID | cloneFlag.CLONE_NEWUTS));
  expect(plan.host).toEqual([]);
  expect(names(plan.init).filter((name) => !['mountIn', 'mknodIn', 'symlinkIn', 'joinCgroup'].includes(name))).toEqual([
    'unshare', 'sessionKeyring', 'setsid', 'setPropagation', 'openRoot', 'mkdirIn', 'writeFile', 'readonlyPaths', 'maskPaths',
    'pivotRoot', 'sethostname', 'netlink', 'stdio', 'umask', 'seccomp', 'boundCapabilities', 'chdir', 'setuser', 'setCapabilities', 'execve',
  ]);
  expect(names(plan.release)).toEqual(['unmount', 'rmdir', 'rmdir']);
});

test('every operation has a reason', () => {
  const plan = compileContainer(input({ namespaces: withUser, ...remapped }));
  for (const operation of [...plan.prepare, plan.clone, ...plan.init, ...plan.host, ...plan.release]) expect(operation.reason).not.toBe('');
});

test('the overlay has short lower directories, top first, and its writable ones', () => {
  const { data, cwd, target } = first(compileContainer(input()).prepare, 'mount');
  expect({ data, cwd, target }).toEqual({
    data: 'lowerdir=2/diff:1/diff,upperdir=c/diff,workdir=c/work,index=off', cwd: '/data/overlay2', target: '/data/overlay2/c/merged',
  });
});

test('characters that overlay parses are protected', () => {
  const strange: RootSource = { ...root, lowerDirs: ['/other/a:b,c/diff'], upperDir: '/other/u,p' };
  expect(first(compileContainer(input({}, {}, { root: strange })).prepare, 'mount').data).toContain('lowerdir=/other/a\\:b\\,c/diff,upperdir=/other/u\\,p');
});

test('nothing that needs a host path comes after pivotRoot, nothing touches the root before openRoot', () => {
  for (const linux of [{}, { namespaces: withUser, ...remapped }]) {
    const order = names(compileContainer(input(linux)).init);
    const [open, pivot] = [order.indexOf('openRoot'), order.indexOf('pivotRoot')];
    for (const [index, name] of order.entries()) {
      if (['mountIn', 'mknodIn', 'symlinkIn', 'mkdirIn', 'maskPaths', 'readonlyPaths', 'readonlyRoot', 'copyUp'].includes(name)) {
        expect(index).toBeGreaterThan(open);
        expect(index).toBeLessThan(pivot);
      }
      if (['writeFile', 'joinCgroup', 'setns', 'setPropagation'].includes(name)) expect(index).toBeLessThan(pivot);
    }
  }
});

test('the cgroups are joined before the cgroup namespace is made, so that they are its root', () => {
  const order = names(compileContainer(input()).init);
  expect(order.lastIndexOf('joinCgroup')).toBeLessThan(order.indexOf('unshare'));
  const { flags } = first(compileContainer(input()).init, 'unshare');
  expect(flags).toBe(BigInt(cloneFlag.CLONE_NEWCGROUP));
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
  expect(first(compileContainer(input()).init, 'setCapabilities')).toMatchObject({ effective: 1n, permitted: 1n, inheritable: 0n, ambient: 0n });
});

test('mount options become attributes, options, propagation and flags', () => {
  const mounts = only(compileContainer(input()).init, 'mountIn');
  const dev = mounts.find(({ target }) => target === '/dev');
  expect(dev).toMatchObject({
    type: 'tmpfs', options: ['mode=755', 'size=65536k'], flags: 0,
    attributes: BigInt(mountAttribute.MOUNT_ATTR_NOSUID | mountAttribute.MOUNT_ATTR_STRICTATIME),
  });
  expect(mounts.find(({ target }) => target === '/data')).toMatchObject({
    type: 'bind', source: '/srv/data', attributes: BigInt(mountAttribute.MOUNT_ATTR_RDONLY), propagation: BigInt(mountFlag.MS_PRIVATE | mountFlag.MS_REC),
    flags: mountInFlag.recursive | mountInFlag.attributesRecursive,
  });
});

test('a tmpfs without a mode takes that of the directory it covers', () => {
  const mounts = [{ destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['size=1m'] }];
  expect(first(compileContainer(input({}, { mounts })).init, 'mountIn').flags).toBe(mountInFlag.copyTargetMode);
});

test('cgroup mounts are what the host\'s cgroup version makes of them', () => {
  const targets = only(compileContainer(input()).init, 'mountIn').map(({ target, type }) => `${type} ${target}`);
  expect(targets).toContain('tmpfs /sys/fs/cgroup');
  expect(targets).toContain('bind /sys/fs/cgroup/memory');
});

test('devices are made as nodes, with the names that programs expect; a /dev of another origin is left alone', () => {
  const { init } = compileContainer(input({ devices: [{ path: '/dev/fuse', type: 'c', major: 10, minor: 229 }, { path: '/dev/null', type: 'c', major: 1, minor: 3, fileMode: 0o600 }] }));
  const nodes = only(init, 'mknodIn');
  expect(nodes.map(({ path }) => path)).toEqual(['/dev/zero', '/dev/full', '/dev/random', '/dev/urandom', '/dev/tty', '/dev/fuse', '/dev/null']);
  expect(nodes.at(-1)?.mode).toBe(0o020600);
  expect(only(init, 'symlinkIn').map(({ path }) => path)).toContain('/dev/ptmx');
  const bound = compileContainer(input({}, { mounts: [{ destination: '/dev', type: 'bind', source: '/dev', options: ['rbind'] }] })).init;
  expect(names(bound)).not.toContain('mknodIn');
  expect(names(bound)).not.toContain('symlinkIn');
});

test('a terminal takes the place of pipes, and is there before pivotRoot so that it can be the console', () => {
  const { init } = compileContainer(input({}, { process: { ...process, terminal: true, consoleSize: { height: 24, width: 80 } } }));
  expect(names(init)).not.toContain('stdio');
  expect(names(init).indexOf('setsid')).toBeLessThan(names(init).indexOf('terminal'));
  expect(names(init).indexOf('terminal')).toBeLessThan(names(init).indexOf('pivotRoot'));
  expect(first(init, 'terminal')).toMatchObject({ columns: 80, rows: 24, uid: 1000, console: 1 });
});

test('a user namespace: maps from outside, root at once, shifted layers, bound devices', () => {
  const plan = compileContainer(input({ namespaces: withUser, ...remapped }));
  expect(names(plan.prepare)).toEqual([
    'mkdir', 'mkdir', 'writeFile', 'makeUserNamespace', 'joinCgroup', 'joinCgroup', 'openTree', 'mkdir', 'attachTree', 'mount', 'unmount',
  ]);
  expect(plan.clone.flags & BigInt(cloneFlag.CLONE_NEWUSER)).not.toBe(0n);
  expect(names(plan.init).slice(0, 3)).toEqual(['sync', 'setuser', 'unshare']);
  expect(first(plan.init, 'setuser')).toMatchObject({ uid: 0, gid: 0 });
  expect(plan.host.map((operation) => operation.name === 'writeProcess' && `${operation.file}: ${operation.data}`))
    .toEqual(['uid_map: 0 100000 65536\n', 'gid_map: 0 100000 65536\n']);
  expect(names(plan.init)).not.toContain('mknodIn');
  expect(names(plan.init)).not.toContain('joinCgroup');
  expect(first(plan.init, 'openRoot').bind).toBe(1);
  const { data, cwd } = first(plan.prepare, 'mount');
  expect(cwd).toBe('/data/overlay2/c/idmapped');
  expect(data).toContain('lowerdir=2/diff:1/diff,upperdir=/data/overlay2/c/diff');
  expect(names(plan.release)).toEqual(['unmount', 'unmount', 'rmdir', 'rmdir', 'rmdir']);
});

test('binds of a user namespace are shifted when asked, in slots of their own', () => {
  const mounts = [
    { destination: '/a', type: 'bind', source: '/srv/a', options: ['rbind', 'idmap'] },
    { destination: '/b', type: 'bind', source: '/srv/b', options: ['bind', 'idmap', 'ro'] },
    { destination: '/c', type: 'bind', source: '/srv/c', options: ['rbind'] },
  ];
  const plan = compileContainer(input({ namespaces: withUser, ...remapped }, { mounts }));
  const user = first(plan.prepare, 'makeUserNamespace').slot;
  const trees = only(plan.prepare, 'openTree').filter(({ path }) => path.startsWith('/srv'));
  expect(trees.map(({ path, recursive, idmap }) => ({ path, recursive, idmap }))).toEqual([
    { path: '/srv/a', recursive: 1, idmap: user }, { path: '/srv/b', recursive: 0, idmap: user },
  ]);
  expect(new Set([user, ...only(plan.prepare, 'openTree').map(({ slot }) => slot)]).size).toBe(4);
  const kinds = only(plan.init, 'mountIn').filter(({ target }) => ['/a', '/b', '/c'].includes(target)).map(({ type, slot }) => `${type} ${slot}`);
  expect(kinds).toEqual([...trees.map(({ slot }) => `slot ${slot}`), 'bind -1']);
});

test('a volume to be filled is opened, filled, then mounted', () => {
  const mounts = [{ destination: '/var/lib/x', type: 'bind', source: '/volumes/x', options: ['rbind', 'copyup'] }];
  const plan = compileContainer(input({}, { mounts }));
  expect(first(plan.prepare, 'openTree')).toMatchObject({ path: '/volumes/x', idmap: -1 });
  const order = names(plan.init);
  expect(order.indexOf('copyUp')).toBe(order.indexOf('mountIn') - 1);
  expect(first(plan.init, 'copyUp')).toMatchObject({ source: '/var/lib/x', slot: first(plan.init, 'mountIn').slot });
});

test('joined namespaces: entered by the init, pid by the shim\'s children', () => {
  const namespaces = [
    { type: 'mount' as const }, { type: 'network' as const, path: '/proc/7/ns/net' }, { type: 'ipc' as const, path: '/proc/7/ns/ipc' },
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
  const namespaces = [...withUser.filter(({ type }) => type !== 'network'), { type: 'network' as const, path: '/proc/7/ns/net' }];
  const plan = compileContainer(input({ namespaces, ...remapped }));
  expect(only(plan.prepare, 'setns')).toHaveLength(1);
  expect(only(plan.prepare, 'mount').map(({ type }) => type)).toEqual(['sysfs', 'overlay']);
  expect(only(plan.init, 'mountIn').find(({ target }) => target === '/sys')?.type).toBe('slot');
});

test('a joined user namespace is entered before anything that it must own is made', () => {
  const namespaces = [
    { type: 'mount' as const }, { type: 'uts' as const }, { type: 'pid' as const, path: '/proc/7/ns/pid' },
    { type: 'user' as const, path: '/proc/7/ns/user' },
  ];
  const plan = compileContainer(input({ namespaces, ...remapped, sysctl: {} }));
  expect(plan.clone.flags).toBe(0n);
  expect(plan.host).toEqual([]);
  const order = names(plan.init);
  expect(order.slice(order.indexOf('setns'), order.indexOf('setns') + 3)).toEqual(['setns', 'setuser', 'unshare']);
  expect(first(plan.init, 'unshare').flags).toBe(BigInt(cloneFlag.CLONE_NEWNS | cloneFlag.CLONE_NEWUTS));
});

test('a time namespace is made before the clone, with its offsets', () => {
  const timeOffsets = { monotonic: { secs: 86400, nanosecs: 0 }, boottime: { secs: -1, nanosecs: 5 } };
  const plan = compileContainer(input({ namespaces: [...base.linux.namespaces, { type: 'time' }], timeOffsets }));
  expect(plan.clone.flags & BigInt(cloneFlag.CLONE_NEWTIME)).toBe(0n);
  expect(first(plan.prepare, 'unshare').flags).toBe(BigInt(cloneFlag.CLONE_NEWTIME));
  expect(only(plan.prepare, 'writeFile').at(-1)).toMatchObject({ path: '/proc/self/timens_offsets', data: 'monotonic 86400 0\nboottime -1 5\n' });
});

test('shared propagation keeps the host\'s peer groups and isolates the root alone', () => {
  const [isolate, open] = [first(compileContainer(input({ rootfsPropagation: 'shared' })).init, 'setPropagation'), first(compileContainer(input({ rootfsPropagation: 'shared' })).init, 'openRoot')];
  expect(isolate).toMatchObject({ path: root.mergedDir, propagation: BigInt(mountFlag.MS_PRIVATE), recursive: 0 });
  expect(open.bind).toBe(1);
  expect(first(compileContainer(input()).init, 'setPropagation')).toMatchObject({ path: '/', propagation: BigInt(mountFlag.MS_SLAVE), recursive: 1 });
  expect(first(compileContainer(input()).init, 'openRoot').bind).toBe(0);
});

test.each([
  ['vm.swappiness', 'sysctl "vm.swappiness" is not in a separate kernel namespace'],
  ['kernel.hostname', 'sysctl "kernel.hostname" is not allowed as it conflicts with the OCI "hostname" field'],
  ['kernel/core_pattern', 'sysctl "kernel.core_pattern" is not in a separate kernel namespace'],
  ['net.../../../etc/passwd', 'is not a name'],
  ['net/../kernel/core_pattern', 'is not a name'],
])('sysctl %s is refused: it would change the host', (name, text) => {
  expect(() => compileContainer(input({ sysctl: { [name]: '1' } }))).toThrow(text);
  expect(() => compileContainer(input({ sysctl: { [name]: '1' } }))).toThrow(CaissonError);
});

test('a net sysctl is refused without a network namespace, an ipc one without an ipc namespace', () => {
  const namespaces = [{ type: 'mount' as const }];
  expect(() => compileContainer(input({ namespaces, sysctl: { 'net.core.somaxconn': '1' } }))).toThrow('sysctl "net.core.somaxconn" not allowed in host network namespace');
  expect(() => compileContainer(input({ namespaces, sysctl: { 'kernel.shmmax': '1' } }))).toThrow('sysctl "kernel.shmmax" is not allowed in the hosts ipc namespace');
});

test('names with dots in sysctls, in both notations', () => {
  for (const name of ['net.ipv4.conf.eth0/1.forwarding', 'net/ipv4/conf/eth0.1/forwarding']) {
    expect(only(compileContainer(input({ sysctl: { [name]: '1' } })).init, 'writeFile')[0]?.path).toBe('/proc/sys/net/ipv4/conf/eth0.1/forwarding');
  }
});

test('the program is looked for in PATH, or taken by its path', () => {
  const candidates = (args: string[], env: string[]) => first(compileContainer(input({}, { process: { ...process, args, env } })).init, 'execve').candidates;
  expect(candidates(['sh'], ['PATH=/a:/b/::x:/c', 'A=1'])).toEqual(['/a/sh', '/b/sh', '/c/sh']);
  expect(candidates(['./sh'], ['PATH=/a'])).toEqual(['./sh']);
  expect(candidates(['sh'], ['PATH=/a', 'PATH=/b'])).toEqual(['/b/sh']);
  expect(candidates([''], ['PATH=/a'])).toEqual([]);
});

test('limits are raised while that is still allowed; -1 is none; an unknown one is refused', () => {
  const limited = (type: string) => compileContainer(input({}, { process: { ...process, rlimits: [{ type, soft: 10, hard: -1 }] } }));
  const order = names(limited('RLIMIT_NOFILE').init);
  expect(order.indexOf('setrlimit')).toBeLessThan(order.indexOf('boundCapabilities'));
  expect(first(limited('RLIMIT_NOFILE').init, 'setrlimit')).toMatchObject({ resource: 7, soft: 10n, hard: 0xffff_ffff_ffff_ffffn });
  expect(() => limited('RLIMIT_WRONG')).toThrow('RLIMIT_WRONG');
});

test('an out-of-memory score is written only when it differs, and from outside of a user namespace', () => {
  const scored = { process: { ...process, oomScoreAdj: 500 } };
  expect(only(compileContainer(input({}, scored)).init, 'writeFile')[0]).toMatchObject({ path: '/proc/self/oom_score_adj', data: '500' });
  expect(only(compileContainer(input({}, scored, { inheritedOomScoreAdj: 500 })).init, 'writeFile')).toHaveLength(1);
  const outside = compileContainer(input({ namespaces: withUser, ...remapped }, scored));
  expect(only(outside.host, 'writeProcess').at(-1)).toMatchObject({ file: 'oom_score_adj', data: '500' });
});

test('read-only root after the last thing that is made in it', () => {
  const order = names(compileContainer(input({}, { root: { path: root.mergedDir, readonly: true } })).init);
  expect(order.indexOf('readonlyRoot')).toBe(order.indexOf('pivotRoot') - 1);
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

test('cgroup v2: born into the group, with a device filter', () => {
  const v2: CgroupLayout = { ...cgroup, joins: [], cloneInto: '/sys/fs/cgroup/caisson/x', deviceProgram: { cgroup: '/sys/fs/cgroup/caisson/x', program: filter } };
  const plan = compileContainer(input({}, {}, { cgroup: v2 }));
  expect(plan.clone.cgroup).toBe('/sys/fs/cgroup/caisson/x');
  expect(first(plan.prepare, 'deviceFilter').cgroup).toBe('/sys/fs/cgroup/caisson/x');
  expect(names(plan.init)).not.toContain('joinCgroup');
});

test('exec: one fork, every namespace of the container, its cgroups, then the same privileges', () => {
  const plan = compileExec({ id, config: base, process, cgroup, seccompProgram: filter });
  expect(plan.prepare).toMatchObject([{ name: 'enter', flags: BigInt(cloneFlag.CLONE_NEWPID) }]);
  expect(plan.clone.flags).toBe(0n);
  expect(names(plan.init)).toEqual([
    'joinCgroup', 'joinCgroup', 'enter', 'sessionKeyring', 'setsid', 'stdio', 'umask', 'seccomp', 'boundCapabilities', 'chdir', 'setuser',
    'setCapabilities', 'execve',
  ]);
  const { flags } = first(plan.init, 'enter');
  expect(flags).toBe(BigInt(cloneFlag.CLONE_NEWNS | cloneFlag.CLONE_NEWNET | cloneFlag.CLONE_NEWIPC | cloneFlag.CLONE_NEWUTS | cloneFlag.CLONE_NEWCGROUP));
  expect(plan.release).toEqual([]);
});

test('exec with a terminal gets no console of its own; in a user namespace it becomes its root first', () => {
  const config = { ...base, linux: { ...base.linux, namespaces: withUser, ...remapped } };
  const { init } = compileExec({ id, config, process: { ...process, terminal: true }, cgroup, seccompProgram: null });
  expect(first(init, 'terminal').console).toBe(0);
  const order = names(init);
  expect(order.slice(order.indexOf('enter'), order.indexOf('enter') + 2)).toEqual(['enter', 'setuser']);
  expect(first(init, 'enter').flags & BigInt(cloneFlag.CLONE_NEWUSER)).not.toBe(0n);
});

test('exec into a container of the host\'s pid namespace enters none', () => {
  const config = { ...base, linux: { ...base.linux, namespaces: [{ type: 'mount' as const }] } };
  expect(compileExec({ id, config, process, cgroup, seccompProgram: null }).prepare).toEqual([]);
});
