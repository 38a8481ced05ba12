/** Limits of containers: each option, the file of the hierarchy in use that it is written to, and what is refused. */
import { describe, expect } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { hierarchies } from '../support/cgroups.ts';
import { run } from '../support/command.ts';
import { blockDevice, cgroupOf, cgroupVersion, expectedHere, readLimits, type Expected } from '../support/limits.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine();
const recent = requires(...needs, 'engine-28');
const MB = 1024 * 1024;

interface Created {
  readonly Id: string;
  readonly Warnings: string[];
}

const create = (HostConfig: object, version = '', config: object = {}): Promise<Created> =>
  subject.api.json('POST', `${version}/containers/create`, { Image: 'busybox', Cmd: ['sleep', '1000'], ...config, HostConfig });

/** The status and message of a request that is refused; also how many containers there are after it. */
async function refusal(target: string, body: object): Promise<{ status: number; message: string }> {
  const answer = await subject.api.request('POST', target, body);
  return { status: answer.status, message: (JSON.parse(answer.body.toString()) as { message: string }).message };
}

const hostConfigOf = async (id: string): Promise<Record<string, unknown>> =>
  (await subject.api.json<{ HostConfig: Record<string, unknown> }>('GET', `/containers/${id}/json`)).HostConfig;
const pidOf = async (id: string): Promise<number> => Number(await subject.inspect(id, '{{.State.Pid}}'));
const containerCount = async () => (await subject.api.json<unknown[]>('GET', '/containers/json?all=1')).length;

/** Starts a container with these options of `docker run`, and gives its id and process. */
async function running(...flags: string[]): Promise<{ id: string; pid: number }> {
  const id = await subject.output('run', '-d', '--network', 'none', ...flags, 'busybox', 'sleep', '1000');
  return { id, pid: await pidOf(id) };
}

const disk = blockDevice() ?? { path: '', numbers: '' };
const unlimited = '9223372036854771712';

/** Options of `docker run`, and what the kernel has then. Rounding to pages is the kernel's. */
const written: readonly (readonly [string, Expected])[] = [
  ['', {
    v1: { 'memory.limit_in_bytes': unlimited, 'cpu.shares': '1024', 'cpu.cfs_quota_us': '-1', 'pids.max': 'max' },
    v2: { 'memory.max': 'max', 'cpu.weight': '100', 'cpu.max': 'max 100000', 'pids.max': 'max' },
  }],
  ['--memory 64m', {
    v1: { 'memory.limit_in_bytes': `${64 * MB}`, 'memory.memsw.limit_in_bytes': `${128 * MB}` },
    v2: { 'memory.max': `${64 * MB}`, 'memory.swap.max': `${64 * MB}` },
  }],
  ['--memory 64m --memory-swap 64m', {
    v1: { 'memory.memsw.limit_in_bytes': `${64 * MB}` },
    v2: { 'memory.swap.max': '0' },
  }],
  ['--memory 64m --memory-swap -1', {
    v1: { 'memory.limit_in_bytes': `${64 * MB}`, 'memory.memsw.limit_in_bytes': unlimited },
    v2: { 'memory.max': `${64 * MB}`, 'memory.swap.max': 'max' },
  }],
  ['--memory 67110098b', { v1: { 'memory.limit_in_bytes': `${64 * MB}` }, v2: { 'memory.max': `${64 * MB}` } }],
  ['--memory-reservation 32m', { v1: { 'memory.soft_limit_in_bytes': `${32 * MB}` }, v2: { 'memory.low': `${32 * MB}` } }],
  ['--cpus 0.5', { v1: { 'cpu.cfs_quota_us': '50000', 'cpu.cfs_period_us': '100000' }, v2: { 'cpu.max': '50000 100000' } }],
  ['--cpu-quota 20000 --cpu-period 50000', {
    v1: { 'cpu.cfs_quota_us': '20000', 'cpu.cfs_period_us': '50000' },
    v2: { 'cpu.max': '20000 50000' },
  }],
  ['--cpu-period 50000', { v1: { 'cpu.cfs_quota_us': '-1', 'cpu.cfs_period_us': '50000' }, v2: { 'cpu.max': 'max 50000' } }],
  ['--cpu-quota -1', { v1: { 'cpu.cfs_quota_us': '-1' }, v2: { 'cpu.max': 'max 100000' } }],
  ['--cpu-shares 512', { v1: { 'cpu.shares': '512' }, v2: { 'cpu.weight': '59' } }],
  ['--cpu-shares 1024', { v1: { 'cpu.shares': '1024' }, v2: { 'cpu.weight': '100' } }],
  ['--cpuset-cpus 0 --cpuset-mems 0', {
    v1: { 'cpuset.cpus': '0', 'cpuset.mems': '0' },
    v2: { 'cpuset.cpus': '0', 'cpuset.mems': '0' },
  }],
  ['--pids-limit 50', { v1: { 'pids.max': '50' }, v2: { 'pids.max': '50' } }],
  ['--pids-limit 0', { v1: { 'pids.max': 'max' }, v2: { 'pids.max': 'max' } }],
  ['--pids-limit -1', { v1: { 'pids.max': 'max' }, v2: { 'pids.max': 'max' } }],
];

