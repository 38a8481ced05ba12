import { expect, test } from 'bun:test';
import type { ContainerConfig, HostConfig } from '../docker-types.ts';
import { adaptHostConfig } from './adapt.ts';
import { buildExecProcess } from './build-exec.ts';
import { buildOciConfig, type SpecInput } from './build.ts';
import { resolveMounts } from './mounts.ts';
import { ableHost, unableHost } from './testing.ts';

const userFiles = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1001::/home/alice:/bin/sh\n',
  group: 'root:x:0:\nalice:x:1001:\nwheel:x:10:root,alice\nvideo:x:44:\n',
};
const mapping = [{ containerID: 0, hostID: 100000, size: 65536 }];
const remap = { uidMappings: mapping, gidMappings: mapping };

function input(requested: HostConfig = {}, config: ContainerConfig = {}, changes: Partial<SpecInput> = {}): SpecInput {
  const host = changes.host ?? ableHost;
  const hostConfig = adaptHostConfig(requested, host);
  const mounts = resolveMounts(config, hostConfig, {
    volumes: { ensure: (name) => ({ name: name ?? 'made-up', path: `/volumes/${name ?? 'made-up'}/_data` }) },
    images: (name, index) => ({ path: `/images/${name}`, image: { root: `c.${index}`, topLayer: null, id: 'sha256:0', shifted: true } }),
    mountsOf: () => [],
    exists: () => true,
    dataRoot: '/data', plainReadOnlyBinds: false,
  });
  return {
    id: 'abc',
    config: { Hostname: 'box', ...config },
    hostConfig,
    argv: ['sh'],
    mounts,
    rootPath: '/data/merged',
    networkFiles: { hosts: '/c/hosts', hostname: '/c/hostname', resolvConf: '/c/resolv.conf' },
    userFiles,
    joined: {},
    shmPath: '/c/shm',
    cgroupParent: '/caisson',
    initBinary: '/lib/init',
    remap: null,
    host,
    devices: {
      lookup: (path) =>
        path === '/dev/fuse'
          ? { kind: 'device', device: { path, type: 'c', major: 10, minor: 229, fileMode: 0o666 } }
          : path === '/dev/snd'
            ? { kind: 'directory', devices: [{ path: 'timer', type: 'c', major: 116, minor: 33 }] }
            : path === '/etc/passwd'
              ? { kind: 'other' }
              : { kind: 'missing' },
      all: () => [{ path: '/dev/kvm', type: 'c', major: 10, minor: 232 }],
      blockDevice: () => ({ major: 8, minor: 0 }),
    },
    ...changes,
  };
}

const build = (...args: Parameters<typeof input>) => buildOciConfig(input(...args));
const types = (spec: ReturnType<typeof build>) => spec.config.linux.namespaces.map(({ type }) => type);
const mountAt = (spec: ReturnType<typeof build>, destination: string) =>
  spec.config.mounts.find((mount) => mount.destination === destination);

test('an ordinary container', () => {
  const { config, seccompProgram } = build({}, {});
  expect(config.linux.namespaces).toEqual([
    { type: 'mount' },
    { type: 'network' },
    { type: 'ipc' },
    { type: 'pid' },
    { type: 'uts' },
    { type: 'cgroup' },
  ]);
  expect(config.process.env).toEqual([
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'HOSTNAME=box',
    'HOME=/root',
  ]);
  expect(config.process.cwd).toBe('/');
  expect(config.process.user).toEqual({ uid: 0, gid: 0, additionalGids: [0, 10] });
  expect(config.process.capabilities?.bounding).toHaveLength(14);
  expect(config.process.capabilities?.inheritable).toEqual([]);
  expect(config.linux.cgroupsPath).toBe('/caisson/abc');
  expect(config.linux.sysctl).toEqual({
    'net.ipv4.ping_group_range': '0 2147483647',
    'net.ipv4.ip_unprivileged_port_start': '0',
  });
  expect(config.linux.maskedPaths).toContain('/proc/interrupts');
  expect(config.mounts.map(({ destination }) => destination)).toEqual([
    '/proc',
    '/dev',
    '/dev/pts',
    '/sys',
    '/sys/fs/cgroup',
    '/dev/mqueue',
    '/dev/shm',
    '/etc/resolv.conf',
    '/etc/hostname',
    '/etc/hosts',
  ]);
  expect(mountAt(build(), '/dev/shm')?.options).toContain('size=67108864');
  expect(seccompProgram?.length).toBeGreaterThan(100);
});

