/** File systems in files, mounted in an engine's namespaces before its daemon starts. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { busybox } from './paths.ts';

/** What makes file systems with project quotas, and mounts them so. */
export const quotaFileSystems = {
  ext4: { make: 'mkfs.ext4 -q -O project,quota -E quotatype=prjquota', option: 'prjquota' },
  xfs: { make: 'mkfs.xfs -q', option: 'prjquota' },
} as const;

/** Shell for `prepare`: a new file system of `size` (`512M`) as the data root. It is unmounted with the namespaces. */
export function dataRootOn(make: string, size: string, options = 'loop'): string {
  return `truncate -s ${size} $scratch/disk.img; ${make} $scratch/disk.img >/dev/null; mkdir $scratch/data; mount -o ${options} $scratch/disk.img $scratch/data`;
}

/** Why no file system that keeps projects to their limits can be mounted here; undefined when one can. Tried in a mount namespace. */
export function projectQuotasMissing(name: string, make: string, option: string): string | undefined {
  const [program = ''] = make.split(' ');
  const missing = fileSystemMissing(name, program);
  if (missing !== undefined) return missing;
  const scratch = mkdtempSync(path.join(tmpdir(), 'caisson-quota-'));
  const script = `set -e; cd ${scratch}; truncate -s 512M disk; ${make} disk >/dev/null 2>&1; mkdir mounted; mount -o loop,${option} disk mounted 2>/dev/null; grep -q " ${scratch}/mounted .*${option}" /proc/self/mounts`;
  const { exitCode } = Bun.spawnSync(['unshare', '--mount', busybox, 'sh', '-c', script]);
  rmSync(scratch, { recursive: true, force: true });
  return exitCode === 0 ? undefined : `needs project quotas of ${name}`;
}

/** Why a file system cannot be made and mounted here; undefined when it can. */
export function fileSystemMissing(name: string, program: string): string | undefined {
  if (Bun.which(program) === null) return `needs ${program}`;
  if (!existsSync('/dev/loop-control')) return 'needs loop devices';
  return new RegExp(`^(nodev)?\\s*${name}$`, 'm').test(readFileSync('/proc/filesystems', 'utf8')) ? undefined : `needs ${name} in the kernel`;
}
