/** File systems in files, mounted in an engine's namespaces before its daemon starts. */
import { existsSync, readFileSync } from 'node:fs';

/** Shell for `prepare`: a new file system of `size` (`512M`) as the data root. It is unmounted with the namespaces. */
export function dataRootOn(make: string, size: string, options = 'loop'): string {
  return `truncate -s ${size} $scratch/disk.img; ${make} $scratch/disk.img >/dev/null; mkdir $scratch/data; mount -o ${options} $scratch/disk.img $scratch/data`;
}

/** Why a file system cannot be made and mounted here; undefined when it can. */
export function fileSystemMissing(name: string, program: string): string | undefined {
  if (Bun.which(program) === null) return `needs ${program}`;
  if (!existsSync('/dev/loop-control')) return 'needs loop devices';
  return new RegExp(`^(nodev)?\\s*${name}$`, 'm').test(readFileSync('/proc/filesystems', 'utf8')) ? undefined : `needs ${name} in the kernel`;
}
