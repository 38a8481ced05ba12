/** Connecting to a unix socket without a turn of the event loop: the peer's backlog takes the connection at once. */
import { ptr } from 'bun:ffi';
import { closeSync } from 'node:fs';
import { bindLibc, checked, lastErrno, SystemCallError } from './libc.ts';
import { throughShortPath } from './sockets.ts';

const libc = bindLibc({
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  connect: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
});

const afUnix = 1;
const sockStream = 1;
const sockCloexec = 0o2000000;
const sockNonblock = 0o4000;

// On an ArrayBuffer of its own: a small array without one moves when `subarray` asks for it, and its pointer would be stale.
const address = new Uint8Array(new ArrayBuffer(2 + 108));
const addressPointer = ptr(address);

/**
 * A connected stream socket, close-on-exec and non-blocking, whatever the length of `path`. Throws SystemCallError: ENOENT
 * without a socket file, ECONNREFUSED when nobody listens any more, EAGAIN when the listener's backlog is full.
 */
export function connectUnix(path: string): number {
  return throughShortPath(path, (short) => {
    const fd = checked(libc.socket(afUnix, sockStream | sockCloexec | sockNonblock, 0), 'socket');
    address.fill(0);
    address[0] = afUnix;
    const { written } = new TextEncoder().encodeInto(short, address.subarray(2));
    if (libc.connect(fd, addressPointer, 2 + written + 1) < 0) {
      const error = new SystemCallError('connect', lastErrno(), path);
      closeSync(fd);
      throw error;
    }
    return fd;
  });
}
