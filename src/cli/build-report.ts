/** What `caisson build` says of a Dockerfile: warnings, and errors with the lines that are to blame. */
import { CaissonError } from '../errors.ts';
import { parseDockerfile } from '../build/dockerfile/parse.ts';
import { readSource } from '../build/dockerfile/lines.ts';
import { sourceLines, type SourceSpan } from './format/source-lines.ts';

export interface Dockerfile {
  /** As the user named it. */
  readonly name: string;
  readonly text: string;
}

/** In the shape of `docker buildx build --call=check,format=json`. */
export interface CheckWarning {
  readonly ruleName: string;
  readonly description: string;
  readonly url: string;
  readonly detail: string;
  readonly location: { readonly ranges: readonly { readonly start: { readonly line: number }; readonly end: { readonly line: number } }[] };
}

const startOf = ({ location }: CheckWarning): number => location.ranges[0]?.start.line ?? 0;

/** Each with its lines, and how many there are. */
export function fullReport(warnings: readonly CheckWarning[], file: Dockerfile | undefined): string {
  if (warnings.length === 0) return 'Check complete, no warnings found.\n';
  const shown = warnings.map((warning) => {
    const lines = file ? sourceLines(file.name, file.text, { start: startOf(warning), end: warning.location.ranges.at(-1)?.end.line ?? 0 }) : `line ${startOf(warning)}\n`;
    return `WARNING: ${warning.ruleName} - ${warning.url}\n${warning.detail}\n${lines}\n`;
  });
  return `${shown.join('')}Check complete, ${counted(warnings)} been found!\n`;
}

const counted = ({ length }: readonly unknown[]): string => (length === 1 ? '1 warning has' : `${length} warnings have`);

/** A line for each, below a build. */
export function shortReport(warnings: readonly CheckWarning[]): string {
  if (warnings.length === 0) return '';
  const lines = warnings.map((warning) => ` - ${warning.ruleName}: ${warning.detail} (line ${startOf(warning)})\n`);
  return `\n ${warnings.length} warning${warnings.length === 1 ? '' : 's'} found (use --check to expand):\n${lines.join('')}`;
}

/** The lines that an error is about: those that cannot be parsed, or those of the last step that was told. Empty when nobody knows. */
export function blamedLines(file: Dockerfile | undefined, message: string, steps: readonly string[]): string {
  if (file === undefined) return '';
  const span = unparsable(file.text) ?? stepSpan(file.text, steps);
  return span === undefined ? '' : sourceLines(file.name, file.text, { ...span, word: blamedWord(message) });
}

function unparsable(text: string): SourceSpan | undefined {
  try {
    parseDockerfile(text);
    return undefined;
  } catch (error) {
    const line = Number(/^line (\d+)$/.exec((error instanceof CaissonError && error.object) || '')?.[1] ?? 0);
    return { start: line, end: line };
  }
}

/** The same instruction may stand there several times: it is the one that was told as often. */
function stepSpan(text: string, steps: readonly string[]): SourceSpan | undefined {
  const last = steps.at(-1);
  const same = readSource(text).instructions.filter(({ original }) => original.trim() === last);
  const told = steps.filter((step) => step === last).length;
  const found = same[Math.min(told, same.length) - 1];
  return found && { start: found.startLine, end: found.endLine };
}

const blamed = [
  /unknown instruction: (\S+)/, /(?:unknown|duplicate) flag(?: specified)?: (--[\w-]+)/, /value (?:on|for) flag:? (--[\w-]+)/, /stat (\S+): file does not exist/,
  /failed to process "(.*)": /, /invalid signal: (\S+)/, /Invalid containerPort: (\S+)/, /invalid from flag value (\S+?):/, /no such user: (\S+)/, /unable to find user (\S+):/,
  /invalid chmod parameter: '(\S+)'/, /unsupported mount type "(\S+)"/, /base name \((\S+)\)/, /can't find = in "(.*)"\./,
];

function blamedWord(message: string): string {
  for (const pattern of blamed) {
    const word = pattern.exec(message)?.[1];
    if (word !== undefined) return word;
  }
  return '';
}
