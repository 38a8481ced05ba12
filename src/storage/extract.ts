/**
 * Tar entries → files below a root directory, and never out of it. Synchronous; the caller yields between events.
 * An entry replaces what has its name, except that a directory merges into a directory (Docker's rule).
 */
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  lstatSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { invalidParameter } from '../errors.ts';
import {
  fsetxattr,
  lchownAt,
  linkAt,
  lsetxattr,
  mkdirAt,
  mknodAt,
  openAt,
  openFlag,
  symlinkAt,
  unlinkAt,
  utimensat,
} from '../linux/ffi/files.ts';
import { SystemCallError } from '../linux/ffi/libc.ts';
import { statAt } from '../linux/ffi/stat.ts';
import { Directories, type Directory, type ImplicitDirectory } from './directories.ts';
import { componentsInRoot, descriptorPath, pathBytes } from './paths.ts';
import { removeTreeSync } from './remove.ts';
import { fromByteString, type TarEntry, type Timestamp } from './tar/entry.ts';
import { opaqueXattr, type Whiteout, whiteoutOf } from './whiteouts.ts';

export interface ExtractOptions {
  /**
   * `overlay`: `.wh.` names become overlayfs whiteouts (the archive is a layer); `none`: they are names like others.
   */
  readonly whiteouts: 'overlay' | 'none';
  /** What a directory is like that the archive needs but does not list. Default: root's, 0755. */
  readonly implicitDirectory?: (path: string) => ImplicitDirectory;
  /** Who owns what is made of an entry, in a directory. Default: as the entry says. */
  readonly owner?: (entry: TarEntry, directory: number) => Owner;
  /** The root is somebody's directory already: an entry for it changes nothing. */
  readonly keepRoot?: boolean;
  /** A directory may not take the place of something else, nor the other way round. Messages name the root so. */
  readonly noOverwriteDirNonDir?: { readonly destination: string };
  /**
   * Asked before a non-directory is removed for a later entry: `path` is its real path. True when it was moved away.
   */
  readonly beforeRemoval?: (directory: number, name: string, path: string) => boolean;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Where the data of an entry went. */
export type Placement =
  /** Into a file, whose real path (byte string below the root) this is. */
  | { readonly kind: 'file'; readonly path: string }
  /** The entry has no data that is kept. */
  | { readonly kind: 'none' };

interface OpenFile {
  readonly fd: number;
  readonly directory: Directory;
  readonly name: Buffer;
}

const nowhere: Placement = { kind: 'none' };
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const S_IFIFO = 0o010000;
const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const openOneDirectory = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const yes = Buffer.from('y');

export class Extractor {
  /** Bytes of the regular files written so far. */
  size = 0;
  readonly #rootFd: number;
  readonly #options: ExtractOptions;
  readonly #directories: Directories;
  /** Set at the end, because every name made in a directory changes its time. By real path. */
  readonly #directoryTimes = new Map<string, Timestamp>();
  #file: OpenFile | undefined;
  readonly #owner: (entry: TarEntry, directory: number) => Owner;

  /** `rootFd` stays the caller's to close. */
  constructor(rootFd: number, options: ExtractOptions) {
    this.#rootFd = rootFd;
    this.#options = options;
    this.#owner = options.owner ?? ((entry) => entry);
    this.#directories = new Directories(rootFd, options.implicitDirectory ?? (() => ({ uid: 0, gid: 0, mode: 0o755 })));
  }

