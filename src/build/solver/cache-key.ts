/** What decides whether a vertex has been solved before, in parts that people can compare. */
import { type Digest, sha256 } from '../../storage/digest.ts';

/** By the part's name: `base`, `command`, `environment`, the source of a copy … */
export type KeyParts = Readonly<Record<string, string>>;

export const keyOf = (parts: KeyParts): Digest => sha256(JSON.stringify(Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1))));

/** Names of the parts that differ. */
export function changedParts(before: KeyParts, now: KeyParts): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].filter((name) => before[name] !== now[name]);
}
