/** The files of a repository at one commit, in a directory. */
import { closeSync, constants, existsSync, openSync, readdirSync, renameSync } from 'node:fs';
import { invalidParameter } from '../../errors.ts';
import { lookUp } from '../../storage/lookup.ts';
import { removeTree, removeTreeSync } from '../../storage/remove.ts';
import { toByteString } from '../../storage/tar/entry.ts';
import { git } from './run.ts';
import type { GitSource } from './url.ts';

const isCommit = (ref: string): boolean => /^[0-9a-f]{40}$|^[0-9a-f]{64}$/.test(ref);

/** Makes `directory`, which must not be there, of what the source names; `work` is an empty one beside it. Rejects in git's words. */
export async function checkOut(source: GitSource, directory: string, work: string, signal: AbortSignal): Promise<void> {
  const run = (...args: string[]) => git(work, args, signal);
  await run('init', '--quiet', '--template=');
  await run('remote', 'add', 'origin', withoutPassword(source.remote));
  const fetched = await fetch(source, run);
  const commit = await run('rev-parse', '--verify', '--end-of-options', `${fetched}^{commit}`);
  checkCommit(source, commit);
  await run('checkout', '--quiet', '--force', '--detach', commit);
  if (source.submodules && existsSync(`${work}/.gitmodules`)) await run('submodule', 'update', '--quiet', '--init', '--recursive', '--depth=1');
  if (!source.keepGitDirectory) removeGitDirectories(work);
  const found = lookUp([work], toByteString(source.subdirectory));
  if (!found?.stat.isDirectory()) throw invalidParameter(`subdir not pointing to a directory: ${source.subdirectory}`, { object: source.subdirectory });
  renameSync(Buffer.from(found.place.layer + found.place.path, 'latin1'), directory);
  if (existsSync(work)) await removeTree(work);
}

/** What is asked for alone, where the server gives it; a commit that it does not name is looked for in all it has. Resolves to its name. */
async function fetch({ remote, ref }: GitSource, run: (...args: string[]) => Promise<string>): Promise<string> {
  try {
    await run('fetch', '--quiet', '--no-tags', '--depth=1', '--no-recurse-submodules', '--', remote, ref || 'HEAD');
    return 'FETCH_HEAD';
  } catch (error) {
    if (!isCommit(ref)) throw error;
    await run('fetch', '--quiet', '--no-recurse-submodules', '--', remote, '+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*');
    return ref;
  }
}

/** What is kept in the image is nobody's password. */
const withoutPassword = (remote: string): string => remote.replace(/^(https?:\/\/)[^/@]*@/, '$1');

function checkCommit({ checksum }: GitSource, commit: string): void {
  if (checksum === '') return;
  if (!/^[0-9a-f]{7,64}$/.test(checksum)) throw invalidParameter(`invalid checksum ${checksum}, expected at least 7 hexadecimal characters of a commit`, { object: checksum });
  if (!commit.startsWith(checksum)) throw invalidParameter(`expected checksum to match ${checksum}, got ${commit}`, { object: checksum });
}

/** A submodule has one, too, where it is. */
function removeGitDirectories(directory: string): void {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.name === '.git') removeTreeSync(fd, '.git');
      else if (entry.isDirectory()) removeGitDirectories(`${directory}/${entry.name}`);
    }
  } finally {
    closeSync(fd);
  }
}