  /**
   * Begins an entry. Throws invalid-parameter for what cannot be in a root, SystemCallError when the kernel refuses.
   */
  entry(entry: TarEntry): Placement {
    const components = componentsInRoot(entry.name);
    const name = components.pop();
    if (name === undefined) return this.#rootEntry(entry);
    if (this.#options.whiteouts === 'overlay') {
      const whiteout = whiteoutOf(components, name);
      if (whiteout) return this.#whiteout(components, whiteout);
    }
    const directory = this.#parent(components, entry.name);
    const bytes = pathBytes(name);
    if (entry.type === 'directory') return this.#makeDirectory(directory, name, entry);
    try {
      return this.#make(directory, bytes, entry);
    } catch (error) {
      if (!(error instanceof SystemCallError && error.code === 'EEXIST')) throw error;
    }
    if (this.#options.noOverwriteDirNonDir && stat(directory.fd, name)?.isDirectory())
      throw this.#overwriteRefused('directory', entry, 'non-directory');
    this.#remove(directory, name);
    return this.#make(this.#parent(components, entry.name), bytes, entry);
  }

  /** Data of the entry that was begun, at `offset` in its file. */
  data(chunk: Uint8Array, offset: number): void {
    if (!this.#file) return;
    for (let done = 0; done < chunk.length;)
      done += writeSync(this.#file.fd, chunk, done, chunk.length - done, offset + done);
  }

  /** Ends the entry that was begun. */
  end(entry: TarEntry): void {
    const file = this.#file;
    if (!file) return;
    if (entry.fragments) ftruncateSync(file.fd, entry.size);
    this.size += entry.size;
    this.#file = undefined;
    try {
      // In this order: chown clears setuid and capabilities. What is right already (most often) costs no write to the journal.
      const { uid, gid } = this.#owner(entry, file.directory.fd);
      const made = statAt(file.fd, '');
      if (made.uid !== uid || made.gid !== gid) fchownSync(file.fd, uid, gid);
      if (made.mode !== entry.mode) fchmodSync(file.fd, entry.mode);
      for (const [name, value] of entry.xattrs ?? [])
        setXattr(entry, name, () => fsetxattr(file.fd, fromByteString(name), value));
      setTime(file.directory.fd, file.name, entry.mtime);
    } finally {
      closeSync(file.fd);
    }
  }

  /** After the last entry: sets the times of directories. */
  finish(): void {
    for (const [path, mtime] of this.#directoryTimes) {
      const components = path.split('/').filter(Boolean);
      const name = components.pop() ?? '.';
      const directory = this.#directories.find(components);
      // A later entry may have replaced the directory.
      if (directory && stat(directory.fd, name)?.isDirectory()) setTime(directory.fd, pathBytes(name), mtime);
    }
  }

  /** Closes what is open, whether or not all went well. */
  close(): void {
    if (this.#file) closeSync(this.#file.fd);
    this.#file = undefined;
    this.#directories.forget();
  }

  #rootEntry(entry: TarEntry): Placement {
    if (entry.type !== 'directory')
      throw invalidParameter(`invalid tar: "${fromByteString(entry.name)}" is the root, and not a directory`);
    if (this.#options.keepRoot === true) return nowhere;
    this.#dress({ fd: this.#rootFd, path: '' }, '.', entry);
    this.#directoryTimes.set('', entry.mtime);
    return nowhere;
  }

  #parent(components: readonly string[], entryName: string): Directory {
    try {
      return this.#directories.make(components);
    } catch (error) {
      if (error instanceof SystemCallError && ['EEXIST', 'ENOTDIR', 'ELOOP', 'EXDEV'].includes(error.code)) {
        const name = fromByteString(entryName);
        throw invalidParameter(
          `invalid tar: the parent of "${name}" is not a directory in the root: ${error.message}`,
          { object: name, cause: error },
        );
      }
      throw error;
    }
  }

  #make(directory: Directory, name: Buffer, entry: TarEntry): Placement {
    switch (entry.type) {
      case 'file': {
        const fd = openAt(directory.fd, name, newFile, entry.mode & 0o777);
        this.#file = { fd, directory, name };
        return { kind: 'file', path: join(directory, name.toString('latin1')) };
      }
      case 'hard-link':
        this.#hardLink(directory, name, entry);
        return nowhere;
      case 'symlink':
        symlinkAt(pathBytes(entry.linkName), directory.fd, name);
        break;
      case 'character-device':
        mknodAt(directory.fd, name, S_IFCHR | 0o600, entry.deviceMajor, entry.deviceMinor);
        break;
      case 'block-device':
        mknodAt(directory.fd, name, S_IFBLK | 0o600, entry.deviceMajor, entry.deviceMinor);
        break;
      case 'fifo':
        mknodAt(directory.fd, name, S_IFIFO | 0o600);
        break;
      default:
        throw invalidParameter(`unhandled tar header type ${entry.typeFlag}`, { object: fromByteString(entry.name) });
    }
    this.#dressSpecial(directory, name, entry);
    return nowhere;
  }

  /** Owner, attributes and times of what cannot be opened: symlinks and special files. */
  #dressSpecial(directory: Directory, name: Buffer, entry: TarEntry): void {
    const { uid, gid } = this.#owner(entry, directory.fd);
    lchownAt(directory.fd, name, uid, gid);
    const path = descriptorPath(directory.fd, name.toString('latin1'));
    if (entry.type !== 'symlink') this.#chmodSpecial(directory, name, entry.mode);
    for (const [key, value] of entry.xattrs ?? [])
      setXattr(entry, key, () => lsetxattr(path, fromByteString(key), value));
    setTime(directory.fd, name, entry.mtime);
  }

  /** fchmodat follows symlinks, and a descriptor of O_PATH cannot be changed but through /proc (kernel < 6.6). */
  #chmodSpecial(directory: Directory, name: Buffer, mode: number): void {
    const fd = openAt(directory.fd, name, openFlag.O_PATH | constants.O_NOFOLLOW);
    try {
      chmodSync(`/proc/self/fd/${fd}`, mode);
    } finally {
      closeSync(fd);
    }
  }

  #hardLink(directory: Directory, name: Buffer, entry: TarEntry): void {
    const target = componentsInRoot(entry.linkName, 'hard link to');
    const targetName = target.pop();
    const from = targetName === undefined ? undefined : this.#directories.find(target);
    const missing = () =>
      invalidParameter(
        `invalid tar: hard link "${fromByteString(entry.name)}" to "${fromByteString(entry.linkName)}", which is not in this archive before it`,
        { object: fromByteString(entry.name) },
      );
    if (!from || targetName === undefined) throw missing();
    try {
      linkAt(from.fd, pathBytes(targetName), directory.fd, name);
    } catch (error) {
      if (error instanceof SystemCallError && (error.code === 'ENOENT' || error.code === 'EPERM')) throw missing();
      throw error;
    }
  }

