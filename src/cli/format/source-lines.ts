/** Lines of a file with those marked that something is said about, as compilers show them. */

/** Lines before and after. */
const around = 2;

export interface SourceSpan {
  /** Both count from 1, and are marked. */
  readonly start: number;
  readonly end: number;
  /** What is to blame in them: a caret stands below. Empty for all of it. */
  readonly word?: string;
}

/** Nothing where the file has no such lines. */
export function sourceLines(name: string, text: string, { start, end, word = '' }: SourceSpan): string {
  const lines = text.replace(/\n$/, '').split('\n');
  if (start < 1 || start > lines.length) return '';
  const [first, last] = [Math.max(1, start - around), Math.min(lines.length, end + around)];
  const width = String(last).length;
  const blamed = lines.findIndex((line, index) => index + 1 >= start && index + 1 <= end && at(line, word) !== -1) + 1;
  const shown = lines.slice(first - 1, last).flatMap((line, index) => {
    const number = first + index;
    const mark = number >= start && number <= end ? '>>>' : '   ';
    const told = ` ${String(number).padStart(width)} | ${mark} ${line}`.trimEnd();
    return number === blamed ? [told, ` ${' '.repeat(width)} |     ${caret(line, word)}`] : [told];
  });
  const rule = '-'.repeat(20);
  return `${name}:${start}\n${rule}\n${shown.join('\n')}\n${rule}\n`;
}

/** Docker writes the names of instructions in capitals, however they stand there. */
const at = (line: string, word: string): number => (word === '' ? -1 : line.toLowerCase().indexOf(word.toLowerCase()));

/** Tabs before the word stay tabs, so that it stands below. */
const caret = (line: string, word: string): string => line.slice(0, at(line, word)).replaceAll(/[^\t]/g, ' ') + '^'.repeat(word.length);
