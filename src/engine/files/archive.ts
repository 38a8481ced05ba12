/** `docker cp`: what is at a path of a container's root, out of it as a tar, and a tar into it. */
import { closeSync, constants, fstatSync, readlinkSync } from 'node:fs';
import { posix } from 'node:path';
import { conflict, invalidParameter, isClass } from '../../errors.ts';
import { openFlag } from '../../linux/ffi/files.ts';
import { statAt } from '../../linux/ffi/stat.ts';
import type { ImplicitDirectory } from '../../storage/directories.ts';
import type { Owner } from '../../storage/extract.ts';
import { packContents, packEntry, packOpenDirectory, type PackOptions } from '../../storage/pack.ts';
import { type TarEntry, toByteString } from '../../storage/tar/entry.ts';
import { treeChanges } from '../../storage/tree-changes.ts';
import { untar } from '../../storage/untar.ts';
import type { Container } from '../container.ts';
import type { EngineContext } from '../context.ts';
import { userFiles } from '../launch-request.ts';
import { resolveUser } from '../spec/user.ts';
import { containerId, hostId } from './id-map.ts';
import { absolutePath, nameOf, openPath, type PathStat, type RootOf, statPath } from './path-stat.ts';
import { remapInView, remapOnDisk } from '../root-mounts.ts';
import { openRootView } from './root-view.ts';
import type { OciIdMapping } from '../../runtime/oci.ts';

/** `ref`: how the client named the container, for messages. */
export async function statInContainer(context: EngineContext, container: Container, ref: string, path: string): Promise<PathStat> {
  const view = await openRootView(context, container, 'read');
  try {
    return statPath({ fd: view.fd, container: ref }, path);
  } finally {
    await view.close();
  }
}

export interface PathArchive {
  readonly stat: PathStat;
  /** Must be read or returned: it holds the root until then. */
  readonly tar: AsyncGenerator<Uint8Array>;
}

export async function archiveFromContainer(context: EngineContext, container: Container, ref: string, path: string): Promise<PathArchive> {
  const view = await openRootView(context, container, 'read');
  try {
    const root = { fd: view.fd, container: ref };
    const stat = statPath(root, path);
    const source = openSource(root, path);
    context.events.publish('container', 'archive-path', container.id, container.eventAttributes());
    return { stat, tar: closing(pack(source, packOptions(context, container, view.fd)), source.fd, () => view.close()) };
  } catch (error) {
    await view.close();
    throw error;
  }
}

/** A directory to pack whole, or one with the name in it that is to be packed. Names are byte strings. */
interface Source {
  readonly fd: number;
  readonly entry: string | undefined;
  readonly name: string;
}

function openSource(root: RootOf, requested: string): Source {
  const path = absolutePath(requested);
  const name = toByteString(nameOf(path));
  const isDirectory = (fd: number) => fstatSync(fd).isDirectory();
  const fd = openPath(root, path, openFlag.O_PATH | constants.O_NOFOLLOW, requested);
  try {
    if (isDirectory(fd))
      return { fd: openPath(root, path, constants.O_RDONLY | constants.O_DIRECTORY, requested), entry: undefined, name: name === '/' ? name : `${name}/` };
  } finally {
    closeSync(fd);
  }
  return { fd: openPath(root, posix.dirname(path), openFlag.O_PATH | constants.O_DIRECTORY, requested), entry: name, name };
}

const pack = ({ fd, entry, name }: Source, options: PackOptions) =>
  entry === undefined ? packOpenDirectory(fd, name, options) : packEntry(fd, entry, name, options);

async function* closing(tar: AsyncGenerator<Uint8Array>, fd: number, close: () => Promise<void>): AsyncGenerator<Uint8Array> {
  try {
    yield* tar;
  } finally {
    closeSync(fd);
    await close();
  }
}

/** Owners are those inside the container: what comes out can go in again. */
function packOptions(context: EngineContext, container: Container, root: number): PackOptions {
  const common = { whiteouts: 'none', wholeSeconds: true } as const;
  const remap = remapInView(context, container);
  if (remap === null) return common;
  const shifts = shiftedAt(context, root);
  return {
    ...common,
    owner: ({ uid, gid, mount }) =>
      shifts(mount) ? { uid: containerId(remap.uidMappings, uid), gid: containerId(remap.gidMappings, gid) } : { uid, gid },
  };
}

/** In the container's own layers ids are the host's; binds are shown to the container as they are (docs/decisions/0009). */
function shiftedAt({ host }: EngineContext, root: number): (mount: number) => boolean {
  const own = statAt(root, '').mount;
  return (mount) => mount === own || !host.idmappedMounts;
}

/** `docker export`: everything in the container's own layers, without what is mounted over them. Must be read or returned. */
export async function exportContainer(context: EngineContext, container: Container): Promise<AsyncGenerator<Uint8Array>> {
  const refuse = (why: string) => conflict(`You cannot export container ${container.id} which is ${why}`, { object: container.id });
  if (container.state.status === 'dead') throw refuse('Dead');
  if (container.removing) throw refuse('being removed');
  const view = await openRootView(context, container, 'layers');
  try {
    const fd = openPath({ fd: view.fd, container: container.id }, '/', constants.O_RDONLY | constants.O_DIRECTORY);
    context.events.publish('container', 'export', container.id, container.eventAttributes());
    return closing(packContents(fd, packOptions(context, container, view.fd)), fd, () => view.close());
  } catch (error) {
    await view.close();
    throw error;
  }
}