  #makeDirectory(directory: Directory, name: string, entry: TarEntry): Placement {
    const bytes = pathBytes(name);
    try {
      mkdirAt(directory.fd, bytes, 0o700);
      this.#dress(directory, name, entry);
      return nowhere;
    } catch (error) {
      if (!(error instanceof SystemCallError && error.code === 'EEXIST')) throw error;
    }
    const there = stat(directory.fd, name);
    if (there?.isDirectory()) {
      this.#dress(directory, name, entry);
      return nowhere;
    }
    if (there && this.#options.noOverwriteDirNonDir) throw this.#overwriteRefused('non-directory', entry, 'directory');
    const hidesLower = this.#options.whiteouts === 'overlay' && there?.isCharacterDevice() === true && there.rdev === 0;
    this.#remove(directory, name);
    const parent = this.#directories.make(directory.path.split('/').filter(Boolean));
    mkdirAt(parent.fd, bytes, 0o700);
    // The whiteout said that nothing of a lower layer shows here: that stays true.
    this.#dress(parent, name, entry, hidesLower);
    return nowhere;
  }

  #whiteout(components: readonly string[], whiteout: Whiteout): Placement {
    if (whiteout.kind === 'ignored') return nowhere;
    const directory = this.#parent(components, components.join('/'));
    if (whiteout.kind === 'opaque') {
      makeOpaque(directory.fd, '.');
      return nowhere;
    }
    try {
      mknodAt(directory.fd, pathBytes(whiteout.name), S_IFCHR, 0, 0);
    } catch (error) {
      if (!(error instanceof SystemCallError && error.code === 'EEXIST')) throw error;
      // A whiteout hides what lower layers have, not what its own layer has (OCI image-spec, layer.md "Whiteouts").
      if (stat(directory.fd, whiteout.name)?.isDirectory()) makeOpaque(directory.fd, whiteout.name);
    }
    return nowhere;
  }

  /** Owner, permissions and attributes of a directory. */
  #dress(parent: Directory, name: string, entry: TarEntry, opaque = false): void {
    const fd = openAt(parent.fd, pathBytes(name), openOneDirectory);
    try {
      const { uid, gid } = this.#owner(entry, fd);
      fchownSync(fd, uid, gid);
      fchmodSync(fd, entry.mode);
      for (const [key, value] of entry.xattrs ?? [])
        setXattr(entry, key, () => fsetxattr(fd, fromByteString(key), value));
      if (opaque) fsetxattr(fd, opaqueXattr, yes);
    } finally {
      closeSync(fd);
    }
    if (name !== '.') this.#directoryTimes.set(join(parent, name), entry.mtime);
  }

  #overwriteRefused(there: string, entry: TarEntry, wanted: string): Error {
    const name = fromByteString(entry.name).replace(/\/+$/, '');
    const destination = this.#options.noOverwriteDirNonDir?.destination;
    return invalidParameter(`cannot overwrite ${there} ${JSON.stringify(name)} with ${wanted} ${JSON.stringify(destination)}`, {
      object: name,
    });
  }

  #remove(directory: Directory, name: string): void {
    const { beforeRemoval } = this.#options;
    const path = join(directory, name);
    if (stat(directory.fd, name)?.isDirectory()) {
      removeTreeSync(
        directory.fd,
        name,
        beforeRemoval && ((at, inner, below) => beforeRemoval(at, inner, `${path}/${below}`)),
      );
    } else if (!beforeRemoval?.(directory.fd, name, path)) {
      unlinkAt(directory.fd, pathBytes(name));
    }
    this.#directories.forget();
  }
}

const join = (directory: Directory, name: string) => (directory.path === '' ? name : `${directory.path}/${name}`);

function stat(directory: number, name: string): Stats | undefined {
  return lstatSync(descriptorPath(directory, name), { throwIfNoEntry: false });
}

function makeOpaque(directory: number, name: string): void {
  const fd = openAt(directory, pathBytes(name), openOneDirectory);
  try {
    fsetxattr(fd, opaqueXattr, yes);
  } finally {
    closeSync(fd);
  }
}

function setTime(directory: number, name: Buffer, { seconds, nanoseconds }: Timestamp): void {
  const time = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  utimensat(directory, name, time, time);
}

/**
 * Attributes that a file system does not have (ENOTSUP) or that are not allowed on a kind of file (EPERM) are left out,
 * as Docker does. overlayfs's own ones are never taken from an archive: they would change what other layers show.
 */
function setXattr(entry: TarEntry, name: string, set: () => void): void {
  if (name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.')) return;
  try {
    set();
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    if (error.code === 'EOPNOTSUPP' || error.code === 'EPERM') return;
    throw invalidParameter(
      `invalid tar: attribute "${fromByteString(name)}" of "${fromByteString(entry.name)}": ${error.message}`,
      { cause: error },
    );
  }
}
