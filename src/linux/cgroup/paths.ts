/** Paths below a hierarchy's mount point. */
import { posix } from 'node:path';
import { invalidParameter } from '../../errors.ts';

/** `/caisson/ID`, checked: absolute, not the root itself, and no `..`, which would leave the hierarchy. */
export function checkCgroupPath(path: string): string {
  const clean = posix.normalize(path).replace(/\/+$/, '');
  if (!path.startsWith('/') || clean === '' || path.split('/').includes('..') || /[\0\n]/.test(path)) {
    throw invalidParameter(`invalid cgroup path: ${JSON.stringify(path)}`);
  }
  return clean;
}

/** `/a/b/c` → `/a`, `/a/b` (the path's own directory left out). */
export function ancestors(path: string): string[] {
  const parts = path.split('/').slice(1, -1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
}