export interface ExtractRequest {
  readonly copyUidGid: boolean;
  readonly noOverwriteDirNonDir: boolean;
}

/** Extracts an archive, compressed or not, into a directory of the container. */
export async function extractToContainer(
  context: EngineContext, container: Container, ref: string, path: string, archive: AsyncIterable<Uint8Array>, request: ExtractRequest,
): Promise<void> {
  const view = await openRootView(context, container, 'write');
  try {
    const root = { fd: view.fd, container: ref };
    const { fd, real } = openDestination(root, path);
    try {
      checkWritable(container, real);
      await untar(fd, archive, {
        keepRoot: true,
        owner: ownerOf(context, container, view.fd, request.copyUidGid),
        implicitDirectory: () => implicitDirectory(context, container),
        ...(request.noOverwriteDirNonDir ? { noOverwriteDirNonDir: { destination: real } } : {}),
      });
    } finally {
      closeSync(fd);
    }
    context.events.publish('container', 'extract-to-dir', container.id, container.eventAttributes());
  } finally {
    await view.close();
  }
}

/** The directory to extract into, links to it followed, and where it really is. */
function openDestination(root: RootOf, requested: string): { readonly fd: number; readonly real: string } {
  const fd = openPath(root, absolutePath(requested), openFlag.O_PATH, requested);
  if (fstatSync(fd).isDirectory()) return { fd, real: readlinkSync(`/proc/self/fd/${fd}`) };
  closeSync(fd);
  throw invalidParameter('extraction point is not a directory', { object: requested });
}

function checkWritable({ record }: Container, path: string): void {
  const inside = (destination: string) => destination === '/' || path === destination || path.startsWith(`${destination}/`);
  const [volume] = record.mounts
    .filter(({ Type, Destination }) => Type !== 'tmpfs' && inside(Destination))
    .sort((a, b) => b.Destination.length - a.Destination.length);
  if (volume && !volume.RW) throw invalidParameter('mounted volume is marked read-only', { object: path });
  if (!volume && record.hostConfig.ReadonlyRootfs === true)
    throw invalidParameter('container rootfs is marked read-only', { object: path });
}

/** Owners as the archive has them, or the container's user for all; as ids of the host where the container has its own. */
function ownerOf(context: EngineContext, container: Container, root: number, copyUidGid: boolean): (entry: TarEntry, directory: number) => Owner {
  const fixed = copyUidGid ? containerUser(context, container) : undefined;
  const remap = remapInView(context, container);
  if (remap === null) return (entry) => fixed ?? entry;
  const shifts = shiftedAt(context, root);
  return (entry, directory) => {
    const { uid, gid } = fixed ?? entry;
    if (!shifts(statAt(directory, '').mount)) return { uid, gid };
    return { uid: mapped(remap.uidMappings, uid), gid: mapped(remap.gidMappings, gid) };
  };
}

function mapped(mappings: readonly OciIdMapping[], id: number): number {
  const host = hostId(mappings, id);
  if (host === undefined) throw invalidParameter(`Container ID ${id} cannot be mapped to a host ID`);
  return host;
}

/** Undefined for a container that runs as root by default: owners are the archive's then. */
function containerUser(context: EngineContext, { record }: Container): Owner | undefined {
  const user = record.config.User ?? '';
  if (user === '') return undefined;
  try {
    return resolveUser(user, [], userFiles(context, context.storage.root(record.id, record.topLayer)));
  } catch (error) {
    // What a start calls a failure of its own is the request's here.
    const [, kind = '', name = '', why = ''] = /^unable to find (user|group) (.*): (.*)$/.exec((error as Error).message) ?? [];
    if (!isClass(error, 'system') || kind === '') throw error;
    throw invalidParameter(`failed to look up ${kind} ${JSON.stringify(name)} in container: ${why}`, { object: user, cause: error });
  }
}

/** Owner and mode of a directory that the archive needs and does not list. */
function implicitDirectory(context: EngineContext, container: Container): ImplicitDirectory {
  const remap = remapInView(context, container);
  return { uid: hostId(remap?.uidMappings ?? [], 0) ?? 0, gid: hostId(remap?.gidMappings ?? [], 0) ?? 0, mode: 0o755 };
}

/** Docker's FilesystemChange. */
export interface FilesystemChange {
  readonly Path: string;
  readonly Kind: 0 | 1 | 2;
}

/** `docker diff`. */
export async function containerChanges(context: EngineContext, container: Container): Promise<FilesystemChange[]> {
  const { record } = container;
  const remap = remapOnDisk(context, container);
  const shift = ({ uid, gid }: Owner): Owner =>
    remap === null ? { uid, gid } : { uid: hostId(remap.uidMappings, uid) ?? uid, gid: hostId(remap.gidMappings, gid) ?? gid };
  const changes = await treeChanges(context.storage.root(record.id, record.topLayer), shift);
  return changes.map(({ path, kind }) => ({ Path: path, Kind: kind }));
}
