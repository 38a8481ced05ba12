/** Resource limits (getrlimit(2), asm-generic/resource.h): OCI's names, Docker's names, numbers. */
export const rlimitNumbers = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
} as const;

export type RlimitName = keyof typeof rlimitNumbers;

/** No limit, as the kernel has it; OCI and Docker write -1. */
export const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;

/** Names that `--ulimit` takes; there is none for the address space (`RLIMIT_AS`). */
export const ulimitNames: readonly string[] = (Object.keys(rlimitNumbers) as RlimitName[])
  .filter((name) => name !== 'RLIMIT_AS')
  .map((name) => name.slice('RLIMIT_'.length).toLowerCase());

/** Number of `RLIMIT_NOFILE`; undefined for a name that does not exist. */
export function rlimitNumber(name: string): number | undefined {
  return Object.hasOwn(rlimitNumbers, name) ? rlimitNumbers[name as RlimitName] : undefined;
}

/** `RLIMIT_NOFILE` for Docker's `nofile` in any case; undefined for a name that `--ulimit` does not take. */
export function rlimitOfUlimit(name: string): RlimitName | undefined {
  const lower = name.toLowerCase();
  return ulimitNames.includes(lower) ? (`RLIMIT_${lower.toUpperCase()}` as RlimitName) : undefined;
}

/** A limit as OCI writes it (-1 none) as the kernel takes it. */
export function rlimitValue(limit: number): bigint {
  return limit < 0 || limit >= 2 ** 64 ? RLIM_INFINITY : BigInt(limit);
}
