/**
 * The C library through Bun's FFI. Every call here is short and never blocks, forks or changes a namespace: a foreign
 * call holds the event loop, and a changed namespace would be seen by the whole thread pool.
 */
import { dlopen, ptr, read, type FFIFunction, type Pointer } from 'bun:ffi';
import { errno as errnos, errnoName, errnoText } from '../errno.ts';

const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
const libraryNames = ['libc.so.6', `libc.musl-${machine}.so.1`, `/lib/ld-musl-${machine}.so.1`];

/**
 * Binds functions of the C library, whichever it is (glibc or musl). The same symbol may be bound several times with
 * other signatures: `syscall` is.
 */
export function bindLibc<Functions extends Record<string, FFIFunction>>(functions: Functions) {
  let failure: unknown;
  for (const name of libraryNames) {
    try {
      return dlopen(name, functions).symbols;
    } catch (error) {
      failure = error;
    }
  }
  const wanted = Object.keys(functions).join(', ');
  throw new Error(`no C library with ${wanted}: tried ${libraryNames.join(', ')}`, { cause: failure });
}

const { __errno_location: errnoLocation } = bindLibc({ __errno_location: { args: [], returns: 'ptr' } });
// A thread's errno does not move, and each Worker evaluates this module on its own thread.
const errnoPointer = errnoLocation() as Pointer;

/** errno of the last failed call. Read it right after the call, before anything else runs. */
export function lastErrno(): number {
  return read.i32(errnoPointer, 0);
}

/** A system call that the kernel refused. `code` is the errno's name, as on Node's own errors: `ENOENT`. */
export class SystemCallError extends Error {
  /** Name of the call: `lgetxattr`. */
  readonly call: string;
  readonly errno: number;
  readonly code: string;
  /** What it was done to, when it has a name. */
  readonly path: string | undefined;

  constructor(call: string, errno: number, path?: string) {
    super(path === undefined ? `${call}: ${errnoText(errno)}` : `${call} ${path}: ${errnoText(errno)}`);
    this.name = 'SystemCallError';
    this.call = call;
    this.errno = errno;
    this.code = errnoName(errno);
    this.path = path;
  }
}

/** Throws what the last call failed with. */
export function fail(call: string, path?: PathLike): never {
  const errno = lastErrno();
  throw new SystemCallError(call, errno, path === undefined ? undefined : pathText(path));
}

/** Returns `result`, or throws what the call failed with when it is negative. */
export function checked(result: number, call: string, path?: PathLike): number {
  if (result < 0) fail(call, path);
  return result;
}

/** Address of a buffer for a structure that holds pointers. The buffer must be kept as long as the address is used. */
export function addressOf(buffer: Uint8Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>): bigint {
  return BigInt(ptr(buffer));
}

/** A path as text, or as the bytes it has on disk when they need not be UTF-8 (names in a tar). */
export type PathLike = string | Uint8Array;

export function pathText(path: PathLike): string {
  return typeof path === 'string' ? path : Buffer.from(path).toString();
}

/** PATH_MAX, with the NUL. */
const pathMax = 4096;
const encoder = new TextEncoder();

/** A buffer that C strings are written to again and again, so that a call allocates nothing. */
export class StringBuffer {
  readonly pointer: Pointer;
  readonly #bytes: Uint8Array;

  constructor(size: number = pathMax) {
    this.#bytes = new Uint8Array(new ArrayBuffer(Math.max(size, pathMax)));
    this.pointer = ptr(this.#bytes);
  }

  /**
   * Writes `text` with a NUL after it and returns its address, valid until the next `put`. A NUL inside would cut the
   * name short behind the caller's back, so it is refused (EINVAL); what does not fit is ENAMETOOLONG, as the kernel
   * says.
   */
  put(text: PathLike, call: string): Pointer {
    const bytes = this.#bytes;
    let length: number;
    if (typeof text === 'string') {
      const result = encoder.encodeInto(text, bytes);
      if (result.read < text.length) throw new SystemCallError(call, errnos.ENAMETOOLONG, text.slice(0, 64));
      length = result.written;
    } else {
      if (text.length > bytes.length) throw new SystemCallError(call, errnos.ENAMETOOLONG, pathText(text.subarray(0, 64)));
      bytes.set(text);
      length = text.length;
    }
    if (length >= bytes.length) throw new SystemCallError(call, errnos.ENAMETOOLONG, pathText(text).slice(0, 64));
    bytes[length] = 0;
    if (bytes.indexOf(0) < length) throw new SystemCallError(call, errnos.EINVAL, pathText(text));
    return this.pointer;
  }
}

/**
 * A number as the C type `long` of a system call's number, by architecture; most newer ones are the same everywhere.
 */
export function syscallNumber(x64: number, arm64: number = x64): bigint {
  return BigInt(process.arch === 'arm64' ? arm64 : x64);
}

/** Buffers for the first and the second string of a call. Calls are synchronous, so one pair serves all. */
export const firstString = new StringBuffer();
export const secondString = new StringBuffer();
/** For what the kernel's limits allow to be 64 KiB: an xattr's value, a list of xattrs, mount data. */
export const largeBytes = new Uint8Array(new ArrayBuffer(65536));
export const largePointer: Pointer = ptr(largeBytes);