test('limits that are not set cost nothing; those that are, are passed on', () => {
  expect(Object.keys(build().config.linux.resources ?? {})).toEqual(['devices']);
  const { resources } = build({
    Memory: 64e6,
    NanoCpus: 1.5e9,
    PidsLimit: 7,
    CpuShares: 512,
    BlkioDeviceReadBps: [{ Path: '/dev/sda', Rate: 1000 }],
  }).config.linux;
  expect(resources).toMatchObject({
    memory: { limit: 64e6, swap: 128e6 },
    cpu: { quota: 150000, period: 100000, shares: 512 },
    pids: { limit: 7 },
    blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1000 }] },
  });
});

test("a cgroup parent stays below the hierarchies' roots", () => {
  expect(build({ CgroupParent: '../../../etc' }).config.linux.cgroupsPath).toBe('/etc/abc');
  expect(build({ CgroupParent: 'mine' }).config.linux.cgroupsPath).toBe('/mine/abc');
});

test('privileged: all capabilities and devices, nothing masked, writable /sys, no filter', () => {
  const spec = build({ Privileged: true, Devices: [{ PathOnHost: '/dev/fuse', PathInContainer: '/dev/x' }] });
  expect(spec.config.process.capabilities?.bounding).toEqual([...ableHost.capabilities]);
  expect(spec.config.linux.devices?.map(({ path }) => path)).toEqual(['/dev/kvm', '/dev/x']);
  expect(spec.config.linux.resources?.devices).toEqual([{ allow: true, access: 'rwm' }]);
  expect(spec.config.linux.maskedPaths).toEqual([]);
  expect(spec.config.linux.readonlyPaths).toEqual([]);
  expect(mountAt(spec, '/sys')?.options).not.toContain('ro');
  expect(mountAt(spec, '/sys/fs/cgroup')?.options).not.toContain('ro');
  expect(spec.seccompProgram).toBeNull();
});

test('security options', () => {
  expect(build({ SecurityOpt: ['no-new-privileges'] }).config.process.noNewPrivileges).toBe(true);
  expect(build({ SecurityOpt: ['no-new-privileges:false'] }).config.process.noNewPrivileges).toBe(false);
  expect(build({ SecurityOpt: ['seccomp=unconfined'] }).seccompProgram).toBeNull();
  expect(
    build({
      SecurityOpt: [
        'seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}]}',
      ],
    }).config.linux.seccomp?.defaultAction,
  ).toBe('SCMP_ACT_ALLOW');
  expect(() => build({ SecurityOpt: ['seccomp={'] })).toThrow('Decoding seccomp profile failed');
  expect(build({ SecurityOpt: ['systempaths=unconfined'] }).config.linux.maskedPaths).toEqual([]);
  expect(build({ MaskedPaths: [], ReadonlyPaths: [] }).config.linux.maskedPaths).toEqual([]);
  expect(mountAt(build({ SecurityOpt: ['writable-cgroups'] }), '/sys/fs/cgroup')?.options).not.toContain('ro');
});

test('capabilities', () => {
  expect(build({ CapDrop: ['all'], CapAdd: ['net_admin', 'CAP_CHOWN'] }).config.process.capabilities?.bounding).toEqual(
    ['CAP_NET_ADMIN', 'CAP_CHOWN'],
  );
  expect(build({ CapDrop: ['CHOWN'] }).config.process.capabilities?.bounding).not.toContain('CAP_CHOWN');
});

