/**
 * From the text of a Dockerfile to its instructions as they are written: comments gone, continued lines joined, here-documents
 * taken out (Dockerfile reference, "Format").
 */
import { type Directives, readDirectives } from './directives.ts';
import { type Heredoc, heredocStarts } from './heredoc.ts';
import { splitInstruction } from './split.ts';
import { parseFailure } from './syntax-error.ts';

export interface SourceInstruction {
  /** Lower case: `copy`. */
  readonly name: string;
  /** `--from=x`, without their quotes. */
  readonly flags: readonly string[];
  /** What follows the flags. */
  readonly rest: string;
  /** The joined line. */
  readonly original: string;
  readonly heredocs: readonly Heredoc[];
  /** From 1; the last line of its here-documents. */
  readonly startLine: number;
  readonly endLine: number;
}

export interface Source {
  readonly directives: Directives;
  readonly instructions: readonly SourceInstruction[];
  /** In the words that Docker prints. */
  readonly warnings: readonly string[];
  /** The last lines of instructions with empty lines in them. */
  readonly emptyContinuations: readonly number[];
}

/** The longest line Docker reads, in bytes. */
const maxLine = 64 * 1024 - 1;

/** Takes a Dockerfile apart. Throws invalid-parameter in Docker's words. */
export function readSource(text: string): Source {
  const lines = splitLines(text.replace(/^\u{feff}/u, ''));
  const reader = new Reader(lines, readDirectives(lines));
  return reader.read();
}

function splitLines(text: string): string[] {
  const lines = text.split('\n').map((line) => line.replace(/\r+$/, ''));
  if (lines.at(-1) === '') lines.pop();
  const long = lines.findIndex((line) => line.length > maxLine);
  if (long !== -1) throw parseFailure(`dockerfile line greater than max allowed size of ${maxLine}`, long + 1);
  return lines;
}

const isComment = (line: string): boolean => line.trimStart().startsWith('#');

class Reader {
  readonly #lines: readonly string[];
  readonly #directives: Directives;
  readonly #continuation: RegExp;
  readonly #warnings: string[] = [];
  readonly #emptyContinuations: number[] = [];
  /** Lines that have been read. */
  #at = 0;

  constructor(lines: readonly string[], directives: Directives) {
    this.#lines = lines;
    this.#directives = directives;
    // An escape character before it takes its meaning away.
    const escape = `\\${directives.escape}`;
    this.#continuation = new RegExp(`(^|[^${escape}])${escape}[ \\t]*$`);
  }

  read(): Source {
    const instructions: SourceInstruction[] = [];
    while (this.#at < this.#lines.length) {
      const line = this.#lines[this.#at++]!;
      if (isComment(line)) continue;
      const startLine = this.#at;
      const original = this.#joined(line.trimStart());
      if (original === '') continue;
      instructions.push(this.#instruction(original, startLine));
    }
    if (instructions.length === 0) throw parseFailure('file with no instructions', this.#at);
    if (this.#warnings.length > 0) this.#warnings.push('[WARNING]: Empty continuation lines will become errors in a future release.');
    return { directives: this.#directives, instructions, warnings: this.#warnings, emptyContinuations: this.#emptyContinuations };
  }

  /** The line with those that continue it. */
  #joined(first: string): string {
    let [line, continues] = this.#cut(first);
    let hasEmpty = false;
    while (continues && this.#at < this.#lines.length) {
      const next = this.#lines[this.#at++]!;
      if (isComment(next)) continue;
      if (next.trim() === '') {
        hasEmpty = true;
        continue;
      }
      const [text, more] = this.#cut(next);
      line += text;
      continues = more;
    }
    if (hasEmpty) {
      this.#warnings.push(`[WARNING]: Empty continuation line found in: ${line}`);
      this.#emptyContinuations.push(this.#at);
    }
    return line;
  }

  /** A line without the escape character at its end, and whether there was one. */
  #cut(line: string): [text: string, continues: boolean] {
    return this.#continuation.test(line) ? [line.replace(this.#continuation, '$1'), true] : [line, false];
  }

  #instruction(original: string, startLine: number): SourceInstruction {
    const parts = splitInstruction(original);
    const heredocs = canHoldHeredoc(parts) ? heredocStarts(original).map((start) => ({ ...start, content: this.#heredoc(start.name, start.chomp) })) : [];
    return { ...parts, original, heredocs, startLine, endLine: this.#at };
  }

  #heredoc(terminator: string, chomp: boolean): string {
    let content = '';
    while (this.#at < this.#lines.length) {
      const line = this.#lines[this.#at++]!;
      if ((chomp ? line.replace(/^\t+/, '') : line) === terminator) return content;
      content += `${line}\n`;
    }
    throw parseFailure('unterminated heredoc', this.#at);
  }
}

/** ADD, COPY and RUN take here-documents, and so does ONBUILD before one of them; never in the exec form. */
function canHoldHeredoc({ name, rest }: { name: string; rest: string }): boolean {
  if (name === 'onbuild') return canHoldHeredoc(splitInstruction(rest));
  return ['add', 'copy', 'run'].includes(name) && jsonStrings(rest) === undefined;
}

/** A JSON list of strings; undefined for anything else. */
export function jsonStrings(text: string): string[] | 'not-strings' | undefined {
  if (!text.trimStart().startsWith('[')) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    if (!Array.isArray(list)) return undefined;
    return list.every((item) => typeof item === 'string') ? list : 'not-strings';
  } catch {
    return undefined;
  }
}
