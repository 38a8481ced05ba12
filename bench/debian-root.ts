/** A root file system with a C compiler, made of this host's Debian packages: no network, a second or two. */
import { execFileSync } from 'node:child_process';
import { lstatSync } from 'node:fs';

const packages = ['gcc', 'libc6-dev', 'dash', 'coreutils'];
const relations = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map((name) => `--no-${name}`);
const nobodyReads = /^\/usr\/share\/(doc|man|locale|info)\/|^\/\.$/;

const lines = (command: string, args: readonly string[]): string[] =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n').filter((line) => line !== '');

/** Packages name files by `/lib`, which is a link to `/usr/lib`: the archive has the link, and the files where they are. */
function inUsr(name: string): string[] {
  const [, top = '', rest = ''] = /^(\/(?:bin|sbin|lib(?:32|64|x32)?))(\/.*)?$/.exec(name) ?? [];
  return top === '' || !lstatSync(top).isSymbolicLink() ? [name] : [top, `/usr${top}`, `/usr${top}${rest}`];
}

/** Writes the archive, about 200 MB; false where the host is not of Debian's kind or has no compiler. */
export function writeDebianRoot(file: string): boolean {
  try {
    const needed = lines('apt-cache', ['depends', '--recurse', '--installed', ...relations, ...packages]).filter((line) => /^\w/.test(line));
    const files = lines('dpkg', ['-L', ...new Set(needed)]).filter((line) => line.startsWith('/') && !nobodyReads.test(line));
    if (!files.includes('/usr/bin/gcc')) return false;
    const sorted = [...new Set(files.flatMap(inUsr))].sort();
    execFileSync('tar', ['-cf', file, '--no-recursion', '-C', '/', '-T', '-'], { input: sorted.join('\n'), stdio: ['pipe', 'ignore', 'ignore'] });
    return true;
  } catch {
    return false;
  }
}