test('namespace modes', () => {
  expect(
    types(build({ NetworkMode: 'host', PidMode: 'host', IpcMode: 'host', UTSMode: 'host', CgroupnsMode: 'host' })),
  ).toEqual(['mount']);
  expect(build({ UTSMode: 'host' }).config.hostname).toBeUndefined();
  expect(build({ NetworkMode: 'host' }).config.linux.sysctl).toEqual({});
  expect(
    build({ NetworkMode: 'container:x', PidMode: 'container:x' }, {}, { joined: { network: 7, pid: 8 } }).config.linux
      .namespaces,
  ).toContainEqual({ type: 'network', path: '/proc/7/ns/net' });
  expect(() => build({ IpcMode: 'container:x' })).toThrow(
    'cannot join the ipc namespace of a container that is not running',
  );
});

test('shared memory by ipc mode', () => {
  expect(mountAt(build({ IpcMode: 'none' }), '/dev/shm')).toBeUndefined();
  expect(mountAt(build({ IpcMode: 'host' }), '/dev/shm')).toMatchObject({ type: 'bind', source: '/dev/shm' });
  const shareable = build({ IpcMode: 'shareable', ShmSize: 1000 });
  expect(mountAt(shareable, '/dev/shm')).toMatchObject({ type: 'bind', source: '/c/shm' });
  expect(shareable.hostMounts).toEqual([
    { target: '/c/shm', type: 'tmpfs', source: 'shm', data: 'mode=1777,size=1000' },
  ]);
  expect(build({ IpcMode: 'container:x' }, {}, { joined: { ipc: 9 } }).hostMounts).toEqual([]);
});

test('a remapped container: user namespace, maps, shifted binds; --userns host has none of it', () => {
  const spec = build({ Binds: ['/srv:/srv'] }, {}, { remap });
  expect(types(spec)).toContain('user');
  expect(spec.config.linux.uidMappings).toEqual(mapping);
  expect(mountAt(spec, '/srv')?.options).toContain('idmap');
  expect(mountAt(spec, '/etc/hosts')?.options).toContain('idmap');
  expect(mountAt(spec, '/sys/fs/cgroup')?.options).not.toContain('ro');
  expect(spec.config.linux.sysctl).not.toHaveProperty(['net.ipv4.ping_group_range']);
  expect(types(build({ UsernsMode: 'host' }, {}, { remap }))).not.toContain('user');
});

test('time offsets', () => {
  const { linux } = build({ TimeOffsets: { monotonic: '+1d', boottime: '-1.5s' } }).config;
  expect(linux.namespaces).toContainEqual({ type: 'time' });
  expect(linux.timeOffsets).toEqual({
    monotonic: { secs: 86400, nanosecs: 0 },
    boottime: { secs: -2, nanosecs: 500_000_000 },
  });
});

test('--init puts ours before the command, but only in a pid namespace of its own', () => {
  expect(build({ Init: true }).config.process.args).toEqual(['/sbin/docker-init', '--', 'sh']);
  expect(build({ Init: true }).config.mounts.at(-1)).toEqual({
    destination: '/sbin/docker-init',
    type: 'bind',
    source: '/lib/init',
    options: ['bind', 'ro'],
  });
  expect(build({ Init: true, PidMode: 'host' }).config.process.args).toEqual(['sh']);
});

test('devices: one, a directory of them, what is none', () => {
  const spec = build({
    Devices: [
      { PathOnHost: '/dev/fuse', PathInContainer: '/dev/mine', CgroupPermissions: 'rw' },
      { PathOnHost: '/dev/snd', PathInContainer: '/dev/sound' },
    ],
  });
  expect(spec.config.linux.devices?.map(({ path }) => path)).toEqual(['/dev/mine', '/dev/sound/timer']);
  expect(spec.config.linux.resources?.devices).toContainEqual({
    allow: true,
    type: 'c',
    major: 10,
    minor: 229,
    access: 'rw',
  });
  expect(() => build({ Devices: [{ PathOnHost: '/dev/none' }] })).toThrow(
    'error gathering device information while adding custom device "/dev/none": no such file or directory',
  );
  expect(() => build({ Devices: [{ PathOnHost: '/etc/passwd' }] })).toThrow(
    'error gathering device information while adding custom device "/etc/passwd": not a device node',
  );
  expect(build({ DeviceCgroupRules: ['b 8:* r'] }).config.linux.resources?.devices).toContainEqual({
    allow: true,
    type: 'b',
    major: 8,
    access: 'r',
  });
});

