/** What a cgroup has used: the kernel's counters, the same for both versions as far as both have them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Nothing here is rounded: counters pass 2^53 in long lives. */
export interface CgroupMetrics {
  /** Absent where there is no such controller. */
  readonly cpu?: CpuMetrics;
  readonly memory?: MemoryMetrics;
  /** `limit` absent when there is none. */
  readonly pids?: { readonly current: bigint; readonly limit?: bigint };
  readonly io?: IoMetrics;
}

/** Nanoseconds. */
export interface CpuMetrics {
  readonly total: bigint;
  readonly kernel: bigint;
  readonly user: bigint;
  /** v1 only, by processor. */
  readonly perCpu?: readonly bigint[];
  readonly periods: bigint;
  readonly throttledPeriods: bigint;
  readonly throttledTime: bigint;
}

/** Bytes. */
export interface MemoryMetrics {
  readonly usage: bigint;
  /** v1 only: the most it has used. */
  readonly peak?: bigint;
  /** `undefined`: none. */
  readonly limit: bigint | undefined;
  /** How often the limit was hit (v1), or nothing could be reclaimed (v2). */
  readonly failures: bigint;
  /** `memory.stat`, all of it. */
  readonly counters: ReadonlyMap<string, bigint>;
}

export interface IoEntry {
  readonly major: number;
  readonly minor: number;
  /** `Read`, `Write`, `Sync` … of v1; `read`, `write` of v2. */
  readonly operation: string;
  readonly value: bigint;
}

export interface IoMetrics {
  readonly bytes: readonly IoEntry[];
  /** v1 only. */
  readonly operations?: readonly IoEntry[];
}

/** Throws Node's error when the file, or its cgroup, is not there. */
export const readText = (path: string): string => readFileSync(path, 'utf8');

export const readNumber = (path: string): bigint => BigInt(readText(path).trim());

/** Lines of a name and a number. */
export function readCounters(path: string): Map<string, bigint> {
  const lines = readText(path).trim().split('\n').map((line) => line.split(' '));
  return new Map(lines.map(([name = '', value = '0']) => [name, BigInt(value)]));
}

/** A number, or undefined for `max`. */
export function readLimit(path: string): bigint | undefined {
  const text = readText(path).trim();
  return text === 'max' ? undefined : BigInt(text);
}

/** The files are the same in both versions. */
export function readPids(directory: string): NonNullable<CgroupMetrics['pids']> {
  const limit = readLimit(join(directory, 'pids.max'));
  return { current: readNumber(join(directory, 'pids.current')), ...(limit === undefined ? {} : { limit }) };
}
