/** What runs on this machine, read from /proc. A process that ends while it is looked at is not there. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import type { Namespaces } from './namespaces.ts';

/** `net:[4026531840]`; undefined when the process is gone. */
export function namespaceOf(pid: number | 'self', kind: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined;
  }
}

/** A file of a process; empty when it is gone. */
export function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

export const allProcesses = (): number[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);

/** Arguments joined by blanks, for messages. */
export const commandLine = (pid: number): string => procFile(pid, 'cmdline').replaceAll('\0', ' ').trim();

/** An engine's own processes (daemons, shims), not its containers': in its namespaces, yet in the machine's pid namespace. */
export function engineProcesses(namespaces: Namespaces): number[] {
  const pidNamespace = namespaceOf('self', 'pid');
  const [network, mount] = ['net', 'mnt'].map((kind) => namespaceOf(namespaces.pid, kind));
  return allProcesses().filter(
    (pid) =>
      pid !== namespaces.pid &&
      namespaceOf(pid, 'pid') === pidNamespace &&
      (namespaceOf(pid, 'net') === network || namespaceOf(pid, 'mnt') === mount),
  );
}

/** Bytes of memory that are this process's share (PSS, /proc/<pid>/smaps_rollup). */
export function proportionalSetSize(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(procFile(pid, 'smaps_rollup'))?.[1] ?? 0) * 1024;
}
