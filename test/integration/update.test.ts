/** `docker update`: limits and restart policies of containers that run, that are paused, and that do not run. */
import { describe, expect } from 'bun:test';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../support/command.ts';
import { caissonCommand } from '../support/engine.ts';
import { cgroupOf, expectedHere, readLimits, type Expected } from '../support/limits.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine();
const recent = requires(...needs, 'engine-28');
const MB = 1024 * 1024;

interface Answer {
  readonly status: number;
  readonly body: { readonly Warnings?: string[] | null; readonly message?: string };
}

async function update(id: string, body: object, version = ''): Promise<Answer> {
  const answer = await subject.api.request('POST', `${version}/containers/${id}/update`, body);
  return { status: answer.status, body: JSON.parse(answer.body.toString()) as Answer['body'] };
}

async function make(hostConfig: object, state: 'running' | 'stopped'): Promise<string> {
  const body = { Image: 'busybox', Cmd: ['sleep', '1000'], HostConfig: { NetworkMode: 'none', ...hostConfig } };
  const { Id } = await subject.api.json<{ Id: string }>('POST', '/containers/create', body);
  if (state === 'running') await subject.output('start', Id);
  return Id;
}

const hostConfigOf = async (id: string): Promise<Record<string, unknown>> =>
  (await subject.api.json<{ HostConfig: Record<string, unknown> }>('GET', `/containers/${id}/json`)).HostConfig;
const pidOf = async (id: string): Promise<number> => Number(await subject.inspect(id, '{{.State.Pid}}'));

/** What the container had, what is asked for, and what the kernel has then. */
const changes: readonly (readonly [object, object, Expected])[] = [
  [{}, { Memory: 64 * MB, MemorySwap: 128 * MB }, {
    v1: { 'memory.limit_in_bytes': `${64 * MB}`, 'memory.memsw.limit_in_bytes': `${128 * MB}` },
    v2: { 'memory.max': `${64 * MB}`, 'memory.swap.max': `${64 * MB}` },
  }],
  [{ Memory: 64 * MB }, { Memory: 32 * MB }, {
    v1: { 'memory.limit_in_bytes': `${32 * MB}`, 'memory.memsw.limit_in_bytes': `${128 * MB}` },
    v2: { 'memory.max': `${32 * MB}`, 'memory.swap.max': `${96 * MB}` },
  }],
  [{ Memory: 64 * MB }, { Memory: 200 * MB, MemorySwap: 300 * MB }, {
    v1: { 'memory.limit_in_bytes': `${200 * MB}`, 'memory.memsw.limit_in_bytes': `${300 * MB}` },
    v2: { 'memory.max': `${200 * MB}`, 'memory.swap.max': `${100 * MB}` },
  }],
  [{ Memory: 200 * MB, MemorySwap: 300 * MB }, { Memory: 32 * MB, MemorySwap: 64 * MB }, {
    v1: { 'memory.limit_in_bytes': `${32 * MB}`, 'memory.memsw.limit_in_bytes': `${64 * MB}` },
    v2: { 'memory.max': `${32 * MB}`, 'memory.swap.max': `${32 * MB}` },
  }],
  [{ Memory: 64 * MB }, { MemorySwap: 300 * MB }, {
    v1: { 'memory.memsw.limit_in_bytes': `${300 * MB}` },
    v2: { 'memory.swap.max': `${236 * MB}` },
  }],
  [{}, { MemoryReservation: 32 * MB }, { v1: { 'memory.soft_limit_in_bytes': `${32 * MB}` }, v2: { 'memory.low': `${32 * MB}` } }],
  [{}, { CpuShares: 512 }, { v1: { 'cpu.shares': '512' }, v2: { 'cpu.weight': '59' } }],
  [{ NanoCpus: 5e8 }, { NanoCpus: 1e9 }, { v1: { 'cpu.cfs_quota_us': '100000' }, v2: { 'cpu.max': '100000 100000' } }],
  [{}, { CpuQuota: 50_000, CpuPeriod: 200_000 }, {
    v1: { 'cpu.cfs_quota_us': '50000', 'cpu.cfs_period_us': '200000' },
    v2: { 'cpu.max': '50000 200000' },
  }],
  [{ CpuQuota: 50_000, CpuPeriod: 200_000 }, { CpuPeriod: 10_000 }, {
    v1: { 'cpu.cfs_quota_us': '50000', 'cpu.cfs_period_us': '10000' },
    v2: { 'cpu.max': '50000 10000' },
  }],
  [{ CpuQuota: 20_000 }, { CpuQuota: -1 }, { v1: { 'cpu.cfs_quota_us': '-1' }, v2: { 'cpu.max': 'max 100000' } }],
  [{}, { CpusetCpus: '0' }, { v1: { 'cpuset.cpus': '0' }, v2: { 'cpuset.cpus': '0' } }],
  [{ PidsLimit: 32 }, { PidsLimit: 16 }, { v1: { 'pids.max': '16' }, v2: { 'pids.max': '16' } }],
  [{ PidsLimit: 32 }, { Memory: 0 }, { v1: { 'pids.max': '32' }, v2: { 'pids.max': '32' } }],
];

