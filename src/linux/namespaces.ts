/** Namespaces (namespaces(7)): OCI's names, the kernel's flags, the files below /proc/PID/ns. */
import { cloneFlag } from './clone-flags.ts';

export const namespaces = {
  user: { flag: cloneFlag.CLONE_NEWUSER, file: 'user' },
  mount: { flag: cloneFlag.CLONE_NEWNS, file: 'mnt' },
  pid: { flag: cloneFlag.CLONE_NEWPID, file: 'pid' },
  network: { flag: cloneFlag.CLONE_NEWNET, file: 'net' },
  ipc: { flag: cloneFlag.CLONE_NEWIPC, file: 'ipc' },
  uts: { flag: cloneFlag.CLONE_NEWUTS, file: 'uts' },
  cgroup: { flag: cloneFlag.CLONE_NEWCGROUP, file: 'cgroup' },
  time: { flag: cloneFlag.CLONE_NEWTIME, file: 'time' },
} as const;

/** OCI's name of a namespace type. */
export type NamespaceType = keyof typeof namespaces;

/** The CLONE_NEW* flag of a type. */
export function namespaceFlag(type: NamespaceType): number {
  return namespaces[type].flag;
}

/** All the flags of several types in one word. */
export function namespaceFlags(types: Iterable<NamespaceType>): number {
  let flags = 0;
  for (const type of types) flags |= namespaces[type].flag;
  return flags;
}

/** The file through which a process's namespace is joined, as `/proc/42/ns/net`. */
export function namespacePath(pid: number, type: NamespaceType): string {
  return `/proc/${pid}/ns/${namespaces[type].file}`;
}
