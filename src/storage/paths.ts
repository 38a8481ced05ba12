/** Paths inside a root, as components. They are byte strings, like names in a tar. */
import { invalidParameter } from '../errors.ts';
import { SystemCallError } from '../linux/ffi/libc.ts';
import { fromByteString } from './tar/entry.ts';

/**
 * The components of a path below a root, `.` and empty ones left out and `..` resolved by the text, as Docker's
 * cleaning does. Throws invalid-parameter when it climbs out of the root.
 */
export function componentsInRoot(path: string, what = 'entry'): string[] {
  const components: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') components.push(part);
    else if (components.pop() === undefined) {
      throw invalidParameter(`invalid tar: ${what} "${fromByteString(path)}" is outside of the root directory`, {
        object: fromByteString(path),
      });
    }
  }
  return components;
}

/** The bytes of a byte string, for system calls. */
export const pathBytes = (path: string): Buffer => Buffer.from(path, 'latin1');

/**
 * A path that reaches `name` in an open directory, for calls that take no directory descriptor. The last component may
 * be a symlink.
 */
export const descriptorPath = (directory: number, name: string): Buffer =>
  Buffer.from(`/proc/self/fd/${directory}/${name}`, 'latin1');

/** What a call on a name gives; undefined for what went away, or became something else, since the name was read. */
export function unlessGone<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof SystemCallError && ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(error.code)) return undefined;
    throw error;
  }
}
