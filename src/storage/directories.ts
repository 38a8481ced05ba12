/**
 * Directories inside a root, found by path and kept open. Every look-up is done by the kernel with
 * openat2(RESOLVE_IN_ROOT): symlinks are followed as in a chroot, `..` and absolute targets stop at the root, and no
 * race can lead out of it (openat2(2), kernel 5.6).
 */
import { closeSync, constants, fchmodSync, fchownSync, readlinkSync } from 'node:fs';
import { mkdirAt, openAt, openat2, openFlag, resolveFlag } from '../linux/ffi/files.ts';
import { SystemCallError } from '../linux/ffi/libc.ts';
import { pathBytes } from './paths.ts';

/** An open directory (O_PATH). */
export interface Directory {
  readonly fd: number;
  /** Where it really is, symlinks resolved: a byte string below the root, without slashes at its ends. */
  readonly path: string;
}

/** Owner and permissions of a directory that an archive does not list but needs. */
export interface ImplicitDirectory {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Least recently used ones are closed beyond this. */
const maxOpen = 64;

export class Directories {
  readonly #root: Directory;
  readonly #rootPath: Buffer;
  readonly #open = new Map<string, Directory>();
  readonly #implicit: (path: string) => ImplicitDirectory;

  /** `rootFd` stays the caller's to close. `implicit` says what a directory made on the way is like. */
  constructor(rootFd: number, implicit: (path: string) => ImplicitDirectory) {
    this.#rootPath = linkTarget(rootFd);
    this.#root = { fd: rootFd, path: '' };
    this.#implicit = implicit;
  }

  /**
   * The directory with these components, or undefined when it is missing. The descriptors of the last few look-ups stay
   * open.
   */
  find(components: readonly string[]): Directory | undefined {
    if (components.length === 0) return this.#root;
    const key = components.join('/');
    const known = this.#open.get(key);
    if (known) {
      this.#open.delete(key);
      this.#open.set(key, known);
      return known;
    }
    const fd = this.#lookUp(key);
    if (fd === undefined) return undefined;
    if (this.#open.size >= maxOpen) this.#close(this.#open.keys().next().value!);
    const path = linkTarget(fd).subarray(this.#rootPath.length).toString('latin1').replace(/^\//, '');
    const directory = { fd, path };
    this.#open.set(key, directory);
    return directory;
  }

  /** The same, made where it is missing. Throws SystemCallError when something else is in the way. */
  make(components: readonly string[]): Directory {
    const found = this.find(components);
    if (found) return found;
    for (let depth = 1; depth <= components.length; depth++) {
      const path = components.slice(0, depth);
      if (this.find(path)) continue;
      const parent = this.find(path.slice(0, -1))!;
      const name = pathBytes(path[depth - 1]!);
      // EEXIST here is a symlink that leads nowhere.
      mkdirAt(parent.fd, name, 0o700);
      this.#dress(parent.fd, name, this.#implicit(path.join('/')));
    }
    return this.find(components)!;
  }

  /** To be called when a directory or symlink went away: what is open may no longer be what its path means. */
  forget(): void {
    for (const { fd } of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  #dress(parent: number, name: Buffer, like: ImplicitDirectory): void {
    const fd = openAt(parent, name, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      fchownSync(fd, like.uid, like.gid);
      fchmodSync(fd, like.mode);
    } finally {
      closeSync(fd);
    }
  }

  #lookUp(path: string): number | undefined {
    try {
      const resolve = resolveFlag.RESOLVE_IN_ROOT | resolveFlag.RESOLVE_NO_MAGICLINKS;
      return openat2(this.#root.fd, pathBytes(path), openFlag.O_PATH | constants.O_DIRECTORY, 0, resolve);
    } catch (error) {
      if (error instanceof SystemCallError && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  #close(key: string): void {
    closeSync(this.#open.get(key)!.fd);
    this.#open.delete(key);
  }
}

function linkTarget(fd: number): Buffer {
  return readlinkSync(`/proc/self/fd/${fd}`, 'buffer');
}
