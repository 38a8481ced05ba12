/**
 * Unix sockets as descriptors, for what `node:net` cannot do: pairs, listeners handed to a child, long paths, who is
 * there.
 */
import { ptr } from 'bun:ffi';
import { closeSync, constants } from 'node:fs';
import type { Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { currentDirectory, openAt, openFlag } from './files.ts';
import { addressOf, bindLibc, checked, lastErrno, SystemCallError } from './libc.ts';

const libc = bindLibc({
  socket: { args: ['i32', 'i32', 'i32'], returns: 'i32' },
  socketpair: { args: ['i32', 'i32', 'i32', 'ptr'], returns: 'i32' },
  bind: { args: ['i32', 'ptr', 'u32'], returns: 'i32' },
  listen: { args: ['i32', 'i32'], returns: 'i32' },
  getsockopt: { args: ['i32', 'i32', 'i32', 'ptr', 'ptr'], returns: 'i32' },
  sendmsg: { args: ['i32', 'ptr', 'i32'], returns: 'i64' },
  fcntl: { args: ['i32', 'i32', 'u64'], returns: 'i32' },
});

const afUnix = 1;
const sockStream = 1;
const sockCloexec = 0o2000000;
const sockNonblock = 0o4000;
const solSocket = 1;
const soPeercred = 17;
const scmRights = 1;
const fDupfdCloexec = 1030;
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

/**
 * Takes a connection out of this process: a descriptor of it, close-on-exec, the caller's to close. `socket` is destroyed without
 * the peer being told. Undefined, and nothing done, when the socket is closed, has bytes that it has read and nobody has
 * taken yet, or bytes to write that the kernel has not taken.
 */
export function takeDescriptor(socket: Socket): number | undefined {
  const { _handle: handle } = socket as { _handle?: { readonly fd: number } | null };
  if (!handle || handle.fd < 0 || socket.destroyed || socket.readableLength > 0 || socket.writableLength > 0) return undefined;
  const fd = checked(libc.fcntl(handle.fd, fDupfdCloexec, 3n), 'fcntl F_DUPFD_CLOEXEC');
  // Closes at once, in this turn: whatever comes next from the peer is read through the new descriptor.
  socket.destroy();
  return fd;
}

// sendmsg(2): struct msghdr, struct iovec, and a control message with one descriptor, each at its place in one buffer.
const message = new BigUint64Array(new ArrayBuffer(128));
const messagePointer = ptr(message);
const iovecAt = 7;
const controlAt = 9;

/**
 * Sends up to 4 KiB of `data` together with a descriptor (SCM_RIGHTS) over a connected unix socket with room for it; the descriptor stays
 * open here.
 */
export function sendDescriptor(socket: number, data: Uint8Array, passed: number): void {
  address.set(data);
  message.fill(0n);
  message[2] = addressOf(message) + BigInt(iovecAt * 8);
  message[3] = 1n;
  message[4] = addressOf(message) + BigInt(controlAt * 8);
  message[5] = 24n;
  message[iovecAt] = addressOf(address);
  message[iovecAt + 1] = BigInt(data.length);
  message[controlAt] = 20n;
  message[controlAt + 1] = BigInt(solSocket) | (BigInt(scmRights) << 32n);
  message[controlAt + 2] = BigInt(passed);
  checked(Number(libc.sendmsg(socket, messagePointer, 0)), 'sendmsg');
}

/** Who is at the other end of a connected unix socket, as of the moment it connected (SO_PEERCRED). */
export function peerCredentials(fd: number): { pid: number; uid: number; gid: number } {
  words[1000] = 12;
  checked(libc.getsockopt(fd, solSocket, soPeercred, wordsPointer, lengthPointer), 'getsockopt');
  return { pid: words[0] as number, uid: (words[1] as number) >>> 0, gid: (words[2] as number) >>> 0 };
}
