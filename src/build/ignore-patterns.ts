/**
 * `.dockerignore` and `COPY --exclude`: which paths patterns mean (moby/patternmatcher). A pattern means what it matches and
 * everything below that; `!` takes back what an earlier one meant; the last one that matches counts.
 */
import { posix } from 'node:path';
import { invalidParameter } from '../errors.ts';
import { classAt, parsePattern } from '../images/path-match.ts';
import { literal, matchesWhole, notSlash, type Token } from '../images/wildcards.ts';

interface Pattern {
  readonly tokens: readonly Token[];
  readonly negated: boolean;
}

export class IgnorePatterns {
  readonly #patterns: readonly Pattern[];

  /** Throws invalid-parameter for what is no pattern. */
  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.flatMap((text) => parse(text) ?? []);
  }

  get isEmpty(): boolean {
    return this.#patterns.length === 0;
  }

  /** Something below a directory that is meant may be taken back: it must be looked into. */
  get hasExceptions(): boolean {
    return this.#patterns.some(({ negated }) => negated);
  }

  /** `path` is relative, with slashes, without one at its ends. */
  matches(path: string): boolean {
    const parents = parentsOf(path);
    let matched = false;
    for (const { tokens, negated } of this.#patterns) {
      if (negated !== matched) continue;
      if (matchesWhole(tokens, path) || parents.some((parent) => matchesWhole(tokens, parent))) matched = !negated;
    }
    return matched;
  }
}

/** Every directory above a path. */
function parentsOf(path: string): string[] {
  const components = path.split('/');
  return components.slice(1).map((_, index) => components.slice(0, index + 1).join('/'));
}

/** The patterns of a `.dockerignore` file. */
export function readIgnoreFile(text: string): string[] {
  return text.replace(/^\u{feff}/u, '').split('\n').flatMap((line) => {
    if (line.startsWith('#')) return [];
    const trimmed = line.trim();
    if (trimmed === '') return [];
    const negated = trimmed.startsWith('!');
    const body = negated ? trimmed.slice(1).trim() : trimmed;
    const clean = body === '' ? '' : cleanPath(body);
    const relative = clean.length > 1 && clean.startsWith('/') ? clean.slice(1) : clean;
    return [negated ? `!${relative}` : relative];
  });
}

/** Go's filepath.Clean. */
const cleanPath = (path: string): string => posix.normalize(path).replace(/(?<=.)\/$/, '');

function parse(pattern: string): Pattern | undefined {
  const trimmed = pattern.trim();
  if (trimmed === '') return undefined;
  const clean = cleanPath(trimmed);
  const negated = clean.startsWith('!');
  if (negated && clean.length === 1) throw invalidParameter('illegal exclusion pattern: "!"', { object: pattern });
  const text = negated ? clean.slice(1) : clean;
  // Go checks the syntax with filepath.Match, which knows no `**`.
  parsePattern(text);
  return { negated, tokens: tokensOf(text) };
}

const anything = (): boolean => true;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length;) {
    const character = String.fromCodePoint(text.codePointAt(at)!);
    if (text.startsWith('**', at)) {
      at += text[at + 2] === '/' ? 3 : 2;
      tokens.push(at >= text.length ? { kind: 'many', accepts: anything } : { kind: 'directories' });
    } else if (character === '*') at += push(tokens, { kind: 'many', accepts: notSlash }, 1);
    else if (character === '?') at += push(tokens, { kind: 'one', accepts: notSlash }, 1);
    else if (character === '[') {
      const [token, length] = classAt(text, at);
      at += push(tokens, token, length);
    } else if (character === '\\') {
      const escaped = String.fromCodePoint(text.codePointAt(at + 1)!);
      at += push(tokens, literal(escaped), 1 + escaped.length);
    } else at += push(tokens, literal(character), character.length);
  }
  return tokens;
}

function push(tokens: Token[], token: Token, length: number): number {
  tokens.push(token);
  return length;
}
