/** The Dockerfile of a context, and what `.dockerignore` says of the two. */
import { closeSync, constants, openSync } from 'node:fs';
import { posix } from 'node:path';
import { invalidParameter, systemError } from '../../errors.ts';
import { openat2, resolveFlag, unlinkAt } from '../../linux/ffi/files.ts';
import { SystemCallError } from '../../linux/ffi/libc.ts';
import { lookUp, readPlace } from '../../storage/lookup.ts';
import { toByteString } from '../../storage/tar/entry.ts';
import { IgnorePatterns, readIgnoreFile } from '../ignore-patterns.ts';

const defaultName = 'Dockerfile';

/** The text of the Dockerfile. Throws in Docker's words. Afterwards the context is without what `.dockerignore` says of it. */
export function takeDockerfile(context: string, requested: string): string {
  const { text, name } = readDockerfile(context, requested || defaultName, requested === '');
  if (text === '') throw invalidParameter(`the Dockerfile (${name}) cannot be empty`, { object: name });
  removeIgnored(context, name);
  return text;
}

function readDockerfile(context: string, name: string, isDefault: boolean): { text: string; name: string } {
  const clean = posix.normalize(name).replace(/^\//, '');
  if (clean === '..' || clean.startsWith('../')) throw systemError(`forbidden path outside the build context: ${name} ()`, { object: name });
  const text = readContextFile(context, clean);
  if (text !== undefined) return { text, name };
  // Docker takes this spelling, too, when none was asked for.
  const lower = isDefault ? readContextFile(context, defaultName.toLowerCase()) : undefined;
  if (lower !== undefined) return { text: lower, name: defaultName.toLowerCase() };
  throw systemError(`Cannot locate specified Dockerfile: ${name}`, { object: name });
}

/** Undefined for what is not there, or no file; links lead nowhere but inside. */
export function readContextFile(context: string, name: string): string | undefined {
  const found = lookUp([context], toByteString(name));
  return found?.stat.isFile() ? Buffer.from(readPlace(found.place, `the file ${name}`)).toString('utf8') : undefined;
}

/** The rest of `.dockerignore` was the client's to heed. */
function removeIgnored(context: string, dockerfile: string): void {
  const ignore = readContextFile(context, '.dockerignore');
  if (ignore === undefined) return;
  const patterns = new IgnorePatterns(readIgnoreFile(ignore));
  for (const name of ['.dockerignore', posix.normalize(dockerfile)]) if (patterns.matches(name)) remove(context, name);
}

function remove(context: string, name: string): void {
  const root = openSync(context, constants.O_RDONLY | constants.O_DIRECTORY);
  let parent: number | undefined;
  try {
    parent = openat2(root, posix.dirname(name), constants.O_RDONLY | constants.O_DIRECTORY, 0, resolveFlag.RESOLVE_IN_ROOT | resolveFlag.RESOLVE_NO_MAGICLINKS);
    unlinkAt(parent, posix.basename(name));
  } catch (error) {
    if (!(error instanceof SystemCallError && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))) throw error;
  } finally {
    if (parent !== undefined) closeSync(parent);
    closeSync(root);
  }
}