describe('each option is written where the kernel reads it', () => {
  for (const [flags, expected] of written) {
    it(`docker run ${flags}`, async () => {
      const { id, pid } = await running(...flags.split(' ').filter((word) => word !== ''));
      expect(readLimits(pid, expected)).toEqual({ ...expectedHere(expected) });
      await subject.output('rm', '-f', id);
    });
  }

  requires(...needs, 'block-device')('how fast a disk may be used', async () => {
    const limit = (option: string, rate: string) => [`--device-${option}`, `${disk.path}:${rate}`];
    const { pid } = await running(...limit('read-bps', '1mb'), ...limit('write-bps', '2mb'), ...limit('read-iops', '100'), ...limit('write-iops', '200'));
    const expected: Expected = {
      v1: {
        'blkio.throttle.read_bps_device': `${disk.numbers} ${MB}`,
        'blkio.throttle.write_bps_device': `${disk.numbers} ${2 * MB}`,
        'blkio.throttle.read_iops_device': `${disk.numbers} 100`,
        'blkio.throttle.write_iops_device': `${disk.numbers} 200`,
      },
      v2: { 'io.max': `${disk.numbers} rbps=${MB} wbps=${2 * MB} riops=100 wiops=200` },
    };
    expect(readLimits(pid, expected)).toEqual({ ...expectedHere(expected) });
  });

  requires(...needs, 'cgroup-v1')('swappiness and the out-of-memory killer, which only version 1 has', async () => {
    const { pid } = await running('--memory', '64m', '--memory-swappiness', '30', '--oom-kill-disable');
    expect(readFileSync(path.join(cgroupOf(pid, 'memory'), 'memory.swappiness'), 'utf8').trim()).toBe('30');
    expect(readFileSync(path.join(cgroupOf(pid, 'memory'), 'memory.oom_control'), 'utf8')).toContain('oom_kill_disable 1');
  });

  it('limits that are a process\'s own', async () => {
    const { pid } = await running('--oom-score-adj', '500', '--ulimit', 'nofile=64:128', '--ulimit', 'core=0', '--ulimit', 'cpu=-1');
    expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()).toBe('500');
    const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
    expect(limits).toMatch(/^Max open files +64 +128 /m);
    expect(limits).toMatch(/^Max core file size +0 +0 /m);
    expect(limits).toMatch(/^Max cpu time +unlimited +unlimited /m);
  });

  it('rules about devices', async () => {
    const attempt = async (...flags: string[]) => {
      const script = 'mknod /full c 1 7; mknod /kmsg c 1 11; head -c 1 /full >/dev/null && echo full; (: >/kmsg) && echo kmsg; true';
      return (await subject.docker('run', '--rm', '--network', 'none', ...flags, 'busybox', 'sh', '-c', script)).stdout;
    };
    expect(await attempt()).toBe('full\n');
    expect(await attempt('--device-cgroup-rule', 'c 1:11 w')).toBe('full\nkmsg\n');
    expect(await attempt('--device-cgroup-rule', 'a *:* rwm')).toBe('full\nkmsg\n');
  });
});

