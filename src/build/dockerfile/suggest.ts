/** `(did you mean COPY?)`: what a wrong word may have been meant to be. */

/** At most so many letters are wrong in a word that is taken for another. */
const maxDistance = 3;

/** The hint with a space before it, or nothing when no candidate is near. Case does not count. */
export function suggestion(word: string, candidates: readonly string[]): string {
  let best: string | undefined;
  let least = maxDistance;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase().slice(0, 100), candidate.toLowerCase());
    if (distance === 0) return '';
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best === undefined ? '' : ` (did you mean ${best}?)`;
}

/** Levenshtein's. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