describe('the kernel and inspect have the new limits', () => {
  for (const [before, asked, expected] of changes) {
    it(`${JSON.stringify(before)}, then ${JSON.stringify(asked)}`, async () => {
      const id = await make(before, 'running');
      expect((await update(id, asked)).status).toBe(200);
      expect(readLimits(await pidOf(id), expected)).toEqual({ ...expectedHere(expected) });
      const kept = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== 0));
      expect(await hostConfigOf(id)).toMatchObject({ ...before, ...kept });
    });
  }

  recent('none of processes, said in three ways', async () => {
    for (const PidsLimit of [0, -1, -2]) {
      const id = await make({ PidsLimit: 32 }, 'running');
      expect(await update(id, { PidsLimit })).toEqual({ status: 200, body: { Warnings: null } });
      expect((await hostConfigOf(id)).PidsLimit).toBe(0);
      expect(readFileSync(path.join(cgroupOf(await pidOf(id), 'pids'), 'pids.max'), 'utf8')).toBe('max\n');
    }
  });

  // A running container keeps its limit with Docker Engine, or the update fails.
  requires(...needs, 'caisson')('no limit of swap any more', async () => {
    for (const asked of [{ MemorySwap: -1 }, { Memory: 200 * MB, MemorySwap: -1 }]) {
      const id = await make({ Memory: 64 * MB }, 'running');
      expect((await update(id, asked)).status).toBe(200);
      const expected: Expected = { v1: { 'memory.memsw.limit_in_bytes': '9223372036854771712' }, v2: { 'memory.swap.max': 'max' } };
      expect(readLimits(await pidOf(id), expected)).toEqual({ ...expectedHere(expected) });
    }
  });

  it('of a paused container, too', async () => {
    const id = await make({}, 'running');
    await subject.output('pause', id);
    expect((await update(id, { CpuShares: 300 })).status).toBe(200);
    const expected: Expected = { v1: { 'cpu.shares': '300' }, v2: { 'cpu.weight': '39' } };
    expect(readLimits(await pidOf(id), expected)).toEqual({ ...expectedHere(expected) });
    await subject.output('unpause', id);
  });

  it('of a stopped one when it starts', async () => {
    const id = await make({}, 'stopped');
    expect((await update(id, { Memory: 64 * MB, MemorySwap: 64 * MB, PidsLimit: 20 })).status).toBe(200);
    await subject.output('start', id);
    const expected: Expected = {
      v1: { 'memory.limit_in_bytes': `${64 * MB}`, 'memory.memsw.limit_in_bytes': `${64 * MB}`, 'pids.max': '20' },
      v2: { 'memory.max': `${64 * MB}`, 'memory.swap.max': '0', 'pids.max': '20' },
    };
    expect(readLimits(await pidOf(id), expected)).toEqual({ ...expectedHere(expected) });
  });

  it('and keeps them over a restart', async () => {
    const id = await make({ CpuShares: 200 }, 'running');
    expect((await update(id, { CpuShares: 512 })).status).toBe(200);
    await subject.output('restart', '-t', '0', id);
    const expected: Expected = { v1: { 'cpu.shares': '512' }, v2: { 'cpu.weight': '59' } };
    expect(readLimits(await pidOf(id), expected)).toEqual({ ...expectedHere(expected) });
  });

  it('tells it as an event', async () => {
    const id = await make({}, 'running');
    const since = Date.parse(await subject.output('info', '--format', '{{.SystemTime}}')) / 1000;
    await update(id, { CpuShares: 300 });
    const until = Math.ceil(Date.now() / 1000) + 1;
    const events = await subject.output('events', '--since', String(since), '--until', String(until), '--filter', `container=${id}`, '--format', '{{.Action}}');
    expect(events).toBe('update');
  });
});

