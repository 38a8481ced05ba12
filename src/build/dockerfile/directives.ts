/** Parser directives: comments before everything else that say how the file is to be read (Dockerfile reference, "Parser directives"). */
import { parseFailure } from './syntax-error.ts';

export type EscapeCharacter = '\\' | '`';

export interface Directives {
  /** The frontend image that is asked for, or undefined. */
  readonly syntax: string | undefined;
  readonly escape: EscapeCharacter;
  /** What the directive `check` says, or undefined. */
  readonly check: string | undefined;
}

const pattern = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;
const known = new Set(['syntax', 'escape', 'check']);

/** Reads the directives at the top of a file. Throws invalid-parameter in Docker's words. */
export function readDirectives(lines: readonly string[]): Directives {
  const found = new Map<string, string>();
  for (const [index, line] of lines.entries()) {
    const match = pattern.exec(line.trimStart());
    const name = match?.[1]?.toLowerCase() ?? '';
    if (!known.has(name)) break;
    if (found.has(name)) throw parseFailure(`only one ${name} parser directive can be used`, index + 1);
    found.set(name, match![2]!);
    if (name === 'escape' && !isEscape(match![2]!)) throw parseFailure(`invalid escape token '${match![2]}' does not match \` or \\`, index + 1);
  }
  const escape = found.get('escape') ?? '\\';
  return { syntax: found.get('syntax'), escape: isEscape(escape) ? escape : '\\', check: found.get('check') };
}

const isEscape = (text: string): text is EscapeCharacter => text === '\\' || text === '`';
