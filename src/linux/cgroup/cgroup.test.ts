import { afterAll, describe, expect, test } from 'bun:test';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuWeight, ioWeight, swapMax } from './conversions.ts';
import { parseCgroupMounts } from './detect.ts';
import { deviceWrites } from './device-list.ts';
import { createCgroupDriver } from './index.ts';
import { checkCgroupPath } from './paths.ts';
import type { CgroupResources } from './resources.ts';
import { CgroupV2Driver } from './v2.ts';

const root = mkdtempSync(join(tmpdir(), 'caisson-cgroup-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const line = (mountPoint: string, type: string, options: string) => `31 23 0:28 / ${mountPoint} rw,nosuid - ${type} cgroup rw,${options}`;

describe('hierarchies', () => {
  test('unified', () => {
    expect(parseCgroupMounts(line('/sys/fs/cgroup', 'cgroup2', 'nsdelegate,memory_recursiveprot'))).toEqual({ kind: 'v2', mountPoint: '/sys/fs/cgroup' });
  });

  test('hybrid, with controllers that share a hierarchy, a copy of a mount, and a name', () => {
    const mountinfo = [
      '22 1 8:1 / / rw - ext4 /dev/vda rw',
      line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'cpu,cpuacct'),
      line('/mnt/with\\040space', 'cgroup', 'memory'),
      line('/elsewhere', 'cgroup', 'memory'),
      line('/sys/fs/cgroup/systemd', 'cgroup', 'xattr,release_agent=/lib/systemd/agent,name=systemd'),
      line('/sys/fs/cgroup/unified', 'cgroup2', 'nsdelegate'),
    ].join('\n');
    expect(parseCgroupMounts(mountinfo)).toEqual({
      kind: 'v1',
      unified: '/sys/fs/cgroup/unified',
      hierarchies: [
        { mountPoint: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] },
        { mountPoint: '/mnt/with space', controllers: ['memory'] },
        { mountPoint: '/sys/fs/cgroup/systemd', controllers: [], name: 'systemd' },
      ],
    });
  });

  test('none', () => {
    expect(parseCgroupMounts('22 1 8:1 / / rw - ext4 /dev/vda rw\n')).toEqual({ kind: 'none' });
    expect(() => createCgroupDriver('/caisson', { host: { kind: 'none' } })).toThrow('no cgroup hierarchy is mounted');
  });
});

describe('conversions to v2', () => {
  test.each([[2, 1], [1024, 100], [262144, 10000], [1, 1], [512, 59], [2048, 174], [1_000_000, 10000]])('cpu shares %d weigh %d', (shares, weight) => {
    expect(cpuWeight(shares)).toBe(weight);
  });

  test('block weights', () => {
    expect([10, 500, 1000].map(ioWeight)).toEqual([1, 4950, 10000]);
  });

  test('swap', () => {
    expect(swapMax(300, 100)).toBe(200);
    expect(swapMax(100, 100)).toBe(0);
    expect(swapMax(-1, 100)).toBe(-1);
    expect(swapMax(undefined, -1)).toBe(-1);
    expect(swapMax(0, 100)).toBeUndefined();
    expect(() => swapMax(50, 100)).toThrow('memory+swap limit should be >= memory limit');
    expect(() => swapMax(50, undefined)).toThrow('unable to set swap limit without memory limit');
  });
});

describe('device rules of v1', () => {
  const all = { access: 'rwm' };
  test('Docker\'s', () => {
    expect(deviceWrites([
      { allow: false, ...all }, { allow: true, type: 'c', major: 1, minor: 3, ...all }, { allow: false, type: 'c', major: 10, minor: 229, ...all },
      { allow: true, type: 'c', access: 'm' }, { allow: true, type: 'c', major: 136, access: 'rwm' }, { allow: true, type: 'c', major: 1, minor: 3, access: 'r' },
    ])).toEqual([
      { file: 'devices.deny', data: 'a' }, { file: 'devices.allow', data: 'c *:* m' }, { file: 'devices.allow', data: 'c 136:* rwm' },
      { file: 'devices.allow', data: 'c 1:3 rwm' },
    ]);
  });

  test('privileged needs no write, and what is denied after it is', () => {
    expect(deviceWrites([{ allow: true, type: 'a', ...all }])).toEqual([]);
    expect(deviceWrites([{ allow: true }, { allow: false, type: 'b', major: 8 }])).toEqual([{ file: 'devices.deny', data: 'b 8:* rwm' }]);
    expect(deviceWrites([])).toEqual([]);
  });

  test('a rule takes back an earlier one, whole or in part', () => {
    const rules = [{ allow: true, type: 'c', major: 5, minor: 1 }, { allow: true, type: 'c', major: 5, minor: 2 }, { allow: false, type: 'c', major: 5, minor: 1 }] as const;
    expect(deviceWrites([...rules, { allow: false, type: 'c', major: 5, access: 'w' }])).toEqual([
      { file: 'devices.deny', data: 'a' }, { file: 'devices.allow', data: 'c 5:2 rm' },
    ]);
  });

  test('an exception from an exception is refused', () => {
    expect(() => deviceWrites([{ allow: true, type: 'c', major: 5 }, { allow: false, type: 'c', major: 5, minor: 1 }])).toThrow('cannot deny device c 5:1 rwm after c 5:* rwm');
  });
});

