/**
 * OCI's limits are those of cgroup v1; these are the v2 values for them, as runc converts since 1.3.2 (Docker 28.5.1 and
 * newer bring that; opencontainers/cgroups ConvertCPUSharesToCgroupV2Value).
 */
import { invalidParameter } from '../../errors.ts';

/**
 * `cpu.weight` (1 to 10000) for `cpu.shares` (2 to 262144). A curve through the least, the most, and 1024 for 100, so
 * that a container with default shares has the same part as a process outside.
 */
export function cpuWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const log = Math.log2(shares);
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
}

/**
 * Refuses shares that v1's `cpu.shares` would silently put at its bounds, in runc's words. Throws invalid-parameter. v2
 * knows weights only, and takes the nearest.
 */
export function checkCpuShares(shares: number | undefined): void {
  if (!shares) return;
  if (shares < 2) throw invalidParameter('the minimum allowed cpu-shares is 2');
  if (shares > 262_144) throw invalidParameter('the maximum allowed cpu-shares is 262144');
}

/** `io.weight` (1 to 10000) for a `blkio.weight` (10 to 1000). */
export function ioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

/**
 * `memory.swap.max` for OCI's limit of memory and swap together. Undefined when nothing is asked for; -1 is unlimited.
 * Throws invalid-parameter when it contradicts the memory limit.
 */
export function swapMax(swap: number | undefined, memory: number | undefined): number | undefined {
  if (swap === undefined || swap === 0) return memory === -1 ? -1 : undefined;
  if (swap === -1 || memory === -1) return swap;
  if (memory === undefined || memory === 0) throw invalidParameter('unable to set swap limit without memory limit');
  if (memory < 0) throw invalidParameter(`invalid memory value: ${memory}`);
  if (swap < memory) throw invalidParameter('memory+swap limit should be >= memory limit');
  return swap - memory;
}

/** `max` for -1. */
export function orMax(value: number): string {
  return value < 0 ? 'max' : `${value}`;
}
