/**
 * Words of a Dockerfile instruction, and what a shell would make of them: quotes, escapes, variables (Dockerfile reference,
 * "Environment replacement"). Error texts are those of Docker's own lexer.
 */
import { type CaissonError, invalidParameter } from '../errors.ts';
import { replaceMatches, trimMatch } from './shell-patterns.ts';

/** A variable's value; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

export interface WordOptions {
  /** The character that takes away another's meaning. Default: the backslash. */
  readonly escape?: '\\' | '`';
  /** Quotes stay in the result. */
  readonly rawQuotes?: boolean;
  /** Escape characters stay in the result. */
  readonly rawEscapes?: boolean;
  /** Quotes mean nothing: the text of a here-document. */
  readonly ignoreQuotes?: boolean;
  /** A variable that is not set stays as it is written. */
  readonly keepUnset?: boolean;
}

/** What an expansion may become, in characters: each may hold several of the one before it. */
const maxExpansion = 1024 * 1024;

/** Splits at white space outside of quotes; quotes and escapes stay in the words. */
export function rawWords(text: string, escape: '\\' | '`' = '\\'): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (quote === '' && /\s/.test(character)) {
      if (word !== '') words.push(word);
      word = '';
      continue;
    }
    if (character === escape && quote !== "'") {
      // At the very end it is nothing.
      if (at + 1 === text.length) break;
      word += character + text[++at]!;
      continue;
    }
    if (quote === '' && (character === '"' || character === "'")) quote = character;
    else if (character === quote) quote = '';
    word += character;
  }
  if (word !== '') words.push(word);
  return words;
}

/**
 * A word without its quotes and escapes, its variables replaced. Throws invalid-parameter for a quote or brace that is not
 * closed, and for an expansion beyond all measure.
 */
export const expand = (word: string, lookup: Lookup, options: WordOptions = {}): string =>
  expansion(word, lookup, options).text;

/** The same, split at the white space that is left outside of quotes, that of variables too. */
export const expandWords = (text: string, lookup: Lookup, options: WordOptions = {}): string[] =>
  expansion(text, lookup, options).words;

function expansion(source: string, lookup: Lookup, options: WordOptions): { text: string; words: string[] } {
  const expander = new Expander(source, lookup, options);
  try {
    return expander.until(undefined, options.rawEscapes ?? false);
  } catch (error) {
    if (error instanceof LexicalError) {
      const shown = source.length > 200 ? `${source.slice(0, 200)}…` : source;
      throw invalidParameter(`failed to process ${JSON.stringify(shown)}: ${error.message}`, { object: shown }) satisfies CaissonError;
    }
    throw error;
  }
}

class LexicalError extends Error {}

/** Collects the words of a text: space splits them unless it was quoted. */
class Words {
  readonly #words: string[] = [];
  #word = '';

  plain(text: string): void {
    for (const character of text) {
      if (/\s/.test(character)) this.#close();
      else this.#word += character;
    }
  }

  quoted(text: string): void {
    this.#word += text;
  }

  finish(): string[] {
    this.#close();
    return this.#words;
  }

  #close(): void {
    if (this.#word !== '') this.#words.push(this.#word);
    this.#word = '';
  }
}

class Expander {
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #options: WordOptions;
  readonly #escape: string;
  #rawEscapes = false;
  #at = 0;
  #depth = 0;
  #size = 0;

  constructor(text: string, lookup: Lookup, options: WordOptions) {
    this.#text = text;
    this.#lookup = lookup;
    this.#options = options;
    this.#escape = options.escape ?? '\\';
  }

  /** Up to the closing character, which is consumed, or the end of the text. */
  until(closing: '}' | '/' | undefined, rawEscapes: boolean): { text: string; words: string[] } {
    if (++this.#depth > 100) throw new LexicalError('too many nested substitutions');
    const outer = this.#rawEscapes;
    this.#rawEscapes = rawEscapes;
    const words = new Words();
    let text = '';
    for (;;) {
      const character = this.#peek();
      if (character === '' && closing !== undefined)
        throw new LexicalError(`unexpected end of statement while looking for matching ${closing}`);
      if (character === '' || character === closing) break;
      if (character === '$') {
        const value = this.#measured(this.#variable());
        text += value;
        words.plain(value);
      } else if (this.#options.ignoreQuotes !== true && (character === "'" || character === '"')) {
        const value = character === "'" ? this.#singleQuoted() : this.#doubleQuoted();
        text += value;
        words.quoted(value);
      } else if (character === this.#escape) {
        const value = (rawEscapes ? this.#next() : (this.#next(), '')) + this.#next();
        text += value;
        words.quoted(value);
      } else {
        text += this.#next();
        words.plain(character);
      }
    }
    if (closing !== undefined) this.#next();
    this.#rawEscapes = outer;
    this.#depth--;
    return { text, words: words.finish() };
  }

  #peek(): string {
    const code = this.#text.codePointAt(this.#at);
    return code === undefined ? '' : String.fromCodePoint(code);
  }

  #next(): string {
    const character = this.#peek();
    this.#at += character.length;
    return character;
  }

