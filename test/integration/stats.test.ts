/** `docker stats`: what containers use, in the shapes that clients of every API version know. */
import { describe, expect } from 'bun:test';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../support/command.ts';
import { caissonCommand } from '../support/engine.ts';
import { Client } from '../support/http.ts';
import { blockDevice, cgroupOf, cgroupVersion } from '../support/limits.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine();
const recent = requires(...needs, 'engine-28');
const MB = 1024 * 1024;

interface Cpu {
  readonly cpu_usage: { readonly total_usage: number; readonly percpu_usage?: readonly number[]; readonly usage_in_kernelmode: number; readonly usage_in_usermode: number };
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
  readonly throttling_data: { readonly periods: number; readonly throttled_periods: number; readonly throttled_time: number };
}

interface Stats {
  readonly name: string;
  readonly id: string;
  readonly read: string;
  readonly preread: string;
  readonly pids_stats: { readonly current?: number; readonly limit?: number };
  readonly blkio_stats: Readonly<Record<string, readonly { readonly major: number; readonly minor: number; readonly op: string; readonly value: number }[] | null>>;
  readonly num_procs: number;
  readonly storage_stats: object;
  readonly cpu_stats: Cpu;
  readonly precpu_stats: Cpu;
  readonly memory_stats: { readonly usage?: number; readonly limit?: number; readonly failcnt?: number; readonly stats?: Readonly<Record<string, number>> };
  readonly networks?: object;
}

const never = '0001-01-01T00:00:00Z';
const noCpu = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

const statsOf = (id: string, query: string, version = ''): Promise<Stats> => subject.api.json('GET', `${version}/containers/${id}/stats?${query}`);
const running = (...flags: string[]) => subject.output('run', '-d', '--network', 'none', ...flags, 'busybox', 'sleep', '1000');
const pidOf = async (id: string): Promise<number> => Number(await subject.inspect(id, '{{.State.Pid}}'));

