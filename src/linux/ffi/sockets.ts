/**
 * Unix sockets as descriptors, for what `node:net` cannot do: pairs, listeners handed to a child, long paths, who is
 * there.
 */
import { ptr } from 'bun:ffi';
import { closeSync, constants } from 'node:fs';
import { basename, dirname } from 'node:path';
import { currentDirectory, openAt, openFlag } from './files.ts';
import { bindLibc, checked, lastErrno, SystemCallError } from './libc.ts';

const libc = bindLibc({
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  socketpair: { args: ['i32', 'i32', 'i32', 'ptr'], returns: 'i32' },
  bind: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
  listen: { args: ['i32', 'i32'], returns: 'i32' },
  getsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'ptr'], returns: 'i32' },
});

const afUnix = 1;
const sockStream = 1;
const sockCloexec = 0o2000000;
const sockNonblock = 0o4000;
const solSocket = 1;
const soPeercred = 17;
/** Bytes of `sun_path`, the NUL among them (unix(7)). */
const sunPathSize = 108;

const words = new Int32Array(new ArrayBuffer(4096));
const wordsPointer = ptr(words);
const lengthPointer = ptr(words, 4000);
const address = new Uint8Array(new ArrayBuffer(4096));
const addressPointer = ptr(address);

/** Two connected stream sockets, close-on-exec. `nonBlocking` is for a pair of which `node:net` adopts both. */
export function socketpair(options: { readonly nonBlocking?: boolean } = {}): [number, number] {
  const type = sockStream | sockCloexec | (options.nonBlocking === true ? sockNonblock : 0);
  checked(libc.socketpair(afUnix, type, 0, wordsPointer), 'socketpair');
  return [words[0] as number, words[1] as number];
}

/**
 * A listening stream socket at `path`, whatever its length: a path that does not fit into an address is reached through
 * a descriptor of its directory. Close-on-exec, non-blocking. The socket file must not exist (EADDRINUSE).
 */
export function listenUnix(path: string, backlog = 128): number {
  return throughShortPath(path, (short) => {
    const fd = checked(libc.socket(afUnix, sockStream | sockCloexec | sockNonblock, 0), 'socket');
    const size = putAddress(short);
    let call = 'bind';
    let result = libc.bind(fd, addressPointer, size);
    if (result === 0) {
      call = 'listen';
      result = libc.listen(fd, backlog);
    }
    if (result === 0) return fd;
    const error = new SystemCallError(call, lastErrno(), path);
    closeSync(fd);
    throw error;
  });
}

/** Calls `use` with a path to the same socket that fits into an address; it is valid only during the call. */
export function throughShortPath<Result>(path: string, use: (short: string) => Result): Result {
  if (Buffer.byteLength(path) < sunPathSize) return use(path);
  const directory = openAt(currentDirectory, dirname(path), openFlag.O_PATH | constants.O_DIRECTORY);
  try {
    return use(`/proc/self/fd/${directory}/${basename(path)}`);
  } finally {
    closeSync(directory);
  }
}

function putAddress(path: string): number {
  const bytes = Buffer.from(path);
  if (bytes.length >= sunPathSize || bytes.includes(0)) throw new SystemCallError('bind', bytes.includes(0) ? 22 : 36, path);
  address.fill(0, 0, 2 + sunPathSize);
  address[0] = afUnix;
  address.set(bytes, 2);
  return 2 + bytes.length + 1;
}

/** Who is at the other end of a connected unix socket, as of the moment it connected (SO_PEERCRED). */
export function peerCredentials(fd: number): { pid: number; uid: number; gid: number } {
  words[1000] = 12;
  checked(libc.getsockopt(fd, solSocket, soPeercred, wordsPointer, lengthPointer), 'getsockopt');
  return { pid: words[0] as number, uid: (words[1] as number) >>> 0, gid: (words[2] as number) >>> 0 };
}