test.each(['caisson/x', '/', '/caisson/../..', '/a\n/b', ''])('path %p is refused', (path) => {
  expect(() => checkCgroupPath(path)).toThrow('invalid cgroup path');
});

const resources = {
  devices: [{ allow: false }],
  memory: { limit: 64 << 20, swap: 128 << 20, reservation: 32 << 20, swappiness: 0, disableOOMKiller: true },
  cpu: { shares: 512, quota: 50_000, period: 100_000, cpus: '0', mems: '0' },
  pids: { limit: 100 },
  blockIO: { weight: 500, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1000 }], throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 10 }] },
};

/** A tree of files as the kernel has them; only the daemon's reading and parents are looked at here. */
function fixture(name: string, files: Record<string, string>): string {
  const base = join(root, name);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(base, path, '..'), { recursive: true });
    writeFileSync(join(base, path), content);
  }
  return base;
}

describe('v2', () => {
  const controllers = 'cpuset cpu io memory pids rdma misc\n';
  const mountPoint = fixture('v2', {
    'cgroup.controllers': controllers, 'cgroup.subtree_control': 'memory pids\n',
    'caisson/cgroup.controllers': controllers, 'caisson/cgroup.subtree_control': 'cpuset cpu io memory pids\n', 'caisson/memory.swap.max': 'max\n',
  });
  const driver = new CgroupV2Driver(mountPoint, '/caisson');

  const values = (given: CgroupResources) => driver.layout('/caisson/abc', given).writes.map(({ data }) => data);

  test('layout', () => {
    const layout = driver.layout('/caisson/abc', resources);
    const directory = join(mountPoint, 'caisson/abc');
    expect(driver).toMatchObject({ version: 2, swapLimit: true });
    expect(layout).toMatchObject({
      directories: [directory], removals: [directory], joins: [], cloneInto: directory, oomEvents: `${directory}/memory.events`,
      freezer: { path: `${directory}/cgroup.freeze`, frozen: '1', thawed: '0', state: `${directory}/cgroup.events`, stopped: 'frozen 1' }, paths: { memory: directory, unified: directory },
    });
    expect(layout.writes.map(({ path, data }) => [path.slice(directory.length + 1), data])).toEqual([
      ['cpuset.cpus', '0'], ['cpuset.mems', '0'], ['memory.swap.max', `${64 << 20}`], ['memory.max', `${64 << 20}`], ['memory.low', `${32 << 20}`],
      ['cpu.weight', '59'], ['cpu.max', '50000 100000'], ['pids.max', '100'], ['io.weight', 'default 4950'], ['io.max', '8:0 rbps=1000'],
      ['io.max', '8:0 wiops=10'],
    ]);
    expect(layout.deviceProgram?.cgroup).toBe(directory);
    expect(layout.containerMounts({ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] })).toEqual([
      { destination: '/sys/fs/cgroup', type: 'cgroup2', source: 'cgroup', options: ['ro'] },
    ]);
  });

  test('the missing controllers are handed down', () => {
    const other = fixture('v2-missing', {
      'cgroup.controllers': controllers, 'cgroup.subtree_control': 'cpuset cpu memory pids\n', 'p/cgroup.controllers': controllers,
      'p/cgroup.subtree_control': 'cpuset cpu io memory pids\n',
    });
    expect(new CgroupV2Driver(other, '/p').swapLimit).toBe(false);
    expect(readFileSync(join(other, 'cgroup.subtree_control'), 'utf8')).toStartWith('+io');
    expect(readFileSync(join(other, 'p/cgroup.subtree_control'), 'utf8')).toBe('cpuset cpu io memory pids\n');
  });

  test('a parent that hands nothing down is as good as any without limits', () => {
    const other = fixture('v2-busy', {
      'cgroup.controllers': controllers, 'cgroup.subtree_control': 'cpu memory pids\n', 'p/cgroup.controllers': controllers, 'p/cgroup.subtree_control': 'cpuset cpu io memory pids\n',
      'busy/cgroup.controllers': '', 'busy/cgroup.subtree_control': '\n',
    });
    const busy = new CgroupV2Driver(other, '/p');
    expect(busy.layout('/busy/abc', {}).writes).toEqual([]);
    expect(() => busy.layout('/busy/abc', { memory: { limit: 64 << 20 } })).toThrow(`cannot set memory.max below ${other}/busy`);
  });

  test('a program for devices only where some are denied', () => {
    const deviceProgram = (devices: CgroupResources['devices']) => driver.layout('/caisson/abc', { devices }).deviceProgram;
    expect(deviceProgram([{ allow: true, access: 'rwm' }])).toBeUndefined();
    expect(deviceProgram([{ allow: false }, { allow: true }, { allow: true, type: 'c' }])).toBeUndefined();
    expect(deviceProgram([{ allow: true }, { allow: false, type: 'c', major: 1 }])).toBeDefined();
    expect(deviceProgram([{ allow: true, type: 'c' }])).toBeDefined();
  });

  test('unlimited, unset and quota without period', () => {
    expect(values({ memory: { limit: -1 }, pids: { limit: -1 } })).toEqual(['max', 'max', 'max']);
    expect(values({ memory: { limit: 0, swap: 0 }, cpu: { shares: 0, quota: 0, period: 0, cpus: '' } })).toEqual([]);
    expect(values({ cpu: { quota: 20_000 } })).toEqual(['20000 100000']);
    expect(values({ cpu: { period: 50_000 } })).toEqual(['max 50000']);
  });
});

