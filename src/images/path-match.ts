/** Go's path.Match, which Docker matches names of images and sources of COPY with. */
import { invalidParameter } from '../errors.ts';
import { literal, matchesWhole, notSlash, type Token } from './wildcards.ts';

/**
 * Whether the whole name matches a shell pattern: `*` and `?` do not cross a slash, `[a-z]` and `[^a-z]` are classes, a
 * backslash takes the next character as it is. Throws invalid-parameter in Go's words for what is no pattern.
 */
export function pathMatch(pattern: string, name: string): boolean {
  return matchesWhole(parsePattern(pattern), name);
}

/** The tokens of a pattern, to match many names with. Throws as pathMatch does. */
export function parsePattern(pattern: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length;) {
    const [token, length] = tokenAt(pattern, at);
    tokens.push(token);
    at += length;
  }
  return tokens;
}

const bad = (pattern: string) => invalidParameter('syntax error in pattern', { object: pattern });

/** What stands at `at`, and how long that is. */
function tokenAt(pattern: string, at: number): [token: Token, length: number] {
  const character = String.fromCodePoint(pattern.codePointAt(at)!);
  switch (character) {
    case '*': return [{ kind: 'many', accepts: notSlash }, 1];
    case '?': return [{ kind: 'one', accepts: notSlash }, 1];
    case '[': return classAt(pattern, at);
    case '\\': {
      const escaped = pattern.codePointAt(at + 1);
      if (escaped === undefined) throw bad(pattern);
      const text = String.fromCodePoint(escaped);
      return [literal(text), 1 + text.length];
    }
    default: return [literal(character), character.length];
  }
}

/** A class of characters that begins at `start`. */
export function classAt(pattern: string, start: number): [token: Token, length: number] {
  const negated = pattern[start + 1] === '^';
  let at = start + (negated ? 2 : 1);
  const ranges: [low: number, high: number][] = [];
  while (pattern[at] !== ']' || ranges.length === 0) {
    const [low, afterLow] = classCharacter(pattern, at);
    const [high, next] = pattern[afterLow] === '-' ? classCharacter(pattern, afterLow + 1) : [low, afterLow];
    if (low > high) throw bad(pattern);
    ranges.push([low, high]);
    at = next;
  }
  const accepts = (character: string): boolean => {
    const code = character.codePointAt(0)!;
    return ranges.some(([low, high]) => low <= code && code <= high) !== negated;
  };
  return [{ kind: 'one', accepts }, at + 1 - start];
}

function classCharacter(pattern: string, at: number): [code: number, next: number] {
  const first = pattern[at];
  if (first === undefined || first === '-' || first === ']') throw bad(pattern);
  const position = first === '\\' ? at + 1 : at;
  const code = pattern.codePointAt(position);
  if (code === undefined) throw bad(pattern);
  return [code, position + String.fromCodePoint(code).length];
}