describe('inspect', () => {
  recent('shows every limit, asked for or not', async () => {
    const { Id, Warnings } = await create({});
    expect(Warnings).toEqual([]);
    expect(await hostConfigOf(Id)).toMatchObject({
      CpuShares: 0, Memory: 0, NanoCpus: 0, CgroupParent: '', BlkioWeight: 0, BlkioWeightDevice: null, BlkioDeviceReadBps: null,
      BlkioDeviceWriteBps: null, BlkioDeviceReadIOps: null, BlkioDeviceWriteIOps: null, CpuPeriod: 0, CpuQuota: 0,
      CpuRealtimePeriod: 0, CpuRealtimeRuntime: 0, CpusetCpus: '', CpusetMems: '', Devices: null, DeviceCgroupRules: null,
      DeviceRequests: null, MemoryReservation: 0, MemorySwap: 0, MemorySwappiness: null, PidsLimit: null, Ulimits: null, CpuCount: 0,
      OomKillDisable: cgroupVersion() === 1 ? false : null, CpuPercent: 0, IOMaximumIOps: 0, IOMaximumBandwidth: 0, OomScoreAdj: 0,
    });
  });

  recent('has the same fields in the same order as Docker', async () => {
    const { Id } = await create({ Sysctls: { 'net.ipv4.ip_forward': '1' } });
    const names = Object.keys(await hostConfigOf(Id));
    expect(names.join(' ')).toBe(
      'Binds ContainerIDFile LogConfig NetworkMode PortBindings RestartPolicy AutoRemove VolumeDriver VolumesFrom ConsoleSize CapAdd '
      + 'CapDrop CgroupnsMode Dns DnsOptions DnsSearch ExtraHosts GroupAdd IpcMode Cgroup Links OomScoreAdj PidMode Privileged '
      + 'PublishAllPorts ReadonlyRootfs SecurityOpt UTSMode UsernsMode ShmSize Sysctls Runtime Isolation CpuShares Memory NanoCpus '
      + 'CgroupParent BlkioWeight BlkioWeightDevice BlkioDeviceReadBps BlkioDeviceWriteBps BlkioDeviceReadIOps BlkioDeviceWriteIOps '
      + 'CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime CpusetCpus CpusetMems Devices DeviceCgroupRules DeviceRequests '
      + 'MemoryReservation MemorySwap MemorySwappiness OomKillDisable PidsLimit Ulimits CpuCount CpuPercent IOMaximumIOps '
      + 'IOMaximumBandwidth MaskedPaths ReadonlyPaths',
    );
  });

  recent('completes what a list holds', async () => {
    const { Id } = await create({ Ulimits: [{ Name: 'nofile' }], Devices: [{ PathOnHost: '/dev/null' }] });
    expect(await hostConfigOf(Id)).toMatchObject({
      Ulimits: [{ Name: 'nofile', Hard: 0, Soft: 0 }],
      Devices: [{ PathOnHost: '/dev/null', PathInContainer: '', CgroupPermissions: '' }],
    });
  });

  it('swap is by default as much as memory', async () => {
    expect(await hostConfigOf((await create({ Memory: 64 * MB })).Id)).toMatchObject({ Memory: 64 * MB, MemorySwap: 128 * MB });
    expect(await hostConfigOf((await create({ Memory: 64 * MB, MemorySwap: -1 })).Id)).toMatchObject({ MemorySwap: -1 });
  });

  recent('no limit of processes is null, however it is said', async () => {
    for (const PidsLimit of [0, -1, -7]) expect((await hostConfigOf((await create({ PidsLimit })).Id)).PidsLimit).toBeNull();
    expect((await hostConfigOf((await create({ MemorySwappiness: -1 })).Id)).MemorySwappiness).toBeNull();
  });
});

