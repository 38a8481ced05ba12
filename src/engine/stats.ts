/** `GET /containers/{id}/stats`: what a container uses, once or every second, in the shapes of Docker's API for both cgroup versions. */
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type { CgroupMetrics, IoEntry, MemoryMetrics } from '../linux/cgroup/metrics.ts';
import { interfaceCounters } from '../linux/interface-counters.ts';
import { cgroupPathOf } from './cgroup-path.ts';
import type { Container } from './container.ts';
import { isAlive, zeroTime } from './container-state.ts';
import type { EngineContext } from './context.ts';
import type { StatsRequest } from './engine.ts';
import { parseMode } from './spec/modes.ts';
import { v1MemoryCounters, v2MemoryCounters } from './stats-counters.ts';
import { nowText } from './timestamps.ts';

/** Milliseconds between two samples. */
const interval = 1000;

/** `cpu_stats`; also what the next sample shows as `precpu_stats`. */
type CpuStats = object;

interface Sample {
  readonly read: string;
  readonly cpu: CpuStats;
  readonly rest: object;
}

const noCpu: CpuStats = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};
/** Of a container that does not run. */
const nothing: Sample = { read: zeroTime, cpu: noCpu, rest: { pids_stats: {}, blkio_stats: ioStats(undefined, 2), memory_stats: {} } };

/**
 * One answer, or one every second until the container is removed or the signal is given; empty ones while it does not run. An answer
 * alone takes a second, so that its `precpu_stats` say something, unless it is `oneShot`.
 */
export async function* containerStats(context: EngineContext, container: Container, request: StatsRequest): AsyncGenerator<object> {
  const shown = (sample: Sample, before: Sample) => answer(container, sample, before);
  const isThere = () => !request.signal.aborted && context.registry.has(container.id);
  const first = take(context, container);
  if (request.oneShot || (!request.stream && first === nothing)) return yield shown(first, nothing);
  if (request.stream) yield shown(first, nothing);
  for (let before = first; isThere(); ) {
    await pause(request.signal);
    if (!isThere()) return;
    const sample = take(context, container);
    yield shown(sample, before);
    if (!request.stream) return;
    before = sample;
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  await setTimeout(interval, undefined, { signal, ref: false }).catch(() => undefined); // the client has left
}

function answer({ id, record }: Container, { read, cpu, rest }: Sample, before: Sample): object {
  const { pids_stats, blkio_stats, memory_stats, networks } = rest as Readonly<Record<string, unknown>>;
  return {
    name: `/${record.name}`, id, read, preread: before.read, pids_stats, blkio_stats, num_procs: 0, storage_stats: {},
    cpu_stats: cpu, precpu_stats: before.cpu, memory_stats, networks,
  };
}

function take(context: EngineContext, container: Container): Sample {
  const { state } = container;
  if (!isAlive(state)) return nothing;
  try {
    const { version } = context.cgroups;
    const metrics = context.cgroups.metrics(cgroupPathOf(context, container));
    const rest = {
      pids_stats: pidsStats(metrics, version),
      blkio_stats: ioStats(metrics.io, version),
      memory_stats: metrics.memory === undefined ? {} : memoryStats(metrics.memory, version),
      networks: hasInterfaces(context, container) ? interfaceCounters(state.pid) : undefined,
    };
    return { read: nowText(), cpu: cpuStats(metrics.cpu), rest };
  } catch (error) {
    // It has ended, and nobody has told us yet.
    if (['ENOENT', 'ENODEV', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return nothing;
    throw error;
  }
}

/** The host's own interfaces are no container's, whoever shares them. */
function hasInterfaces(context: EngineContext, container: Container): boolean {
  const mode = parseMode(container.record.hostConfig.NetworkMode);
  if (mode.kind !== 'container') return mode.kind !== 'host' && container.record.hostConfig.NetworkMode !== 'none';
  const owner = context.registry.find(mode.container);
  return owner !== undefined && hasInterfaces(context, owner);
}

function cpuStats(cpu: CgroupMetrics['cpu']): CpuStats {
  const host = hostCpu();
  return {
    cpu_usage: {
      total_usage: cpu?.total ?? 0n, percpu_usage: cpu?.perCpu, usage_in_kernelmode: cpu?.kernel ?? 0n, usage_in_usermode: cpu?.user ?? 0n,
    },
    system_cpu_usage: host.usage,
    online_cpus: host.online,
    throttling_data: {
      periods: cpu?.periods ?? 0n, throttled_periods: cpu?.throttledPeriods ?? 0n, throttled_time: cpu?.throttledTime ?? 0n,
    },
  };
}

/** Nanoseconds that all processors have spent, idle ones too: the first seven columns of /proc/stat, in ticks of 10 ms. */
function hostCpu(): { readonly usage: bigint; readonly online: number } {
  const lines = readFileSync('/proc/stat', 'utf8').split('\n').filter((line) => line.startsWith('cpu'));
  const [all = '', ...each] = lines;
  const ticks = all.trim().split(/ +/).slice(1, 8).reduce((sum, ticksOf) => sum + BigInt(ticksOf), 0n);
  return { usage: ticks * 10_000_000n, online: each.length };
}

/** Where there is no limit, v1's is left out, and v2's is the largest number there is. */
function pidsStats({ pids }: CgroupMetrics, version: 1 | 2): object {
  if (pids === undefined) return {};
  return { current: pids.current, limit: pids.limit ?? (version === 1 ? undefined : 2n ** 64n - 1n) };
}

/** v2 counts bytes only. */
function ioStats(io: CgroupMetrics['io'], version: 1 | 2): object {
  const shown = (entries: readonly IoEntry[] | undefined) =>
    entries?.map(({ major, minor, operation, value }) => ({ major, minor, op: operation, value }));
  const missing = version === 1 && io !== undefined ? [] : null;
  const bytes = shown(io?.bytes) ?? null;
  return {
    io_service_bytes_recursive: version === 2 && bytes?.length === 0 ? null : bytes,
    io_serviced_recursive: shown(io?.operations) ?? missing,
    io_queue_recursive: missing, io_service_time_recursive: missing, io_wait_time_recursive: missing, io_merged_recursive: missing,
    io_time_recursive: missing, sectors_recursive: missing,
  };
}

/** Without a limit of its own, a container has the machine's memory. */
function memoryStats({ usage, peak, limit, failures, counters }: MemoryMetrics, version: 1 | 2): object {
  const names = version === 1 ? v1MemoryCounters : v2MemoryCounters;
  const machine = BigInt(totalmem());
  return {
    usage: usage || undefined,
    max_usage: peak || undefined,
    stats: Object.fromEntries(names.map((name) => [name, counters.get(name) ?? 0n])),
    failcnt: failures || undefined,
    limit: limit === undefined || limit > machine ? machine : limit,
  };
}
