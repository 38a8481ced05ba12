/** Here-documents: `<<EOF`, `<<-EOF`, `3<<"EOF"` (Dockerfile reference, "Here-Documents"). */
import { expandWords } from '../../images/shell-words.ts';

export interface HeredocStart {
  /** The word that ends it. */
  readonly name: string;
  /** Variables in it are replaced: the word was not quoted. */
  readonly expand: boolean;
  /** Tabs at the beginnings of its lines do not count: `<<-`. */
  readonly chomp: boolean;
  readonly descriptor: number;
}

export interface Heredoc extends HeredocStart {
  /** Its lines as they stand in the file, each with its end. */
  readonly content: string;
}

/** The words of a line that begin here-documents, in their order. */
export function heredocStarts(line: string): HeredocStart[] {
  if (!line.includes('<<')) return [];
  return wordsOf(line, { rawQuotes: true, rawEscapes: true }).flatMap((word) => parseHeredocWord(word) ?? []);
}

/** A word that begins a here-document; undefined for any other. */
export function parseHeredocWord(word: string): HeredocStart | undefined {
  const [, descriptor = '', dash, rest = ''] = /^(\d*)<<(-?)([^<]*)$/.exec(word) ?? [];
  if (rest === '') return undefined;
  const names = wordsOf(rest, {});
  const [name] = names;
  if (names.length !== 1 || name === undefined) return undefined;
  const expand = wordsOf(rest, { rawQuotes: true, rawEscapes: true })[0] === name;
  return { name, expand, chomp: dash === '-', descriptor: descriptor === '' ? 0 : Number(descriptor) };
}

/** A line that a shell could not split has no here-document in it. */
function wordsOf(text: string, options: { rawQuotes?: boolean; rawEscapes?: boolean }): string[] {
  try {
    return expandWords(text, () => undefined, { ...options, keepUnset: true });
  } catch {
    return [];
  }
}

/** The text without the tabs at the beginnings of its lines. */
const withoutLeadingTabs = (text: string): string => text.replace(/^\t+/gm, '');

/** What a here-document holds when it is used as a file or a script. */
export const heredocText = ({ content, chomp }: Heredoc): string => (chomp ? withoutLeadingTabs(content) : content);
