/** Paths of `cp`: a `/` or `/.` at the end asks for a directory, and for what is in it. */
import { posix, resolve } from 'node:path';
import { containerPath } from '../engine-paths.ts';
import { EngineError } from '../errors.ts';
import type { HttpClient } from '../http/client.ts';

export const namesContent = (path: string): boolean => posix.basename(path) === '.';
export const asksForDirectory = (path: string): boolean => path.endsWith('/') || namesContent(path);

/** Absolute and clean, with the `/` or `/.` that was at its end. */
export function absoluteLocal(path: string): string {
  const clean = resolve(path);
  if (namesContent(path)) return `${clean === '/' ? '' : clean}/.`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}

/** The directory and the name in it; of `dir/.` the directory itself and `.`. */
export function splitPath(path: string): { readonly directory: string; readonly name: string } {
  if (namesContent(path)) return { directory: posix.normalize(path).replace(/(?<=.)\/$/, ''), name: '.' };
  const clean = posix.normalize(path).replace(/(?<=.)\/$/, '');
  return { directory: posix.dirname(clean), name: posix.basename(clean) || '/' };
}

/** What the engine says is at a path of a container. */
export interface RemoteStat {
  readonly isDirectory: boolean;
  readonly isSymlink: boolean;
  readonly size: number;
  readonly linkTarget: string;
}

export function parseStat(header: string | undefined): RemoteStat {
  const { mode, size, linkTarget } = JSON.parse(Buffer.from(header ?? '', 'base64').toString()) as { mode: number; size: number; linkTarget: string };
  // Bits of Go's os.FileMode.
  return { isDirectory: Math.floor(mode / 2 ** 31) % 2 === 1, isSymlink: Math.floor(mode / 2 ** 27) % 2 === 1, size, linkTarget };
}

/** Undefined when there is nothing, or the engine cannot tell. */
export async function remoteStat(engine: HttpClient, container: string, path: string): Promise<RemoteStat | undefined> {
  try {
    const answer = await engine.request('HEAD', containerPath(container, '/archive'), { query: { path } });
    await answer.text();
    return parseStat(answer.headers.get('x-docker-container-path-stat'));
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}
