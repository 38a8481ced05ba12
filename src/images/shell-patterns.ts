/** Patterns in `${NAME#pattern}` and `${NAME/pattern/text}` (POSIX "Pattern Matching Notation", without brackets). */
import { literal, matchEnds, type Token } from './wildcards.ts';

/** No wildcard matches the end of a line, as in Docker. */
const notNewline = (character: string): boolean => character !== '\n';

/** Steps that one substitution may take, so that nobody waits for one that is as hard as can be. */
const maxWork = 50_000_000;

/** Takes the pattern's match away from the value: `#` and `##` at its beginning, `%` and `%%` at its end. Throws Error for a bad pattern. */
export function trimMatch(operator: '#' | '%', word: string, value: string): string {
  const longest = word.startsWith(operator);
  const tokens = parse(longest ? word.slice(1) : word);
  const characters = Array.from(value);
  checkWork(tokens, characters.length);
  // A match at the end is one at the beginning of everything reversed.
  if (operator === '%') {
    tokens.reverse();
    characters.reverse();
  }
  const ends = matchEnds(tokens, characters, 0);
  const end = longest ? ends.longest : ends.shortest;
  const rest = end === undefined ? characters : characters.slice(end);
  return (operator === '%' ? rest.reverse() : rest).join('');
}

/** Replaces the first match, or every one; each is as long as can be. Throws Error for a bad pattern. */
export function replaceMatches(pattern: string, value: string, replacement: string, every: boolean): string {
  const tokens = parse(pattern);
  const characters = Array.from(value);
  const wild = tokens.some(({ kind }) => kind === 'many');
  checkWork(tokens, characters.length * (wild ? characters.length : 1));
  let result = '';
  for (let at = 0; at <= characters.length;) {
    const end = matchEnds(tokens, characters, at).longest;
    if (end === undefined) {
      result += characters[at++] ?? '';
      continue;
    }
    result += replacement;
    if (end === at) result += characters[at] ?? '';
    at = end === at ? at + 1 : end;
    if (!every) return result + characters.slice(at).join('');
    // Nothing at the very end is no second match after one that reached it.
    if (at === characters.length && end === at) break;
  }
  return result;
}

function checkWork(tokens: readonly Token[], steps: number): void {
  if ((tokens.length + 1) * steps > maxWork) throw new Error('the value is too long for such a pattern');
}

function parse(pattern: string): Token[] {
  const tokens: Token[] = [];
  const characters = Array.from(pattern);
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === '*') tokens.push({ kind: 'many', accepts: notNewline });
    else if (character === '?') tokens.push({ kind: 'one', accepts: notNewline });
    else if (character === '\\') {
      const escaped = characters[++at] ?? '';
      if (!['}', '/', '*', '?', '\\'].includes(escaped)) throw new Error(`invalid escape '\\${escaped}'`);
      tokens.push(literal(escaped));
    } else tokens.push(literal(character));
  }
  return tokens;
}