/** What Docker refuses at creation, in the order in which it looks. */
const refused: readonly (readonly [object, string])[] = [
  [{ IOMaximumBandwidth: 1, IOMaximumIOps: 1 }, 'invalid option: QoS maximum bandwidth configuration is not supported on linux'],
  [{ IOMaximumIOps: 1, CpuShares: -1 }, 'invalid option: QoS maximum IOPs configuration is not supported on linux'],
  [{ CpuShares: -1, Memory: 1 }, 'invalid CPU shares (-1): value must be a positive integer'],
  [{ CpuShares: -1, RestartPolicy: { Name: 'x' } }, 'invalid CPU shares (-1): value must be a positive integer'],
  [{ RestartPolicy: { Name: 'x' }, Memory: 1 }, "invalid restart policy: unknown policy 'x'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"],
  [{ Memory: 4 * MB, CpuPeriod: 1 }, 'Minimum memory limit allowed is 6MB'],
  [{ Memory: -1 }, 'Minimum memory limit allowed is 6MB'],
  [{ Memory: 64 * MB, MemorySwap: 32 * MB }, 'Minimum memoryswap limit should be larger than memory limit, see usage'],
  [{ MemorySwap: 64 * MB }, 'You should always set the Memory limit when using Memoryswap limit, see usage'],
  [{ MemoryReservation: MB }, 'Minimum memory reservation allowed is 6MB'],
  [{ Memory: 32 * MB, MemoryReservation: 64 * MB }, 'Minimum memory limit can not be less than memory reservation limit, see usage'],
  [{ NanoCpus: 1e9, CpuPeriod: 1000 }, 'Conflicting options: Nano CPUs and CPU Period cannot both be set'],
  [{ NanoCpus: 1e9, CpuQuota: 1000 }, 'Conflicting options: Nano CPUs and CPU Quota cannot both be set'],
  [{ CpuPeriod: 999 }, 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
  [{ CpuPeriod: 1_000_001 }, 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
  [{ CpuPeriod: -1 }, 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
  [{ CpuQuota: 999 }, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
  [{ CpusetCpus: 'x' }, 'Invalid value x for cpuset cpus: invalid format: x'],
  [{ CpusetCpus: ' 0' }, 'Invalid value  0 for cpuset cpus: invalid format:  0'],
  [{ CpusetCpus: '1-0' }, 'Invalid value 1-0 for cpuset cpus: invalid format: 1-0'],
  [{ CpusetCpus: '0-1000000000' }, 'Invalid value 0-1000000000 for cpuset cpus: value of out range, maximum is 8192'],
  [{ CpusetMems: 'a' }, 'Invalid value a for cpuset mems: invalid format: a'],
  [{ OomScoreAdj: 1001 }, 'Invalid value 1001, range for oom score adj is [-1000, 1000]'],
  [{ OomScoreAdj: -1001 }, 'Invalid value -1001, range for oom score adj is [-1000, 1000]'],
  [{ ShmSize: -1, OomScoreAdj: 5000 }, 'SHM size can not be less than 0'],
  [{ RestartPolicy: { Name: 'always', MaximumRetryCount: 3 } }, "invalid restart policy: maximum retry count can only be used with 'on-failure'"],
  [{ RestartPolicy: { Name: 'on-failure', MaximumRetryCount: -1 } }, 'invalid restart policy: maximum retry count cannot be negative'],
];

describe('refused before anything is made', () => {
  for (const [hostConfig, message] of refused) {
    recent(`${JSON.stringify(hostConfig)}: ${message}`, async () => {
      const before = await containerCount();
      expect(await refusal('/containers/create', { Image: 'busybox', HostConfig: hostConfig })).toEqual({ status: 400, message });
      expect(await containerCount()).toBe(before);
    });
  }

  recent('processors that are not there', async () => {
    const { NCPU } = await subject.api.json<{ NCPU: number }>('GET', '/info');
    const message = `range of CPUs is from 0.01 to ${NCPU}.00, as there are only ${NCPU} CPUs available`;
    for (const NanoCpus of [-1, (NCPU + 1) * 1e9]) {
      expect(await refusal('/containers/create', { Image: 'busybox', HostConfig: { NanoCpus } })).toEqual({ status: 400, message });
    }
    const range = readFileSync('/sys/devices/system/cpu/online', 'utf8').trim();
    expect(await refusal('/containers/create', { Image: 'busybox', HostConfig: { CpusetCpus: `0-${NCPU + 7}` } })).toEqual({
      status: 400,
      message: `Requested CPUs are not available - requested 0-${NCPU + 7}, available: ${range}`,
    });
  });

  recent('numbers beyond their type', async () => {
    for (const hostConfig of [{ BlkioWeight: 70_000 }, { BlkioWeightDevice: [{ Path: '/dev/x', Weight: 70_000 }] }, { Memory: 1.5 }]) {
      expect(await refusal('/containers/create', { Image: 'busybox', HostConfig: hostConfig })).toMatchObject({
        status: 400,
        message: expect.stringContaining('cannot unmarshal number') as string,
      });
    }
  });

  requires(...needs, 'caisson')('what Docker only refuses when the container starts', async () => {
    const early: readonly (readonly [object, string])[] = [
      [{ Ulimits: [{ Name: 'nope', Soft: 1, Hard: 1 }] }, 'invalid ulimit type: nope'],
      [{ Ulimits: [{ Name: 'nofile', Soft: 30, Hard: 20 }] }, 'ulimit soft limit must be less than or equal to hard limit: 30 > 20'],
      [{ DeviceCgroupRules: ['x'] }, "invalid device cgroup rule format: 'x'"],
      [{ DeviceCgroupRules: ['c 99999999999999999999:3 r'] }, "invalid major value in device cgroup rule format: 'c 99999999999999999999:3 r'"],
    ];
    for (const [hostConfig, message] of early) {
      expect(await refusal('/containers/create', { Image: 'busybox', HostConfig: hostConfig })).toEqual({ status: 400, message });
    }
  });
});

describe('what the kernel cannot do is dropped with a warning', () => {
  requires(...needs, 'engine-28', 'cgroup-v1')('weights of disks on version 1', async () => {
    const { Id, Warnings } = await create({ BlkioWeight: 300, BlkioWeightDevice: [{ Path: '/dev/null', Weight: 100 }], CpuPercent: 5 });
    expect(Warnings).toEqual([
      'linux does not support CPU percent. Percent discarded.',
      'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.',
      'Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.',
    ]);
    expect(await hostConfigOf(Id)).toMatchObject({ BlkioWeight: 0, BlkioWeightDevice: [], CpuPercent: 0 });
  });

  requires(...needs, 'engine-28', 'cgroup-v2')('what version 2 has no word for', async () => {
    const { Id, Warnings } = await create({ Memory: 64 * MB, MemorySwappiness: 10, OomKillDisable: true, KernelMemory: 64 * MB }, '/v1.41');
    expect(Warnings).toEqual([
      'Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.',
      'Your kernel does not support kernel memory limit capabilities or the cgroup is not mounted. Limitation discarded.',
      'Your kernel does not support OomKillDisable. OomKillDisable discarded.',
    ]);
    expect(await hostConfigOf(Id)).toMatchObject({ MemorySwappiness: null, OomKillDisable: null });
  });

  requires(...needs, 'engine-28', 'cgroup-v1')('a limit of kernel memory is known to old clients only, and never written', async () => {
    const { Id } = await create({ KernelMemory: 64 * MB }, '/v1.41');
    expect((await hostConfigOf(Id)).KernelMemory).toBe(64 * MB);
    await subject.output('start', Id);
    expect(readFileSync(path.join(cgroupOf(await pidOf(Id), 'memory'), 'memory.kmem.limit_in_bytes'), 'utf8').trim()).toBe(unlimited);
    expect(await hostConfigOf((await create({ KernelMemory: 64 * MB })).Id)).not.toHaveProperty('KernelMemory');
    expect(await refusal('/v1.41/containers/create', { Image: 'busybox', HostConfig: { KernelMemory: 1 } })).toEqual({
      status: 400,
      message: 'Minimum kernel memory limit allowed is 6MB',
    });
  });

  recent('an out-of-memory killer that is switched off without a limit', async () => {
    const { Warnings } = await create({ OomKillDisable: true });
    expect(Warnings).toEqual([cgroupVersion() === 1
      ? 'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.'
      : 'Your kernel does not support OomKillDisable. OomKillDisable discarded.']);
  });
});

describe('refused by the kernel when it starts', () => {
  /** The message of a failed start; also that the container has not run, and has no cgroup. */
  async function failedStart(hostConfig: object): Promise<{ status: number; message: string }> {
    const { Id } = await create(hostConfig);
    const answer = await refusal(`/containers/${Id}/start`, {});
    expect(JSON.parse(await subject.inspect(Id, '{{json .State}}'))).toMatchObject({ Status: 'created', Pid: 0, ExitCode: 128, Error: answer.message });
    for (const mountPoint of hierarchies()) expect(existsSync(path.join(mountPoint, subject.engine.cgroupParent, Id))).toBe(false);
    return answer;
  }
  const prefix = 'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ';
  const set = `${prefix}error during container init: error setting cgroup config for procHooks process: `;

  requires(...needs, 'engine-28', 'cgroup-v1')('shares out of bounds', async () => {
    expect(await failedStart({ CpuShares: 1 })).toEqual({ status: 500, message: `${set}the minimum allowed cpu-shares is 2` });
    expect(await failedStart({ CpuShares: 300_000 })).toEqual({ status: 500, message: `${set}the maximum allowed cpu-shares is 262144` });
  });

  recent('a part of a processor that is too small', async () => {
    const { status, message } = await failedStart({ NanoCpus: 1_000_000 });
    expect(status).toBe(500);
    expect(message).toStartWith(`${set}failed to write "${cgroupVersion() === 1 ? '100' : '100 100000'}": write /sys/fs/cgroup/`);
    expect(message).toContain(': invalid argument');
  });

  requires(...needs, 'engine-28', 'cgroup-v1')('real-time processor time that its parent does not have', async () => {
    const { status, message } = await failedStart({ CpuRealtimePeriod: 500_000, CpuRealtimeRuntime: 1000 });
    expect(status).toBe(500);
    expect(message).toStartWith(`${prefix}unable to apply cgroup configuration: failed to write "1000": write /sys/fs/cgroup/cpu`);
  });

  recent('a disk that is none', async () => {
    const none = await failedStart({ BlkioDeviceReadBps: [{ Path: '/dev/not-there', Rate: 1 }] });
    expect(none).toEqual({ status: 500, message: 'stat /dev/not-there: no such file or directory' });
    const character = await failedStart({ BlkioDeviceReadBps: [{ Path: '/dev/null', Rate: 1000 }] });
    expect(character.status).toBe(500);
    expect(character.message).toContain('no such device');
  });

  recent('a hard limit that may not be raised', async () => {
    const { status, message } = await failedStart({ Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 2_000_000_000 }] });
    expect(status).toBe(500);
    expect(message).toStartWith(`${prefix}error during container init: error setting rlimits for ready process: error setting rlimit type 7: operation not permitted`);
  });

  requires(...needs, 'engine-28', 'lacks-sys-resource')('a score that may not be lowered', async () => {
    const { status, message } = await failedStart({ OomScoreAdj: -500 });
    expect(status).toBe(500);
    // Docker Engine has only the remark that runc's child went away.
    if (!subject.isDockerd) expect(message).toContain("can't set oom_score_adj to -500: lowering it needs CAP_SYS_RESOURCE");
  });
});

recent('info tells what can be limited', async () => {
  const info = await subject.api.json('GET', '/info');
  const v1 = cgroupVersion() === 1;
  expect(info).toMatchObject({
    CgroupDriver: 'cgroupfs', CgroupVersion: v1 ? '1' : '2', MemoryLimit: true, CpuCfsPeriod: true, CpuCfsQuota: true, CPUShares: true,
    CPUSet: true, PidsLimit: true, OomKillDisable: v1,
  });
  expect(info).not.toHaveProperty('KernelMemory');
  expect(info).not.toHaveProperty('BlkioWeight');
  expect(await subject.api.json('GET', '/v1.41/info')).toMatchObject({ KernelMemory: v1 });
  if (v1) expect(info).toMatchObject({ KernelMemoryTCP: true });
  else expect(info).not.toHaveProperty('KernelMemoryTCP');
});

describe('out of memory', () => {
  const limits = ['--network', 'none', '-m', '16m', '--memory-swap', '16m'];
  const greedy = 'dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null';
  const oomEvents = async (id: string, since: number): Promise<string[]> => {
    const until = Math.ceil(Date.now() / 1000) + 1;
    const told = await subject.output('events', '--since', String(since), '--until', String(until), '--filter', `container=${id}`, '--filter', 'event=oom', '--filter', 'event=die', '--format', '{{.Action}}');
    return told.split('\n');
  };

  it('is told when it happens to the first process', async () => {
    const since = Date.now() / 1000 - 1;
    const id = await subject.output('run', '-d', ...limits, 'busybox', 'sh', '-c', `exec ${greedy}`);
    expect(await subject.output('wait', id)).toBe('137');
    expect(await subject.inspect(id, '{{.State.OOMKilled}} {{.State.ExitCode}}')).toBe('true 137');
    expect(await oomEvents(id, since)).toEqual(['oom', 'die']);
  });

  it('is told when it happens to another, and the container goes on', async () => {
    const since = Date.now() / 1000 - 1;
    const id = await subject.output('run', '-d', ...limits, 'busybox', 'sh', '-c', `${greedy}; read line; exit 7`, { stdin: '' });
    while ((await subject.inspect(id, '{{.State.OOMKilled}}')) !== 'true');
    expect((await subject.inspect(id, '{{.State.Status}}')).replace('exited', 'running')).toBe('running');
    expect(await subject.output('wait', id)).toBe('7');
    expect(await subject.inspect(id, '{{.State.OOMKilled}} {{.State.ExitCode}}')).toBe('true 7');
    expect(await oomEvents(id, since)).toEqual(['oom', 'die']);
  });

  it('is told when it happens to an exec, and forgotten at the next start', async () => {
    const { id } = await running('-m', '16m', '--memory-swap', '16m');
    expect((await subject.docker('exec', id, 'sh', '-c', `exec ${greedy}`)).code).toBe(137);
    while ((await subject.inspect(id, '{{.State.OOMKilled}}')) !== 'true');
    await subject.output('restart', '-t', '0', id);
    expect(await subject.inspect(id, '{{.State.Status}} {{.State.OOMKilled}}')).toBe('running false');
  });

  requires(...needs, 'caisson')('is told by the next daemon when there was none', async () => {
    const { id } = await running('-m', '16m', '--memory-swap', '16m');
    const group = path.join(cgroupOf(await pidOf(id), 'memory'), cgroupVersion() === 1 ? 'tasks' : 'cgroup.procs');
    await subject.engine.endDaemon('SIGKILL');
    const { stdout } = await run(['sh', '-c', '(echo 0 >"$0" && exec dd if=/dev/zero of=/dev/null bs=64M count=1); echo $?', group]);
    expect(stdout).toBe('137\n');
    await subject.engine.startDaemon();
    while ((await subject.inspect(id, '{{.State.OOMKilled}}')) !== 'true');
    expect(await subject.inspect(id, '{{.State.Status}}')).toBe('running');
  });
});

describe('cgroups are gone with their container', () => {
  const directories = (parent: string) =>
    hierarchies().map((mountPoint) => path.join(mountPoint, parent)).filter((directory) => existsSync(directory));

  it('whatever it made inside', async () => {
    const script = 'for d in /sys/fs/cgroup/*/ /sys/fs/cgroup/; do mkdir -p $d/nested/deep 2>/dev/null; done; echo made; sleep 1000';
    const id = await subject.output('run', '-d', '--privileged', '--cgroupns', 'private', '--network', 'none', 'busybox', 'sh', '-c', script);
    const pid = await pidOf(id);
    while (!(await subject.output('logs', id)).includes('made'));
    expect(existsSync(path.join(cgroupOf(pid, 'memory'), 'nested/deep'))).toBe(true);
    await subject.output('rm', '-f', id);
    expect(directories(path.join(subject.engine.cgroupParent, id))).toEqual([]);
  });

  it('and a parent that was there before stays', async () => {
    const parent = `${subject.engine.cgroupParent}-own`;
    const made = hierarchies().map((mountPoint) => path.join(mountPoint, parent));
    for (const directory of made) mkdirSync(directory);
    try {
      const { id, pid } = await running('--cgroup-parent', parent);
      expect(cgroupOf(pid, 'memory')).toEndWith(`${parent}/${id}`);
      await subject.output('rm', '-f', id);
      expect(directories(`${parent}/${id}`)).toEqual([]);
      expect(directories(parent)).toEqual(made);
    } finally {
      for (const directory of made) rmdirSync(directory);
    }
  });

  requires(...needs, 'caisson')('and a parent that was made for it goes', async () => {
    const parent = `${subject.engine.cgroupParent}-made/below`;
    const { id } = await running('--cgroup-parent', parent);
    const other = await running('--cgroup-parent', parent);
    await subject.output('rm', '-f', id);
    expect(directories(parent)).not.toEqual([]);
    await subject.engine.endDaemon('SIGKILL');
    await subject.engine.startDaemon();
    await subject.output('rm', '-f', other.id);
    expect(directories(path.dirname(parent))).toEqual([]);
  });

  it('a parent that climbs stays below the hierarchies', async () => {
    const name = path.basename(subject.engine.cgroupParent);
    const { id, pid } = await running('--cgroup-parent', `../../../../../../${name}-climbs`);
    expect(cgroupOf(pid, 'memory')).toEndWith(`/${name}-climbs/${id}`);
    expect(existsSync(`/${name}-climbs`)).toBe(false);
    await subject.output('rm', '-f', id);
    // A dockerd leaves parents behind.
    if (subject.isDockerd) for (const directory of directories(`/${name}-climbs`)) rmdirSync(directory);
    expect(directories(`/${name}-climbs`)).toEqual([]);
  });
});

leavesNothingBehind(subject);
