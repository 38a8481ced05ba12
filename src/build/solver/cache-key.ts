/** What decides whether a vertex has been solved before, in parts that people can compare. */
import { type Digest, sha256 } from '../../storage/digest.ts';

/** By the part's name: `base`, `command`, `environment`, the source of a copy … */
export type KeyParts = Readonly<Record<string, string>>;

export const keyOf = (parts: KeyParts): Digest => sha256(JSON.stringify(Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1))));

const wordsOf: Readonly<Record<string, string>> = {
  base: 'the step before gave other files', command: 'the command is another', environment: 'the environment has changed', directory: 'the working directory is another',
  user: 'the user is another', volumes: 'the volumes are others', network: 'the network is another', destination: 'the destination is another', options: 'the options are others',
  path: 'the directory is another',
};

/** Why something that was known with other parts is not with these: what has changed, in words. */
export function changesInWords(before: KeyParts, now: KeyParts): string {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter((name) => before[name] !== now[name]);
  const changes = new Set(names.map((name) => wordsOf[name] ?? sourceInWords(name, before, now)));
  return changes.size === 0 ? 'it was removed from the cache' : [...changes].join('; ');
}

/** `source 1:path`, `mount 0`. */
function sourceInWords(name: string, before: KeyParts, now: KeyParts): string {
  const path = /^source \d+:([^]*)$/.exec(name)?.[1];
  if (path === undefined) return 'a mount shows something else';
  const what = before[name] === undefined ? 'is new' : now[name] === undefined ? 'is gone' : 'has changed';
  return `${path} ${what}`;
}
