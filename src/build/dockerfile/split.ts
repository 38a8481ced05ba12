/** An instruction's name, its flags and the rest. */

export interface InstructionParts {
  readonly name: string;
  readonly flags: readonly string[];
  readonly rest: string;
}

/** Flags are the words in front that begin with `--`; quotes and backslashes in them are taken away. */
export function splitInstruction(line: string): InstructionParts {
  const [, name = '', rest = ''] = /^(\S*)\s*([^]*)$/.exec(line.trim())!;
  const { flags, end } = splitFlags(rest);
  return { name: name.toLowerCase(), flags, rest: rest.slice(end).trim() };
}

function splitFlags(text: string): { flags: string[]; end: number } {
  const flags: string[] = [];
  let at = 0;
  for (;;) {
    while (/\s/.test(text[at] ?? '')) at++;
    if (!text.startsWith('--', at)) return { flags, end: at };
    const { word, end } = wordAt(text, at);
    at = end;
    // Two dashes alone end the flags.
    if (word === '--') return { flags, end: at };
    flags.push(word);
  }
}

function wordAt(text: string, start: number): { word: string; end: number } {
  let word = '';
  let quote = '';
  let at = start;
  for (; at < text.length; at++) {
    const character = text[at]!;
    if (quote === '' && /\s/.test(character)) break;
    if (character === '\\') word += text[++at] ?? '';
    else if (quote === '' && (character === '"' || character === "'")) quote = character;
    else if (character === quote) quote = '';
    else word += character;
  }
  return { word, end: at };
}
