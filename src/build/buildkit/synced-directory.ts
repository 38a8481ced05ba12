/**
 * A directory that is made to hold what a client says it has: what is there already and looks the same stays, what the client
 * does not name goes. Everything is found below one descriptor, and no link is followed.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fchmodSync, fchownSync, openSync, readdirSync, writeSync } from 'node:fs';
import { linkAt, lchownAt, mkdirAt, openAt, openat2, readlinkAt, resolveFlag, symlinkAt, utimensat } from '../../linux/ffi/files.ts';
import { SystemCallError } from '../../linux/ffi/libc.ts';
import { type FileStat, fileType, statAt } from '../../linux/ffi/stat.ts';
import { descriptorPath } from '../../storage/paths.ts';
import { removeTreeSync } from '../../storage/remove.ts';
import { fromByteString, toByteString } from '../../storage/tar/entry.ts';
import { type ContextTree, knownFile } from '../context/tree.ts';
import { goMode, type Stat } from './proto/fsutil.ts';
import { RpcError, rpcCode } from './rpc.ts';

/** Of one client's directory: what more is nobody's source code. */
const maxEntries = 2_000_000;
const resolve = resolveFlag.RESOLVE_BENEATH | resolveFlag.RESOLVE_NO_SYMLINKS;
const directoryOnly = constants.O_RDONLY | constants.O_DIRECTORY;
const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** A file whose content is being received. */
export interface IncomingFile {
  write(data: Uint8Array): void;
  /** All of it is there. */
  end(): void;
  /** Lets go of it: the next time it is asked for again. */
  abandon(): void;
}

interface SeenDirectory {
  readonly names: Set<string>;
  readonly modified: bigint;
  readonly mode: number;
}

export class SyncedDirectory {
  readonly #root: number;
  readonly #tree: ContextTree;
  /** By path; the root's is empty. */
  readonly #directories = new Map<string, SeenDirectory>([['', { names: new Set(), modified: 0n, mode: 0o700 }]]);
  readonly #hardLinks: { readonly path: string; readonly target: string }[] = [];
  #entries = 0;
  /** The directory that was used last: files come directory by directory. */
  #current: { readonly path: string; readonly fd: number } | undefined;

  constructor(tree: ContextTree) {
    this.#tree = tree;
    this.#root = openSync(tree.path, directoryOnly);
  }

