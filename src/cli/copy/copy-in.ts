/** Local files into a container. */
import { closeSync, constants, lstatSync, openSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { packEntry, packOpenDirectory } from '../../storage/pack.ts';
import { toByteString } from '../../storage/tar/entry.ts';
import { containerPath } from '../engine-paths.ts';
import { ExitError } from '../errors.ts';
import type { HttpClient } from '../http/client.ts';
import { readDescriptor } from '../io/input.ts';
import { absoluteLocal, asksForDirectory, namesContent, remoteStat, splitPath } from './paths.ts';

interface Destination {
  readonly container: string;
  readonly path: string;
}

export interface CopyOptions {
  readonly archive: boolean;
  readonly followLink: boolean;
}

/** Returns the bytes that were sent; undefined for an archive from standard input. */
export async function copyIn(engine: HttpClient, source: string, destination: Destination, options: CopyOptions): Promise<number | undefined> {
  const { container } = destination;
  let { path } = destination;
  let there = await remoteStat(engine, container, path);
  if (there?.isSymlink) {
    path = there.linkTarget;
    there = await remoteStat(engine, container, path);
  }
  const send = async (directory: string, stream: AsyncIterable<Uint8Array>) => {
    const query = { path: directory, noOverwriteDirNonDir: true, copyUIDGID: options.archive };
    await (await engine.request('PUT', containerPath(container, '/archive'), { query, stream, headers: { 'Content-Type': 'application/x-tar' } })).text();
  };
  if (source === '-') {
    if (!there?.isDirectory) throw new ExitError(1, `destination "${container}:${destination.path}" must be a directory`);
    await send(path, readDescriptor(0, 256 * 1024));
    return undefined;
  }
  const local = openLocal(source, options.followLink);
  try {
    const { directory, name } = place(local, path, there);
    const counter = { bytes: 0 };
    await send(directory, counted(pack(local, name), counter));
    return counter.bytes;
  } finally {
    closeSync(local.fd);
  }
}

/** A directory to send whole, or the directory that `entry` is in. */
interface Local {
  readonly fd: number;
  readonly entry: string | undefined;
  /** What it is called in a directory that it is copied into. */
  readonly name: string;
}

function openLocal(source: string, followLink: boolean): Local {
  const wanted = absoluteLocal(source);
  const stat = lookAt(wanted);
  const name = namesContent(wanted) ? '.' : basename(wanted) || '/';
  const path = followLink && stat.isSymbolicLink() ? realpathSync(wanted) : wanted;
  const isDirectory = path === wanted ? stat.isDirectory() : lookAt(path).isDirectory();
  if (isDirectory) return { fd: openSync(path, constants.O_RDONLY | constants.O_DIRECTORY), entry: undefined, name };
  const { directory, name: entry } = splitPath(path);
  return { fd: openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY), entry, name };
}

function lookAt(path: string) {
  try {
    return lstatSync(path);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOTDIR' ? 'not a directory' : 'no such file or directory';
    throw new ExitError(1, `lstat ${path}: ${why}`);
  }
}

/** Where it goes, and under which name: cp(1)'s rules. */
function place(local: Local, path: string, there: { readonly isDirectory: boolean } | undefined): { directory: string; name: string } {
  if (there?.isDirectory) return { directory: path, name: local.name };
  const isDirectory = local.entry === undefined;
  if (there && isDirectory) throw new ExitError(1, 'cannot copy directory');
  if (!there && !isDirectory && asksForDirectory(path)) throw new ExitError(1, 'no such directory');
  return splitPath(path);
}

function pack({ fd, entry }: Local, name: string): AsyncGenerator<Uint8Array> {
  const as = toByteString(name);
  const options = { whiteouts: 'none', wholeSeconds: true } as const;
  return entry === undefined
    ? packOpenDirectory(fd, as === '/' ? as : `${as}/`, options)
    : packEntry(fd, toByteString(entry), as, options);
}

async function* counted(chunks: AsyncIterable<Uint8Array>, counter: { bytes: number }): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    counter.bytes += chunk.length;
    yield chunk;
  }
}
