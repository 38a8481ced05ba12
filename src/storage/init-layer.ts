/**
 * The shared init layer: what Docker puts into every container's root beside the image. It lies lowest, below the
 * image, so that the mount points are there, the image's own files and permissions win, and nothing of it can end up in
 * a commit; and it costs a container nothing.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';

const directories = ['dev', 'dev/pts', 'dev/shm', 'proc', 'sys', 'etc'];
const files = ['dev/console', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf', '.dockerenv'];

/** Makes what is missing of it in `diff`. */
export function makeInitLayer(diff: string): void {
  mkdirSync(diff, { recursive: true, mode: 0o755 });
  for (const name of directories) ifMissing(() => mkdirSync(`${diff}/${name}`, { mode: 0o755 }));
  for (const name of files)
    ifMissing(() => writeFileSync(`${diff}/${name}`, '', { flag: 'wx', mode: name === 'dev/console' ? 0o600 : 0o644 }));
  ifMissing(() => symlinkSync('/proc/mounts', `${diff}/etc/mtab`));
}

function ifMissing(make: () => void): void {
  try {
    make();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}
