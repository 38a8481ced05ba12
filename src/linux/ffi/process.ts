/** Limits of this process. */
import { ptr } from 'bun:ffi';
import { bindLibc, checked } from './libc.ts';

const libc = bindLibc({
  getrlimit: { args: ['i32', 'ptr'], returns: 'i32' },
  setrlimit: { args: ['i32', 'ptr'], returns: 'i32' },
});
const limits = new BigUint64Array(new ArrayBuffer(4096));
const limitsPointer = ptr(limits);

export interface Rlimit {
  /** RLIM_INFINITY is 2^64-1. */
  readonly soft: bigint;
  readonly hard: bigint;
}

/** A limit of this process; `resource` is a number of `rlimits.ts`. */
export function getRlimit(resource: number): Rlimit {
  checked(libc.getrlimit(resource, limitsPointer), 'getrlimit');
  return { soft: limits[0] as bigint, hard: limits[1] as bigint };
}

/** Sets a limit of this process. Raising the hard one needs CAP_SYS_RESOURCE. */
export function setRlimit(resource: number, limit: Rlimit): void {
  limits[0] = limit.soft;
  limits[1] = limit.hard;
  checked(libc.setrlimit(resource, limitsPointer), 'setrlimit');
}

const rlimitNofile = 7;

/** Raises the soft limit of open files to the hard one, which needs no privilege. Returns what it was before. */
export function raiseDescriptorLimit(): Rlimit {
  const before = getRlimit(rlimitNofile);
  if (before.soft !== before.hard) setRlimit(rlimitNofile, { soft: before.hard, hard: before.hard });
  return before;
}