describe('what is refused changes nothing', () => {
  const conflicts: readonly (readonly [object, object, string])[] = [
    [{}, { Memory: 64 * MB }, 'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time'],
    [{ Memory: 64 * MB }, { Memory: 200 * MB }, 'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time'],
    [{ NanoCpus: 5e8 }, { CpuQuota: 20_000 }, 'Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set'],
    [{ NanoCpus: 5e8 }, { CpuPeriod: 20_000 }, 'Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set'],
    [{ CpuQuota: 20_000 }, { NanoCpus: 5e8 }, 'Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set'],
    [{ CpuPeriod: 20_000 }, { NanoCpus: 5e8 }, 'Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set'],
    [{ AutoRemove: true }, { RestartPolicy: { Name: 'always' } }, 'Restart policy cannot be updated because AutoRemove is enabled for the container'],
  ];
  for (const [before, asked, message] of conflicts) {
    recent(`${JSON.stringify(before)}, then ${JSON.stringify(asked)}`, async () => {
      for (const state of ['running', 'stopped'] as const) {
        const id = await make(before, state);
        const then = await hostConfigOf(id);
        expect(await update(id, asked)).toEqual({ status: 409, body: { message: `Cannot update container ${id}: ${message}` } });
        expect(await hostConfigOf(id)).toEqual(then);
      }
    });
  }

  const invalid: readonly (readonly [object, string])[] = [
    [{ Memory: 1 }, 'Minimum memory limit allowed is 6MB'],
    [{ MemoryReservation: 1 }, 'Minimum memory reservation allowed is 6MB'],
    [{ CpuQuota: 500 }, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
    [{ CpusetCpus: 'x' }, 'Invalid value x for cpuset cpus: invalid format: x'],
    [{ IOMaximumIOps: 1 }, 'Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps'],
    [{ RestartPolicy: { Name: 'x' } }, "invalid restart policy: unknown policy 'x'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"],
    [{ RestartPolicy: { Name: 'always', MaximumRetryCount: 1 } }, "invalid restart policy: maximum retry count can only be used with 'on-failure'"],
  ];
  recent('values that a creation is refused for, too', async () => {
    const id = await make({}, 'running');
    for (const [asked, message] of invalid) expect(await update(id, asked)).toEqual({ status: 400, body: { message } });
    // Before anybody looks for the container.
    expect((await update('stranger', { Memory: 1 })).status).toBe(400);
    expect(await update('stranger', {})).toEqual({ status: 404, body: { message: 'No such container: stranger' } });
  });

  requires(...needs, 'engine-28', 'cgroup-v1')('what the kernel refuses', async () => {
    const id = await make({ Memory: 64 * MB }, 'running');
    const then = await hostConfigOf(id);
    const answer = await update(id, { CpuShares: 300, MemorySwap: 32 * MB });
    expect(answer.status).toBe(500);
    expect(answer.body.message).toStartWith(`Cannot update container ${id}: runc did not terminate successfully: exit status 1: failed to write "${32 * MB}": write /sys/fs/cgroup/memory/`);
    expect(answer.body.message).toContain('memory.memsw.limit_in_bytes: invalid argument');
    expect(await hostConfigOf(id)).toEqual(then);
    const expected = { 'memory.memsw.limit_in_bytes': `${128 * MB}`, 'cpu.shares': '1024' };
    expect(readLimits(await pidOf(id), { v1: expected, v2: {} })).toEqual(expected);
  });

  requires(...needs, 'engine-28', 'cgroup-v1')('less memory than is in use', async () => {
    const id = await make({ Memory: 64 * MB, MemorySwap: 64 * MB, Tmpfs: { '/fill': '' } }, 'running');
    await subject.output('exec', id, 'dd', 'if=/dev/zero', 'of=/fill/x', 'bs=1M', 'count=30');
    const answer = await update(id, { Memory: 8 * MB });
    expect(answer.status).toBe(500);
    expect(answer.body.message).toContain(`unable to set memory limit to ${8 * MB} (current usage: `);
  });

  recent('warnings for what the kernel cannot do; null when there are none', async () => {
    const id = await make({}, 'running');
    expect(await update(id, {})).toEqual({ status: 200, body: { Warnings: null } });
    expect(await update(id, { CpuPercent: 1 })).toEqual({
      status: 200,
      body: { Warnings: ['linux does not support CPU percent. Percent discarded.'] },
    });
  });

  recent('limits that cannot be changed, and those of another API version, are left alone', async () => {
    const id = await make({ PidsLimit: 50 }, 'running');
    const then = await hostConfigOf(id);
    for (const asked of [{ Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 1 }] }, { CgroupParent: '/x' }, { MemorySwappiness: null }, { KernelMemory: 64 * MB }]) {
      expect(await update(id, asked)).toEqual({ status: 200, body: { Warnings: null } });
    }
    expect((await update(id, { PidsLimit: 20 }, '/v1.39')).status).toBe(200);
    expect(await hostConfigOf(id)).toEqual(then);
  });
});

