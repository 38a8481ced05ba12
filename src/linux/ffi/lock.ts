/** Advisory locks on files: flock(2). They end with the process, however it ends. */
import { closeSync, openSync } from 'node:fs';
import { bindLibc, lastErrno, SystemCallError } from './libc.ts';

const libc = bindLibc({ flock: { args: ['i32', 'i32'], returns: 'i32' } });

const lockExclusive = 2;
const lockNonBlocking = 4;
const ewouldblock = 11;

/** Locks `path` (made if missing) for this process's life. False when another process holds it. */
export function tryLockFile(path: string): boolean {
  const fd = openSync(path, 'a', 0o600);
  if (libc.flock(fd, lockExclusive | lockNonBlocking) === 0) return true;
  const errno = lastErrno();
  closeSync(fd);
  if (errno === ewouldblock) return false;
  throw new SystemCallError('flock', errno, path);
}
