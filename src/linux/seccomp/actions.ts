/** Actions of a filter: OCI's names, the kernel's return values (linux/seccomp.h). */
import { invalidParameter, notImplemented } from '../../errors.ts';
import { errno } from '../errno.ts';

const returnValues: Readonly<Record<string, number>> = {
  SCMP_ACT_KILL: 0x00000000,
  SCMP_ACT_KILL_THREAD: 0x00000000,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};

/** What a call of an architecture that the filter does not know gets, as from libseccomp. */
export const killThread = 0x00000000;
/** A call that the filter's author cannot have known: programs then try the older one. */
export const enosys = 0x00050000 | errno.ENOSYS;

/**
 * The value a filter returns for an action; ERRNO and TRACE carry `errnoRet`, EPERM if none. Throws for an unknown
 * name, and for SCMP_ACT_NOTIFY, which needs an agent that listens.
 */
export function actionValue(action: string, errnoRet?: number): number {
  if (action === 'SCMP_ACT_NOTIFY') {
    throw notImplemented('SCMP_ACT_NOTIFY is not supported in a seccomp profile: it needs an agent that answers for each call');
  }
  if (!Object.hasOwn(returnValues, action)) throw invalidParameter(`string ${action} is not a valid action for seccomp`);
  const value = returnValues[action] as number;
  if (action !== 'SCMP_ACT_ERRNO' && action !== 'SCMP_ACT_TRACE') return value;
  return value | ((errnoRet ?? errno.EPERM) & 0xffff);
}

/** True for actions that let a call through, so that a program finds out itself what the kernel does not have. */
export function isPermissive(action: string): boolean {
  return action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG' || action === 'SCMP_ACT_TRACE';
}

const filterFlags: Readonly<Record<string, number>> = {
  // All threads at once: the filter is installed before there are others.
  SECCOMP_FILTER_FLAG_TSYNC: 0,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
};

/** The flags of seccomp(2) for OCI's `flags`. */
export function seccompFlags(names: readonly string[]): number {
  let flags = 0;
  for (const name of names) {
    if (!Object.hasOwn(filterFlags, name)) throw invalidParameter(`seccomp flag ${name} is not known`);
    flags |= filterFlags[name] as number;
  }
  return flags;
}