describe('v1', () => {
  const base = fixture('v1', {
    'memory/memory.memsw.limit_in_bytes': '-1', 'cpu,cpuacct/cpu.shares': '', 'pids/tasks': '', 'devices/tasks': '', 'systemd/tasks': '',
    'unified/cgroup.procs': '', 'blkio/parent/blkio.bfq.weight': '', 'freezer/tasks': '',
    'cpuset/parent/cgroup.clone_children': '0', 'cpuset/parent/cpuset.cpus': '0-1\n', 'cpuset/parent/cpuset.mems': '0\n',
  });
  const hierarchies = [
    ...[['cpu,cpuacct', 'cpu', 'cpuacct'], ...['memory', 'pids', 'devices', 'blkio', 'freezer', 'cpuset'].map((name) => [name, name])].map(([name = '', ...controllers]) => ({
      mountPoint: join(base, name), controllers,
    })),
    { mountPoint: join(base, 'systemd'), controllers: [], name: 'systemd' },
  ];
  const mountpointDirectory = join(root, 'mountpoints');
  const driver = createCgroupDriver('/parent', { host: { kind: 'v1', hierarchies, unified: join(base, 'unified') }, mountpointDirectory });

  test('layout', () => {
    const layout = driver.layout('/parent/abc', resources);
    expect(driver).toMatchObject({ version: 1, swapLimit: true });
    expect(layout.directories).toEqual(['unified', 'cpu,cpuacct', 'memory', 'pids', 'devices', 'blkio', 'freezer', 'cpuset', 'systemd'].map((name) => join(base, name, 'parent/abc')));
    expect(layout.joins).toHaveLength(8);
    expect(layout.cloneInto).toBe(join(base, 'unified/parent/abc'));
    expect(layout.writes.map(({ path, data }) => [path.slice(base.length + 1).replace('/parent/abc', ''), data])).toEqual([
      ['cpuset/cpuset.cpus', '0'], ['cpuset/cpuset.mems', '0'],
      ['memory/memory.limit_in_bytes', `${64 << 20}`], ['memory/memory.memsw.limit_in_bytes', `${128 << 20}`],
      ['memory/memory.soft_limit_in_bytes', `${32 << 20}`], ['memory/memory.swappiness', '0'], ['memory/memory.oom_control', '1'],
      ['cpu,cpuacct/cpu.shares', '512'], ['cpu,cpuacct/cpu.cfs_period_us', '100000'], ['cpu,cpuacct/cpu.cfs_quota_us', '50000'],
      ['blkio/blkio.bfq.weight', '500'], ['blkio/blkio.throttle.read_bps_device', '8:0 1000'], ['blkio/blkio.throttle.write_iops_device', '8:0 10'],
      ['pids/pids.max', '100'], ['devices/devices.deny', 'a'],
    ]);
  });

  test('a cpuset whose parent does not hand its own on is filled from it', () => {
    expect(driver.layout('/parent/abc', {}).writes.map(({ data }) => data)).toEqual(['0-1', '0']);
  });

  test('a container sees its own directories, on mount points that are there already', () => {
    const mounts = driver.layout('/parent/abc', {}).containerMounts({ destination: '/sys/fs/cgroup', type: 'cgroup', options: ['nosuid', 'rw'] });
    expect(mounts[0]).toEqual({ destination: '/sys/fs/cgroup', type: 'bind', source: mountpointDirectory, options: ['bind', 'nosuid', 'ro'] });
    expect(mounts[1]).toEqual({ destination: '/sys/fs/cgroup/cpu,cpuacct', type: 'bind', source: join(base, 'cpu,cpuacct/parent/abc'), options: ['bind', 'nosuid', 'rw'] });
    expect(mounts).toHaveLength(10);
    for (const { destination } of mounts.slice(1)) expect(lstatSync(join(mountpointDirectory, destination.slice('/sys/fs/cgroup/'.length))).isDirectory()).toBe(true);
    expect(readlinkSync(join(mountpointDirectory, 'cpuacct'))).toBe('cpu,cpuacct');
  });

  test('the parents made here are removed, those found are not', () => {
    expect(existsSync(join(base, 'memory/parent'))).toBe(true);
    driver.release();
    expect(existsSync(join(base, 'memory/parent'))).toBe(false);
    expect(existsSync(join(base, 'cpuset/parent'))).toBe(true);
  });
});
