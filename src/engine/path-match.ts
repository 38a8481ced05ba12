/** Go's path.Match, which Docker matches names of images with. */
import { invalidParameter } from '../errors.ts';

/**
 * Whether the whole name matches a shell pattern: `*` and `?` do not cross a slash, `[a-z]` and `[^a-z]` are classes, a
 * backslash takes the next character as it is. Throws invalid-parameter in Go's words for what is no pattern.
 */
export function pathMatch(pattern: string, name: string): boolean {
  let source = '';
  for (let at = 0; at < pattern.length;) {
    const [piece, length] = pieceAt(pattern, at);
    source += piece;
    at += length;
  }
  return new RegExp(`^${source}$`, 'su').test(name);
}

const bad = (pattern: string) => invalidParameter('syntax error in pattern', { object: pattern });

/** The expression for what stands at `at`, and how long that is. */
function pieceAt(pattern: string, at: number): [source: string, length: number] {
  const character = String.fromCodePoint(pattern.codePointAt(at)!);
  switch (character) {
    case '*': return ['[^/]*', 1];
    case '?': return ['[^/]', 1];
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

function classAt(pattern: string, start: number): [source: string, length: number] {
  const negated = pattern[start + 1] === '^';
  let at = start + (negated ? 2 : 1);
  let source = '';
  while (pattern[at] !== ']' || source === '') {
    const [low, afterLow] = classCharacter(pattern, at);
    const [high, next] = pattern[afterLow] === '-' ? classCharacter(pattern, afterLow + 1) : [low, afterLow];
    if (low > high) throw bad(pattern);
    source += `${literal(low)}-${literal(high)}`;
    at = next;
  }
  return [`[${negated ? '^' : ''}${source}]`, at + 1 - start];
}

function classCharacter(pattern: string, at: number): [character: string, next: number] {
  const first = pattern[at];
  if (first === undefined || first === '-' || first === ']') throw bad(pattern);
  const position = first === '\\' ? at + 1 : at;
  const code = pattern.codePointAt(position);
  if (code === undefined) throw bad(pattern);
  const character = String.fromCodePoint(code);
  return [character, position + character.length];
}

const literal = (character: string) => `\\u{${character.codePointAt(0)!.toString(16)}}`;