describe('the restart policy', () => {
  it('is taken over, and counts from the next exit on', async () => {
    const id = await make({ RestartPolicy: { Name: 'no' } }, 'running');
    expect((await update(id, { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 5 } })).status).toBe(200);
    expect((await hostConfigOf(id)).RestartPolicy).toEqual({ Name: 'on-failure', MaximumRetryCount: 5 });
    process.kill(await pidOf(id), 'SIGKILL');
    while ((await subject.inspect(id, '{{.RestartCount}} {{.State.Status}}')) !== '1 running');
    expect((await update(id, { RestartPolicy: { Name: 'no' } })).status).toBe(200);
    process.kill(await pidOf(id), 'SIGKILL');
    expect(await subject.output('wait', id)).toBe('137');
    expect(await subject.inspect(id, '{{.RestartCount}} {{.State.Status}}')).toBe('1 exited');
  });

  it('stays as it is without a name', async () => {
    const id = await make({ RestartPolicy: { Name: 'always' } }, 'stopped');
    expect((await update(id, { RestartPolicy: { Name: '', MaximumRetryCount: 0 } })).status).toBe(200);
    expect((await hostConfigOf(id)).RestartPolicy).toEqual({ Name: 'always', MaximumRetryCount: 0 });
  });
});

describe('the command', () => {
  it('updates several at once, and prints their names', async () => {
    const ids = [await make({}, 'running'), await make({}, 'stopped')];
    expect(await subject.docker('update', '--cpus', '0.5', '--pids-limit', '70', ...ids)).toEqual({ code: 0, stdout: `${ids.join('\n')}\n`, stderr: '' });
    for (const id of ids) expect(await hostConfigOf(id)).toMatchObject({ NanoCpus: 5e8, PidsLimit: 70 });
    const failed = await subject.docker('update', '--memory', '64m', ids[0] as string, 'stranger');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('No such container: stranger');
  });

  requires(...needs, 'caisson')('is in our own client, too', async () => {
    const id = await make({}, 'running');
    const caisson = (...args: string[]) => run([...caissonCommand(), '--host', subject.engine.host, 'update', ...args]);
    expect(await caisson('--cpus', '0.5', '--memory', '64m', '--memory-swap', '-1', '--restart', 'on-failure:3', id)).toEqual({ code: 0, stdout: `${id}\n`, stderr: '' });
    expect(await hostConfigOf(id)).toMatchObject({ NanoCpus: 5e8, Memory: 64 * MB, MemorySwap: -1, PidsLimit: null, RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } });
    expect(await caisson(id)).toEqual({ code: 1, stdout: '', stderr: 'you must provide one or more flags when using this command\n' });
    expect(await caisson('--blkio-weight', '5', 'stranger')).toMatchObject({ code: 1, stdout: '' });
  });
});

leavesNothingBehind(subject);
