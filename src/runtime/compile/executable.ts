/** Where a program's name may lead: the candidates that execve tries, in order. */

/**
 * A name with a slash is used as it is; any other is looked for in the directories of PATH in `env` (the last PATH
 * counts). Relative directories, the empty one among them, are left out: what they mean depends on the working
 * directory, and runtimes refuse what is found there. An empty answer means that nothing can be found.
 */
export function executableCandidates(name: string, env: readonly string[]): string[] {
  if (name === '') return [];
  if (name.includes('/')) return [name];
  const path = env.findLast((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? '';
  return path
    .split(':')
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => `${directory.replace(/\/+$/, '')}/${name}`);
}