test('mounts: order by depth, read-only as far as the kernel can, defaults replaced', () => {
  const requested: HostConfig = {
    Binds: ['/s:/a/b/c:ro', '/t:/a'],
    Tmpfs: { '/run': 'size=1m,exec' },
    Mounts: [{ Type: 'tmpfs', Target: '/dev/shm', TmpfsOptions: { SizeBytes: 4096, Mode: 0o700 } }],
  };
  const spec = build(requested);
  const own = spec.config.mounts
    .map(({ destination }) => destination)
    .filter((path) => /^\/(a|run|dev\/shm)/.test(path));
  expect(own).toEqual(['/a', '/run', '/dev/shm', '/a/b/c']);
  expect(mountAt(spec, '/a/b/c')?.options).toEqual(['rbind', 'rro', 'rprivate']);
  expect(mountAt(spec, '/run')?.options).toEqual(['nosuid', 'nodev', 'size=1m', 'exec']);
  expect(mountAt(spec, '/dev/shm')?.options).toEqual(['noexec', 'nosuid', 'nodev', 'mode=700', 'size=4096']);
  expect(mountAt(build(requested, {}, { host: unableHost }), '/a/b/c')?.options).toEqual(['rbind', 'ro', 'rprivate']);
});

test("a user's /dev leaves out all defaults below it; its /etc/hosts replaces the engine's", () => {
  const spec = build({ Binds: ['/dev:/dev', '/h:/etc/hosts'] });
  expect(spec.config.mounts.filter(({ destination }) => destination.startsWith('/dev'))).toHaveLength(1);
  expect(mountAt(spec, '/etc/hosts')?.source).toBe('/h');
});

test("shared and slave binds open up the root's propagation", () => {
  expect(build({ Binds: ['/a:/a:rshared'] }).config.linux.rootfsPropagation).toBe('shared');
  expect(build({ Binds: ['/a:/a:slave'] }).config.linux.rootfsPropagation).toBe('rslave');
  expect(build({ Binds: ['/a:/a'] }).config.linux.rootfsPropagation).toBeUndefined();
});

test('a terminal has its size and TERM', () => {
  const { process } = build({ ConsoleSize: [24, 80] }, { Tty: true, Env: ['A=b', 'HOSTNAME=other'] }).config;
  expect(process).toMatchObject({ terminal: true, consoleSize: { height: 24, width: 80 } });
  expect(process.env.slice(1)).toEqual(['HOSTNAME=other', 'TERM=xterm', 'A=b', 'HOME=/root']);
});

test("exec: the container's own, where nothing else is asked for", () => {
  const spec = input(
    { CapDrop: ['CHOWN'], Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }] },
    { User: 'alice', WorkingDir: '/work', Env: ['A=1', 'B=1'] },
  );
  const container = buildOciConfig(spec).config;
  const base = { config: spec.config, hostConfig: spec.hostConfig, container, userFiles, host: ableHost };
  const process = buildExecProcess({ ...base, exec: { Cmd: ['id'], Env: ['B=2', 'C=3'] } });
  expect(process).toMatchObject({
    cwd: '/work',
    user: { uid: 1000, gid: 1001, additionalGids: [1001, 10] },
    args: ['id'],
    capabilities: container.process.capabilities,
    rlimits: [{ type: 'RLIMIT_NOFILE' }],
  });
  expect(process.env.slice(1)).toEqual(['HOSTNAME=box', 'A=1', 'B=2', 'C=3', 'HOME=/home/alice']);
  const other = buildExecProcess({
    ...base,
    exec: { Cmd: ['id'], User: '0', Privileged: true, WorkingDir: '/', Tty: true },
    consoleSize: [10, 20],
  });
  expect(other.capabilities?.effective).toEqual([...ableHost.capabilities]);
  expect(other).toMatchObject({ cwd: '/', user: { uid: 0 }, consoleSize: { height: 10, width: 20 } });
  expect(other.env).toContain('TERM=xterm');
});