describe('one answer', () => {
  recent('has the shape of this cgroup version', async () => {
    const id = await running('--name', 'shape', '-m', '64m', '--pids-limit', '77');
    const stats = await statsOf(id, 'stream=false');
    const v1 = cgroupVersion() === 1;
    expect(Object.keys(stats).sort()).toEqual(
      ['blkio_stats', 'cpu_stats', 'id', 'memory_stats', 'name', 'num_procs', 'pids_stats', 'precpu_stats', 'preread', 'read', 'storage_stats'],
    );
    expect(stats).toMatchObject({ name: '/shape', id, num_procs: 0, storage_stats: {}, pids_stats: { current: 1, limit: 77 } });
    const online = (readFileSync('/proc/stat', 'utf8').match(/^cpu\d/gm) ?? []).length;
    for (const cpu of [stats.cpu_stats, stats.precpu_stats]) {
      expect(cpu.online_cpus).toBe(online);
      expect(cpu.cpu_usage.total_usage).toBeGreaterThan(0);
      expect(cpu.cpu_usage.percpu_usage !== undefined).toBe(v1);
    }
    expect(stats.cpu_stats.system_cpu_usage as number).toBeGreaterThan(stats.precpu_stats.system_cpu_usage as number);
    expect(Date.parse(stats.read)).toBeGreaterThan(Date.parse(stats.preread));
    expect(Object.keys(stats.blkio_stats)).toEqual([
      'io_service_bytes_recursive', 'io_serviced_recursive', 'io_queue_recursive', 'io_service_time_recursive', 'io_wait_time_recursive',
      'io_merged_recursive', 'io_time_recursive', 'sectors_recursive',
    ]);
    expect(stats.blkio_stats.sectors_recursive).toEqual(v1 ? [] : null);
    expect(stats.memory_stats.limit).toBe(64 * MB);
    expect(stats.memory_stats.usage).toBeGreaterThan(0);
    expect(Object.keys(stats.memory_stats.stats ?? {}).join(' ')).toBe(v1
      ? 'active_anon active_file cache dirty hierarchical_memory_limit hierarchical_memsw_limit inactive_anon inactive_file mapped_file pgfault '
        + 'pgmajfault pgpgin pgpgout rss rss_huge total_active_anon total_active_file total_cache total_dirty total_inactive_anon total_inactive_file '
        + 'total_mapped_file total_pgfault total_pgmajfault total_pgpgin total_pgpgout total_rss total_rss_huge total_unevictable total_writeback unevictable writeback'
      : 'active_anon active_file anon anon_thp file file_dirty file_mapped file_writeback inactive_anon inactive_file kernel_stack pgactivate pgdeactivate '
        + 'pgfault pglazyfree pglazyfreed pgmajfault pgrefill pgscan pgsteal shmem slab slab_reclaimable slab_unreclaimable sock thp_collapse_alloc '
        + 'thp_fault_alloc unevictable workingset_activate workingset_nodereclaim workingset_refault');
  });

  it('has the machine\'s memory as the limit where there is none', async () => {
    const { MemTotal } = await subject.api.json<{ MemTotal: number }>('GET', '/info');
    expect((await statsOf(await running(), 'stream=false')).memory_stats.limit).toBe(MemTotal);
  });

  it('counts processes, memory and throttling', async () => {
    const id = await subject.output('run', '-d', '--network', 'none', '--cpus', '0.1', '--tmpfs', '/fill', 'busybox', 'sh', '-c',
      'dd if=/dev/zero of=/fill/x bs=1M count=20 2>/dev/null; sleep 1000 & (while :; do :; done) & wait');
    const pid = await pidOf(id);
    const throttled = () => Number(/nr_throttled (\d+)/.exec(readFileSync(path.join(cgroupOf(pid, 'cpu'), 'cpu.stat'), 'utf8'))?.[1]);
    const processes = () => Number(readFileSync(path.join(cgroupOf(pid, 'pids'), 'pids.current'), 'utf8'));
    while (throttled() < 2 || processes() < 3);
    const stats = await statsOf(id, 'stream=false');
    expect(stats.pids_stats.current).toBe(3);
    expect(stats.memory_stats.usage).toBeGreaterThan(20 * MB);
    expect(stats.cpu_stats.throttling_data.throttled_periods).toBeGreaterThan(1);
    expect(stats.cpu_stats.throttling_data.throttled_time).toBeGreaterThan(0);
    expect(stats.cpu_stats.cpu_usage.total_usage).toBeGreaterThan(stats.precpu_stats.cpu_usage.total_usage);
    await subject.output('rm', '-f', id);
  });

  requires(...needs, 'block-device', 'cgroup-v1')('writes large numbers exactly', async () => {
    const answer = await subject.api.request('GET', `/containers/${await running()}/stats?stream=false`);
    expect(answer.body.toString()).toContain('"hierarchical_memory_limit":9223372036854771712');
  });

  recent('comes at once as one shot, without what was before', async () => {
    const id = await running();
    const stats = await statsOf(id, 'stream=false&one-shot=true');
    expect(stats).toMatchObject({ preread: never, precpu_stats: noCpu });
    expect(stats.cpu_stats.cpu_usage.total_usage).toBeGreaterThan(0);
    // Before 1.41 nobody knew of it.
    expect((await statsOf(id, 'stream=false&one-shot=true', '/v1.40')).preread).not.toBe(never);
    const both = await subject.api.request('GET', `/containers/${id}/stats?one-shot=true`);
    expect({ status: both.status, body: JSON.parse(both.body.toString()) as unknown }).toEqual({ status: 400, body: { message: 'cannot have stream=true and one-shot=true' } });
  });

  recent('is empty for a container that does not run', async () => {
    const id = await subject.output('create', '--name', 'stopped', 'busybox');
    for (const query of ['stream=false', 'stream=false&one-shot=1']) {
      expect(await statsOf(id, query)).toEqual({
        name: '/stopped', id, read: never, preread: never, pids_stats: {},
        blkio_stats: {
          io_service_bytes_recursive: null, io_serviced_recursive: null, io_queue_recursive: null, io_service_time_recursive: null,
          io_wait_time_recursive: null, io_merged_recursive: null, io_time_recursive: null, sectors_recursive: null,
        },
        num_procs: 0, storage_stats: {}, cpu_stats: noCpu, precpu_stats: noCpu, memory_stats: {},
      });
    }
  });

  it('is none for a container that is not there', async () => {
    for (const query of ['stream=false', 'stream=true']) {
      const answer = await subject.api.request('GET', `/containers/stranger/stats?${query}`);
      expect({ status: answer.status, body: JSON.parse(answer.body.toString()) as unknown }).toEqual({ status: 404, body: { message: 'No such container: stranger' } });
    }
  });

  it('has no networks where the container has none of its own', async () => {
    for (const network of ['none', 'host']) {
      const id = await subject.output('run', '-d', '--network', network, 'busybox', 'sleep', '1000');
      expect(await statsOf(id, 'stream=false')).not.toHaveProperty('networks');
    }
  });
});