  /** Takes an entry over. True when its content has to be asked for. Throws RpcError for one that has no place here. */
  entry(stat: Stat): boolean {
    if (++this.#entries > maxEntries) throw refused(`more than ${maxEntries} files`);
    const { parent, name } = splitPath(stat.path);
    const directory = this.#directories.get(parent);
    if (directory === undefined) throw refused(`${JSON.stringify(stat.path)} comes before its directory`);
    if (directory.names.has(name)) throw refused(`${JSON.stringify(stat.path)} comes twice`);
    const { mode } = stat;
    // Devices and sockets have no place in a context.
    if ((mode & (goMode.device | goMode.socket | goMode.namedPipe)) !== 0) return false;
    directory.names.add(name);
    const at = this.#open(parent);
    const before = statIfThere(at, name);
    if ((mode & goMode.directory) !== 0) this.#directory(at, name, stat, before);
    else if ((mode & goMode.symlink) !== 0) link(at, name, stat, before);
    else if (stat.linkname !== '') this.#promiseHardLink(stat);
    else return !isSame(stat, before);
    return false;
  }

  /** Begins a file that `entry` has asked for. */
  receive({ path, mode, modTime, size }: Stat): IncomingFile {
    const { parent, name } = splitPath(path);
    const at = this.#open(parent);
    removeAt(at, name);
    const fd = openAt(at, name, newFile, 0o600);
    const hash = createHash('sha256');
    let written = 0;
    return {
      write: (data) => {
        written += data.length;
        hash.update(data);
        // A file that has grown since it was listed is cut off there.
        for (let done = 0; done < data.length;) done += writeSync(fd, data, done);
      },
      end: () => {
        fchmodSync(fd, permissions(mode));
        fchownSync(fd, 0, 0);
        closeSync(fd);
        // Only what is whole looks as the client said: another size is asked for again the next time.
        const directory = this.#open(parent);
        utimensat(directory, name, modTime, written === size ? modTime : modTime + 1n);
        this.#tree.nodes.set(toByteString(path), knownFile(directory, toByteString(name), hash.digest('hex')));
      },
      abandon: () => closeSync(fd),
    };
  }

  /** All entries have come: what was not among them goes, and directories get their times. */
  finish(): void {
    this.#forgetGone();
    for (const each of this.#hardLinks) this.#hardLink(each);
    const paths = [...this.#directories.keys()].toReversed();
    for (const path of paths) {
      const { names, modified, mode } = this.#directories.get(path)!;
      const at = this.#open(path);
      for (const name of readdirSync(descriptorPath(at, ''), 'buffer')) if (!names.has(name.toString())) removeTreeSync(at, name.toString('latin1'));
      if (path === '') continue;
      fchmodSync(at, mode);
      utimensat(at, '.', modified, modified);
    }
  }

  /** What is known of files that are no longer there. */
  #forgetGone(): void {
    for (const key of this.#tree.nodes.keys()) {
      const { parent, name } = splitPath(fromByteString(key));
      if (this.#directories.get(parent)?.names.has(name) !== true) this.#tree.nodes.delete(key);
    }
  }

  close(): void {
    if (this.#current) closeSync(this.#current.fd);
    closeSync(this.#root);
  }

  #open(path: string): number {
    if (path === '') return this.#root;
    if (this.#current?.path === path) return this.#current.fd;
    const fd = openat2(this.#root, path, directoryOnly, 0, resolve);
    if (this.#current) closeSync(this.#current.fd);
    this.#current = { path, fd };
    return fd;
  }

  #directory(at: number, name: string, { path, mode, modTime }: Stat, before: FileStat | undefined): void {
    if (before?.type !== fileType.directory) {
      removeAt(at, name);
      mkdirAt(at, name, 0o700);
      lchownAt(at, name, 0, 0);
    }
    this.#directories.set(path, { names: new Set(), modified: modTime, mode: permissions(mode) });
  }

  #promiseHardLink({ path, linkname }: Stat): void {
    const { parent, name } = splitPath(linkname);
    if (!this.#directories.get(parent)?.names.has(name)) throw refused(`${JSON.stringify(path)} is linked to what is not there`);
    this.#hardLinks.push({ path, target: linkname });
  }

  /** When the contents are there: a file that has changed is another one now. */
  #hardLink({ path, target }: { path: string; target: string }): void {
    const from = splitPath(target);
    const to = splitPath(path);
    const fromDirectory = openat2(this.#root, from.parent || '.', directoryOnly, 0, resolve);
    try {
      const at = this.#open(to.parent);
      if (statIfThere(at, to.name)?.inode === statAt(fromDirectory, from.name).inode) return;
      removeAt(at, to.name);
      linkAt(fromDirectory, from.name, at, to.name);
    } finally {
      closeSync(fromDirectory);
    }
  }
}

const refused = (why: string): RpcError => new RpcError(rpcCode.invalidArgument, `invalid file list: ${why}`);

function splitPath(path: string): { parent: string; name: string } {
  const components = path.split('/');
  if (path.length > 4096 || path.includes('\0') || components.some((each) => each === '' || each === '.' || each === '..' || Buffer.byteLength(each) > 255))
    throw refused(`${JSON.stringify(path.slice(0, 256))} is no path`);
  const slash = path.lastIndexOf('/');
  return { parent: path.slice(0, Math.max(slash, 0)), name: path.slice(slash + 1) };
}

function permissions(mode: number): number {
  const special = [[goMode.setuid, 0o4000], [goMode.setgid, 0o2000], [goMode.sticky, 0o1000]] as const;
  return special.reduce((bits, [go, unix]) => ((mode & go) === 0 ? bits : bits | unix), mode & goMode.permissions);
}

function statIfThere(at: number, name: string): FileStat | undefined {
  try {
    return statAt(at, name);
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** By what a change cannot hide: BuildKit's rule, too. */
const isSame = ({ mode, size, modTime }: Stat, before: FileStat | undefined): boolean =>
  before !== undefined && before.type === fileType.file && before.size === size && before.mode === permissions(mode) && nanoseconds(before) === modTime;

const nanoseconds = ({ mtime }: FileStat): bigint => BigInt(mtime.seconds) * 1_000_000_000n + BigInt(mtime.nanoseconds);

function link(at: number, name: string, { linkname, modTime }: Stat, before: FileStat | undefined): void {
  if (linkname === '' || linkname.includes('\0') || Buffer.byteLength(linkname) > 4095) throw refused('a symbolic link leads nowhere');
  if (before?.type !== fileType.symlink || readlinkAt(at, name) !== linkname) {
    removeAt(at, name);
    symlinkAt(linkname, at, name);
    lchownAt(at, name, 0, 0);
  }
  utimensat(at, name, modTime, modTime);
}

const removeAt = (at: number, name: string): void => removeTreeSync(at, toByteString(name));
