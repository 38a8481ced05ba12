/** What a container uses, as Docker's table shows it, from the answers of `GET /containers/{id}/stats`. */
import { binarySize, humanSize } from './quantity.ts';

interface CpuStats {
  readonly cpu_usage: { readonly total_usage: number };
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
}

export interface Stats {
  readonly id: string;
  readonly name: string;
  /** The year 1 for a container that does not run. */
  readonly read: string;
  readonly pids_stats: { readonly current?: number };
  readonly blkio_stats: { readonly io_service_bytes_recursive: readonly { readonly op: string; readonly value: number }[] | null };
  readonly cpu_stats: CpuStats;
  readonly precpu_stats: CpuStats;
  readonly memory_stats: { readonly usage?: number; readonly limit?: number; readonly stats?: Readonly<Record<string, number>> };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>;
}

export interface Usage {
  readonly cpu: string;
  readonly memory: string;
  readonly memoryPercent: string;
  readonly network: string;
  readonly disk: string;
  readonly processes: string;
}

const unknown: Usage = { cpu: '--', memory: '-- / --', memoryPercent: '--', network: '--', disk: '--', processes: '--' };

/** The texts for one sample. */
export function usageOf(stats: Stats): Usage {
  if (stats.read.startsWith('0001-')) return unknown;
  const { limit = 0 } = stats.memory_stats;
  const used = usedMemory(stats);
  const [read, written] = ['r', 'w'].map((letter) =>
    sum((stats.blkio_stats.io_service_bytes_recursive ?? []).filter(({ op }) => op.toLowerCase().startsWith(letter)).map(({ value }) => value)));
  const interfaces = Object.values(stats.networks ?? {});
  const [received, sent] = [sum(interfaces.map(({ rx_bytes }) => rx_bytes)), sum(interfaces.map(({ tx_bytes }) => tx_bytes))];
  return {
    cpu: percent(cpuShare(stats)),
    memory: `${binarySize(used)} / ${binarySize(limit)}`,
    memoryPercent: percent(limit === 0 ? 0 : (used / limit) * 100),
    network: `${humanSize(received, 3)} / ${humanSize(sent, 3)}`,
    disk: `${humanSize(read ?? 0, 3)} / ${humanSize(written ?? 0, 3)}`,
    processes: String(stats.pids_stats.current ?? 0),
  };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const percent = (value: number) => `${value.toFixed(2)}%`;

/** Per cent of one processor: two that are busy are 200. */
function cpuShare({ cpu_stats: now, precpu_stats: before }: Stats): number {
  const own = now.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const host = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  return host > 0 && own > 0 ? (own / host) * (now.online_cpus ?? 1) * 100 : 0;
}

/** Without the part of the cache that the kernel takes back first: v1 and v2 name it differently. */
function usedMemory({ memory_stats: { usage = 0, stats = {} } }: Stats): number {
  const cache = stats['total_inactive_file'] ?? stats['inactive_file'] ?? 0;
  return cache < usage ? usage - cache : usage;
}