requires(...needs, 'block-device')('disks are counted by what was read and written', async () => {
  const { path: disk = '' } = blockDevice() ?? {};
  const id = await subject.output('run', '-d', '--network', 'none', '--device', `${disk}:${disk}:r`, '--privileged', 'busybox', 'sh', '-c', `dd if=${disk} of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null; echo done; sleep 1000`);
  while (!(await subject.output('logs', id)).includes('done'));
  const { blkio_stats } = await statsOf(id, 'stream=false');
  for (const { op } of blkio_stats.io_service_bytes_recursive ?? []) {
    expect(cgroupVersion() === 1 ? ['Read', 'Write', 'Sync', 'Async', 'Discard', 'Total'] : ['read', 'write']).toContain(op);
  }
});

describe('a stream', () => {
  it('has an answer a second, each with the one before, until the container is removed', async () => {
    const id = await running();
    const { body } = await Client.stream(subject.engine.socket, 'GET', `/containers/${id}/stats`);
    const frames: Stats[] = [];
    for await (const chunk of body) {
      for (const line of chunk.toString().trim().split('\n')) frames.push(JSON.parse(line) as Stats);
      if (frames.length === 2) await subject.output('rm', '-f', id);
    }
    const [first, second] = frames as [Stats, Stats];
    expect(first.preread).toBe(never);
    expect(second.preread).toBe(first.read);
    expect(second.precpu_stats).toEqual(first.cpu_stats);
  });
});

describe('the command', () => {
  it('shows a table of what runs', async () => {
    await subject.clear();
    const id = await running('--name', 'shown', '-m', '64m');
    const table = await subject.output('stats', '--no-stream');
    expect(table).toMatch(/^CONTAINER ID +NAME +CPU % +MEM USAGE \/ LIMIT +MEM % +NET I\/O +BLOCK I\/O +PIDS *\n/);
    expect(table).toMatch(new RegExp(`${id.slice(0, 12)} +shown +\\d+\\.\\d\\d% +[\\d.]+[KM]iB / 64MiB +\\d+\\.\\d\\d% +0B / 0B +`));
  });

  requires(...needs, 'caisson')('is in our own client, too', async () => {
    await subject.clear();
    const id = await running('--name', 'ours', '-m', '64m');
    await subject.output('create', '--name', 'still', 'busybox');
    const caisson = (...args: string[]) => run([...caissonCommand(), '--host', subject.engine.host, 'stats', ...args]);
    const { stdout, code } = await caisson('--no-stream');
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^CONTAINER ID +NAME +CPU % +MEM USAGE / LIMIT +MEM % +NET I/O +BLOCK I/O +PIDS *\n${id.slice(0, 12)} +ours +\\d+\\.\\d\\d% +[\\d.]+[KM]iB / 64MiB +\\d+\\.\\d\\d% +0B / 0B +[^\n]*1\n$`));
    const ours = JSON.parse((await caisson('--no-stream', '--no-trunc', '--format', 'json', 'ours')).stdout) as Record<string, string>;
    expect(ours).toMatchObject({ ID: id, Name: 'ours', Container: 'ours', NetIO: '0B / 0B', PIDs: '1' });
    expect((await caisson('--no-stream', '-a', '--format', '{{.Name}} {{.CPUPerc}}')).stdout).toContain('still --\n');
    expect(await caisson('--no-stream', 'stranger')).toEqual({ code: 1, stdout: '', stderr: 'Error response from daemon: No such container: stranger\n' });
  });
});

leavesNothingBehind(subject);