  #measured(value: string): string {
    this.#size += value.length;
    if (this.#size > maxExpansion) throw new LexicalError(`the result is longer than ${maxExpansion} characters`);
    return value;
  }

  #singleQuoted(): string {
    const start = this.#at++;
    const end = this.#text.indexOf("'", this.#at);
    if (end === -1) throw new LexicalError('unexpected end of statement while looking for matching single-quote');
    this.#at = end + 1;
    return this.#options.rawQuotes === true ? this.#text.slice(start, end + 1) : this.#text.slice(start + 1, end);
  }

  #doubleQuoted(): string {
    const quote = this.#options.rawQuotes === true ? '"' : '';
    this.#next();
    let result = quote;
    for (;;) {
      const character = this.#peek();
      if (character === '') throw new LexicalError('unexpected end of statement while looking for matching double-quote');
      if (character === '$') {
        result += this.#measured(this.#variable());
        continue;
      }
      this.#next();
      if (character === '"') return result + quote;
      if (character === this.#escape) result += this.#escapedInQuotes();
      else result += character;
    }
  }

  /** Only the quote, the dollar sign and the escape character itself lose their meaning in quotes. */
  #escapedInQuotes(): string {
    const following = this.#peek();
    if (following === '') return '';
    const isSpecial = following === '"' || following === '$' || following === this.#escape;
    if (!isSpecial) return this.#rawEscapes ? this.#escape + this.#escape : this.#escape;
    return (this.#rawEscapes ? this.#escape : '') + this.#next();
  }

  /** `$NAME`, `${NAME}`, `${NAME:-word}` and its relatives; a dollar sign before anything else is one. */
  #variable(): string {
    this.#next();
    if (this.#peek() !== '{') {
      const name = this.#name();
      if (name === '') return '$';
      return this.#lookup(name) ?? (this.#options.keepUnset === true ? `$${name}` : '');
    }
    this.#next();
    const first = this.#peek();
    if (first === '') throw new LexicalError("syntax error: missing '}'");
    if (first === '{' || first === '}' || first === ':') throw new LexicalError('syntax error: bad substitution');
    return this.#braced(this.#name());
  }

  #name(): string {
    const name = /^(?:\p{Nd}+|[@*#?\-$!]|[\p{L}_][\p{L}\p{Nd}_]*)/u.exec(this.#text.slice(this.#at, this.#at + 4096))?.[0] ?? '';
    this.#at += name.length;
    return name;
  }

  #braced(name: string): string {
    const value = this.#lookup(name);
    const kept = (written: string) => (value === undefined && this.#options.keepUnset === true ? `\${${name}${written}}` : undefined);
    let operator = this.#next();
    if (operator === '}') return kept('') ?? value ?? '';
    if (operator === '/') return this.#replacement(value, kept);
    const colon = operator === ':' ? ':' : '';
    if (colon !== '') operator = this.#next();
    if (!'+-?#%'.includes(operator) || operator === '')
      throw new LexicalError(`unsupported modifier (${colon}${operator === '' ? '\u{fffd}' : operator}) in substitution`);
    const isPattern = operator === '#' || operator === '%';
    const word = this.#closed(() => this.until('}', isPattern).text, "syntax error: missing '}'");
    const written = kept(`${colon}${operator}${word}`);
    if (written !== undefined) return written;
    const isSet = value !== undefined && (value !== '' || colon === '');
    if (operator === '-') return isSet ? value : word;
    if (operator === '+') return isSet ? word : '';
    if (isPattern) return this.#pattern(word, () => trimMatch(operator as '#' | '%', word, value ?? ''));
    if (isSet) return value;
    throw new LexicalError(`${name}: ${word === '' ? `is not allowed to be ${value === undefined ? 'unset' : 'empty'}` : word}`);
  }

  /** `${NAME/pattern/replacement}`, with two slashes for every match. */
  #replacement(value: string | undefined, kept: (written: string) => string | undefined): string {
    const every = this.#peek() === '/';
    if (every) this.#next();
    const pattern = this.#closed(() => this.until('/', true).text, "syntax error: missing '/' in ${}");
    const replacement = this.#closed(() => this.until('}', true).text, "syntax error: missing '}'");
    const written = kept(`/${pattern}/${replacement}`);
    if (written !== undefined) return written;
    return this.#pattern(pattern, () => replaceMatches(pattern, value ?? '', replacement, every));
  }

  /** What ends with the text has not been closed. */
  #closed(read: () => string, message: string): string {
    try {
      return read();
    } catch (error) {
      throw error instanceof LexicalError && this.#peek() === '' ? new LexicalError(message) : error;
    }
  }

  #pattern(pattern: string, apply: () => string): string {
    try {
      return apply();
    } catch (error) {
      throw new LexicalError(`invalid pattern (${pattern}) in substitution: ${(error as Error).message}`);
    }
  }
}
