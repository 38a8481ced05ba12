/** The cgroups of this machine, version 1 hierarchies and version 2 alike. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Mount points of all cgroup hierarchies. */
export function hierarchies(): string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n').map((line) => line.split(' '));
  return mounts.filter(([, , type]) => type === 'cgroup' || type === 'cgroup2').map(([, point]) => point as string);
}

function* descendants(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) yield* descendants(path.join(directory, entry.name));
  }
  yield directory;
}

/** Directories at and below the cgroup `parent` (an absolute cgroup path) in any hierarchy, children before their parents. */
export const cgroupsBelow = (parent: string): string[] =>
  hierarchies().map((mountPoint) => path.join(mountPoint, parent)).filter((directory) => existsSync(directory)).flatMap((directory) => [...descendants(directory)]);
