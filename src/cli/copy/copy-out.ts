/** Files of a container onto this machine. */
import { closeSync, constants, lstatSync, openSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { posix } from 'node:path';
import { type TarEntry, toByteString } from '../../storage/tar/entry.ts';
import { untar } from '../../storage/untar.ts';
import { containerPath } from '../engine-paths.ts';
import { ExitError } from '../errors.ts';
import type { HttpClient } from '../http/client.ts';
import { writeAll } from '../io/output.ts';
import type { CopyOptions } from './copy-in.ts';
import { absoluteLocal, asksForDirectory, parseStat, remoteStat, splitPath } from './paths.ts';

interface Source {
  readonly container: string;
  readonly path: string;
}

/** Returns the bytes that came; undefined for an archive that goes to standard output. */
export async function copyOut(engine: HttpClient, source: Source, destination: string, options: CopyOptions): Promise<number | undefined> {
  const target = destination === '-' ? '-' : absoluteLocal(destination);
  if (target !== '-') checkParent(target);
  const linked = options.followLink ? await remoteStat(engine, source.container, source.path) : undefined;
  const path = linked?.isSymlink ? linked.linkTarget : source.path;
  const answer = await engine.request('GET', containerPath(source.container, '/archive'), { query: { path } });
  if (target === '-') {
    for await (const chunk of answer.body()) await writeAll(1, chunk);
    return undefined;
  }
  const { isDirectory } = parseStat(answer.headers.get('x-docker-container-path-stat'));
  const asked = splitPath(source.path).name;
  const { directory, name } = place(target, isDirectory, asked);
  const counter = { bytes: 0 };
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    // What is copied belongs to who copies it.
    const owner = () => ({ uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 });
    await untar(fd, counted(answer.body(), counter), { keepRoot: true, owner, noOverwriteDirNonDir: { destination: directory } }, renamed(splitPath(path).name, name));
  } finally {
    closeSync(fd);
  }
  return counter.bytes;
}

function checkParent(path: string): void {
  const parent = posix.dirname(path.replace(/(?<=.)\/\.?$/, ''));
  if (look(parent) === undefined) throw new ExitError(1, `invalid output path: directory ${JSON.stringify(parent)} does not exist`);
  const there = look(path);
  if (there && !there.isDirectory() && !there.isFile()) throw new ExitError(1, `invalid output path: ${JSON.stringify(path)} must be a directory or a regular file`);
}

const look = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false });

/** Where it goes, and under which name: cp(1)'s rules. A link that leads nowhere is where its target is made. */
function place(wanted: string, isDirectory: boolean, asked: string): { directory: string; name: string } {
  let path = wanted;
  for (let links = 0; links < 10 && lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink(); links++)
    path = posix.resolve(posix.dirname(path), readlinkSync(path));
  const there = look(path);
  if (there?.isDirectory()) return { directory: path, name: asked };
  if (there && isDirectory) throw new ExitError(1, 'cannot copy directory');
  if (!there && !isDirectory && asksForDirectory(wanted)) throw new ExitError(1, 'no such directory');
  return splitPath(path);
}

/** The first component of every name, and of what a hard link names. */
function renamed(from: string, to: string): (entry: TarEntry) => TarEntry {
  const [before, after] = [toByteString(from), toByteString(to)];
  const change = (name: string) => {
    if (before === '/') return `${after}/${name}`;
    return name === before || name.startsWith(`${before}/`) ? after + name.slice(before.length) : name;
  };
  return (entry) => ({ ...entry, name: change(entry.name), ...(entry.type === 'hard-link' ? { linkName: change(entry.linkName) } : {}) });
}

async function* counted(chunks: AsyncIterable<Uint8Array>, counter: { bytes: number }): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    counter.bytes += chunk.length;
    yield chunk;
  }
}
