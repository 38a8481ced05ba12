/** What is particular to a host with cgroup version 2 alone. */
import { describe, expect } from 'bun:test';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cgroupOf } from '../support/limits.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine({}, 'cgroup-v2');
const ROOT = '/sys/fs/cgroup';

const shell = (script: string, ...flags: string[]) => subject.output('run', '--rm', ...flags, 'busybox', 'sh', '-c', script);

describe('the view from inside', () => {
  it('is the root of a cgroup namespace, read-only', async () => {
    const script = `cat /proc/self/cgroup; grep " ${ROOT} " /proc/mounts | cut -d" " -f3,4; cat ${ROOT}/memory.max; mkdir ${ROOT}/made 2>&1; true`;
    const [cgroup, mount, limit, refusal] = (await shell(script, '-m', '32m')).split('\n');
    expect([cgroup, limit, refusal]).toEqual(['0::/', '33554432', `mkdir: can't create directory '${ROOT}/made': Read-only file system`]);
    expect(mount).toStartWith('cgroup2 ro,nosuid,nodev,noexec,relatime');
  });

  it("is the host's with --cgroupns host", async () => {
    expect(await shell('cat /proc/self/cgroup', '--cgroupns', 'host')).toMatch(new RegExp(`^0::${subject.engine.cgroupParent}/[0-9a-f]{64}$`));
  });

  it('has every controller that can be limited', async () => {
    const controllers = (await shell(`cat ${ROOT}/cgroup.controllers`)).split(' ');
    expect(controllers).toEqual(expect.arrayContaining(['cpuset', 'cpu', 'io', 'memory', 'pids', 'hugetlb']));
  });
});

describe('devices', () => {
  const open = (numbers: string) => `mknod /tmp/d ${numbers} && (exec 3>/tmp/d) 2>/dev/null && echo yes || echo no; rm -f /tmp/d`;

  it('are those of every container and no others', async () => {
    expect(await shell([open('c 1 3'), open('c 1 8'), open('c 1 11'), open('c 10 229')].join('; '))).toBe('yes\nyes\nno\nno');
  });

  it('are more by rule or by name, and all for the privileged', async () => {
    expect(await shell(open('c 1 11'), '--device-cgroup-rule', 'c 1:11 w')).toBe('yes');
    expect(await shell(open('c 1 11'), '--device-cgroup-rule', 'c 1:12 w')).toBe('no');
    expect(await shell('(exec 3>/dev/kmsg) && echo yes; (exec 3<>/dev/kmsg) 2>/dev/null || echo no', '--device', '/dev/kmsg:/dev/kmsg:w')).toBe('yes\nno');
    expect(await shell(open('c 1 11'), '--privileged')).toBe('yes');
  });
});

describe('a container that has made cgroups of its own', () => {
  // As the images of Docker in Docker do: no process may stand beside children that have controllers.
  const script = `cd ${ROOT} && mkdir -p inner other/deep && echo 0 > inner/cgroup.procs && echo +memory > cgroup.subtree_control && exec sleep 1000`;

  it('takes further commands, and goes with all of them', async () => {
    const id = await subject.output('run', '-d', '--privileged', 'busybox', 'sh', '-c', script);
    const control = path.join(ROOT, subject.engine.cgroupParent, id, 'cgroup.subtree_control');
    while (!readFileSync(control, 'utf8').includes('memory')) await Bun.sleep(5);
    expect(await subject.output('exec', id, 'cat', '/proc/self/cgroup')).toBe('0::/inner');
    expect(await subject.output('exec', id, 'ls', '-d', `${ROOT}/other/deep`)).toBe(`${ROOT}/other/deep`);
    await subject.output('rm', '-f', id);
  });
});

describe('a cgroup parent with processes of its own', () => {
  it('hands nothing down, which matters where something is to be limited', async () => {
    const parent = path.join(ROOT, subject.engine.cgroupParent, 'peopled');
    mkdirSync(parent);
    const inhabitant = Bun.spawn(['sleep', '1000']);
    try {
      writeFileSync(path.join(parent, 'cgroup.procs'), String(inhabitant.pid));
      const flags = ['--rm', '--cgroup-parent', `${subject.engine.cgroupParent}/peopled`];
      expect(await subject.output('run', ...flags, 'busybox', 'echo', 'there')).toBe('there');
      const limited = await subject.docker('run', ...flags, '-m', '32m', 'busybox', 'echo', 'there');
      expect(limited).toMatchObject({ code: 125, stdout: '' });
      expect(limited.stderr).toContain(parent);
    } finally {
      inhabitant.kill();
      await inhabitant.exited;
      rmdirSync(parent);
    }
  });
});

describe('info', () => {
  it('says what can be limited', async () => {
    expect(await subject.api.json('GET', '/info')).toMatchObject({
      CgroupVersion: '2', CgroupDriver: 'cgroupfs', MemoryLimit: true, SwapLimit: true, CpuCfsPeriod: true, CpuCfsQuota: true, CPUShares: true, CPUSet: true,
      PidsLimit: true, OomKillDisable: false, SecurityOptions: expect.arrayContaining(['name=cgroupns']) as string[],
    });
  });
});

describe('a pause', () => {
  it('is over when every process stands still', async () => {
    const id = await subject.output('run', '-d', 'busybox', 'sleep', '1000');
    const events = path.join(cgroupOf(Number(await subject.inspect(id, '{{.State.Pid}}')), ''), 'cgroup.events');
    await subject.output('pause', id);
    expect(readFileSync(events, 'utf8')).toContain('frozen 1');
    await subject.output('unpause', id);
    expect(readFileSync(events, 'utf8')).toContain('frozen 0');
    await subject.output('pause', id);
    await subject.output('rm', '-f', id);
  });
});

leavesNothingBehind(subject, ...needs);
