/**
 * On the kernel's own cgroups: needs root, and skips what this host does not have. Everything is below a directory of
 * its own.
 */
import { afterAll, expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addressOf, bindLibc, lastErrno } from '../ffi/libc.ts';
import { openAt, currentDirectory } from '../ffi/files.ts';
import { errnoName } from '../errno.ts';
import { assembleDeviceProgram } from './device-bpf.ts';
import { createCgroupDriver, detectCgroups } from './index.ts';
import type { DeviceRule } from './resources.ts';
import { CgroupV2Driver } from './v2.ts';

const isRoot = process.getuid?.() === 0;
const host = detectCgroups();
const parent = `/caisson-ltest-${process.pid}`;
const unified = host.kind === 'v1' ? host.unified : host.kind === 'v2' ? host.mountPoint : undefined;
const scratch = mkdtempSync(join(tmpdir(), 'caisson-cgroup-root-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test.skipIf(!isRoot || host.kind !== 'v1')('a process joins every hierarchy of a v1 host with its limits (needs root and cgroup v1)', () => {
  const driver = createCgroupDriver(parent, { host, mountpointDirectory: join(scratch, 'mountpoints') });
  const layout = driver.layout(`${parent}/one`, {
    devices: [{ allow: false, access: 'rwm' }, { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' }, { allow: true, type: 'c', major: 5 }],
    memory: { limit: 64 << 20, swap: 128 << 20, reservation: 32 << 20, swappiness: 10, disableOOMKiller: true },
    cpu: { shares: 512, quota: 50_000, period: 100_000, cpus: '0', mems: '0' },
    pids: { limit: 100 },
  });
  try {
    for (const directory of layout.directories) mkdirSync(directory);
    for (const { path, data } of layout.writes) writeFileSync(path, data);
    const join = layout.joins.map(({ path, data }) => `echo ${data} > ${path}`).join('; ');
    const shell = spawnSync('sh', ['-ec', `${join}; cat /proc/self/cgroup; head -c0 /dev/null; if head -c1 /dev/zero; then exit 9; fi`], { encoding: 'utf8' });
    expect(shell.stderr).toMatch(/\/dev\/zero.*not permitted/);
    const lines = shell.stdout.trim().split('\n').filter((line) => !line.startsWith('0::'));
    expect(lines).toHaveLength(layout.joins.length);
    for (const line of lines) expect(line).toEndWith(`:${parent}/one`);
    const read = (controller: string, file: string) => readFileSync(`${layout.paths[controller]}/${file}`, 'utf8').trim();
    expect(read('memory', 'memory.limit_in_bytes')).toBe(`${64 << 20}`);
    expect(read('memory', 'memory.memsw.limit_in_bytes')).toBe(`${128 << 20}`);
    expect(read('memory', 'memory.oom_control')).toStartWith('oom_kill_disable 1');
    expect(read('cpu', 'cpu.cfs_quota_us')).toBe('50000');
    expect(read('pids', 'pids.max')).toBe('100');
    expect(read('cpuset', 'cpuset.cpus')).toBe('0');
    expect(read('devices', 'devices.list').split('\n')).toEqual(['c 1:3 rwm', 'c 5:* rwm']);
    expect(existsSync(layout.oomEvents)).toBe(true);
    writeFileSync(layout.freezer.path, layout.freezer.frozen);
    writeFileSync(layout.freezer.path, layout.freezer.thawed);
  } finally {
    for (const directory of layout.removals) if (existsSync(directory)) rmdirSync(directory);
    driver.release();
  }
  for (const directory of layout.directories) expect(existsSync(join(directory, '..'))).toBe(false);
});

test.skipIf(!isRoot || host.kind !== 'v1')('without a word about processors a process may use its parent\'s (needs root and cgroup v1)', () => {
  const driver = createCgroupDriver(parent, { host, mountpointDirectory: join(scratch, 'mountpoints') });
  const layout = driver.layout(`${parent}/two`, {});
  try {
    expect(layout.writes).toEqual([]);
    const cpuset = layout.paths['cpuset'] ?? '';
    mkdirSync(cpuset);
    expect(readFileSync(join(cpuset, 'cpuset.cpus'), 'utf8')).toBe(readFileSync(join(cpuset, '../../cpuset.cpus'), 'utf8'));
    expect(spawnSync('sh', ['-ec', `echo 0 > ${cpuset}/tasks`]).status).toBe(0);
    rmdirSync(cpuset);
  } finally {
    driver.release();
  }
});

const { syscall } = bindLibc({ syscall: { args: ['i64', 'i32', 'u64', 'u32'], returns: 'i32' } });
const bpfNumber = process.arch === 'arm64' ? 280 : 321;

/** bpf(2) with an attribute of 128 bytes. */
function bpf(command: number, fill: (view: DataView) => void): number {
  const attribute = new Uint8Array(4096);
  fill(new DataView(attribute.buffer));
  const result = syscall(bpfNumber, command, addressOf(attribute), 128);
  if (result < 0) throw new Error(`bpf ${command}: ${errnoName(lastErrno())}`);
  return result;
}

const license = new Uint8Array(4096);
license.set(new TextEncoder().encode('Apache-2.0'));

function loadDeviceProgram(rules: readonly DeviceRule[]): number {
  const code = new Uint8Array(65536);
  const program = assembleDeviceProgram(rules);
  code.set(program);
  // BPF_PROG_LOAD, BPF_PROG_TYPE_CGROUP_DEVICE
  return bpf(5, (view) => {
    view.setUint32(0, 15, true);
    view.setUint32(4, program.length / 8, true);
    view.setBigUint64(8, addressOf(code), true);
    view.setBigUint64(16, addressOf(license), true);
  });
}

test.skipIf(!isRoot || unified === undefined)('a device program decides what a process in a v2 cgroup may open (needs root and cgroup v2)', () => {
  const directory = join(unified ?? '', `${parent.slice(1)}-bpf`);
  mkdirSync(directory);
  try {
    const program = loadDeviceProgram([
      { allow: true }, { allow: false, access: 'rwm' }, { allow: true, type: 'c', major: 1, minor: 3, access: 'r' }, { allow: true, type: 'c', major: 1, access: 'w' },
      { allow: true, type: 'c', major: 1, minor: 5 }, { allow: false, type: 'c', major: 1, minor: 5, access: 'w' }, { allow: true, type: 'a', access: 'm' },
    ]);
    const cgroup = openAt(currentDirectory, directory, 0);
    // BPF_PROG_ATTACH, BPF_CGROUP_DEVICE
    bpf(8, (view) => {
      view.setUint32(0, cgroup, true);
      view.setUint32(4, program, true);
      view.setUint32(8, 6, true);
    });
    const script = `echo 0 > ${directory}/cgroup.procs;
      if (exec 3</dev/null) 2>/dev/null; then echo yes; else echo no; fi
      if (exec 3<>/dev/null) 2>/dev/null; then echo yes; else echo no; fi
      if (exec 3</dev/zero) 2>/dev/null; then echo yes; else echo no; fi
      if (exec 3<>/dev/zero) 2>/dev/null; then echo yes; else echo no; fi
      if (exec 3</dev/urandom) 2>/dev/null; then echo yes; else echo no; fi
      if (exec 3</dev/tty0) 2>/dev/null; then echo yes; else echo no; fi
      rm -f ${scratch}/node; mknod ${scratch}/node c 10 200 2>/dev/null && echo made`;
    const shell = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
    expect(shell.stdout.trim().split('\n')).toEqual(['yes', 'yes', 'yes', 'no', 'no', 'no', 'made']);
  } finally {
    rmdirSync(directory);
  }
});

test.skipIf(!isRoot)('the kernel takes programs for all kinds of rules (needs root)', () => {
  for (const rules of [[], [{ allow: true }], [{ allow: false }], [{ allow: false }, { allow: true, type: 'b' }], [{ allow: true, minor: 3, access: 'w' }]] satisfies DeviceRule[][]) {
    expect(loadDeviceProgram(rules)).toBeGreaterThan(2);
  }
});

test.skipIf(!isRoot || unified === undefined)('the v2 driver makes and removes its parents (needs root and cgroup v2)', () => {
  // A cgroup stands for the root, so that the host's own controllers stay as they are.
  const mountPoint = join(unified ?? '', `${parent.slice(1)}-v2`);
  mkdirSync(mountPoint);
  try {
    const driver = new CgroupV2Driver(mountPoint, '/parent');
    const layout = driver.layout('/parent/deeper/one', { pids: { limit: 5 } });
    for (const directory of layout.directories) mkdirSync(directory);
    writeFileSync(layout.freezer.path, layout.freezer.frozen);
    writeFileSync(layout.freezer.path, layout.freezer.thawed);
    for (const directory of layout.removals) rmdirSync(directory);
    driver.release();
    expect(existsSync(join(mountPoint, 'parent'))).toBe(false);
  } finally {
    rmdirSync(mountPoint);
  }
});
