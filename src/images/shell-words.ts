/**
 * Words of a Dockerfile instruction, and what a shell would make of them: quotes, backslashes, variables (Dockerfile
 * reference, "Environment replacement").
 */
import { invalidParameter } from '../errors.ts';

/** A variable's value; undefined when it is not set. */
export type Lookup = (name: string) => string | undefined;

/** Splits at white space outside of quotes; quotes and backslashes stay in the words. */
export function rawWords(text: string): string[] {
  return [...text.matchAll(/(?:\\[^]|"(?:\\[^]|[^"\\])*"|'[^']*'|[^\s"'\\]|["'\\])+/g)].map(([word]) => word);
}

/**
 * A word without its quotes and backslashes, its variables replaced. Throws invalid-parameter for a quote or brace that is not
 * closed.
 */
export function expand(word: string, lookup: Lookup): string {
  const expander = new Expander(word, lookup);
  return expander.until(undefined);
}

class Expander {
  readonly #text: string;
  readonly #lookup: Lookup;
  #at = 0;

  constructor(text: string, lookup: Lookup) {
    this.#text = text;
    this.#lookup = lookup;
  }

  /** Up to the closing brace, which is consumed, or the end of the text. */
  until(closing: '}' | undefined): string {
    let result = '';
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at++]!;
      if (character === closing) return result;
      if (character === "'") result += this.#singleQuoted();
      else if (character === '"') result += this.#doubleQuoted();
      else if (character === '$') result += this.#variable();
      // A backslash at the very end is nothing.
      else if (character === '\\') result += this.#text[this.#at++] ?? '';
      else result += character;
    }
    if (closing !== undefined) throw this.#unfinished('unexpected end of statement while looking for matching }');
    return result;
  }

  #singleQuoted(): string {
    const end = this.#text.indexOf("'", this.#at);
    if (end === -1) throw this.#unfinished('unexpected end of statement while looking for matching single-quote');
    const content = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return content;
  }

  #doubleQuoted(): string {
    let result = '';
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at++]!;
      if (character === '"') return result;
      if (character === '$') result += this.#variable();
      else if (character === '\\' && /["$\\]/.test(this.#text[this.#at] ?? '')) result += this.#text[this.#at++]!;
      else result += character;
    }
    throw this.#unfinished('unexpected end of statement while looking for matching double-quote');
  }

  /** After a dollar sign: `NAME`, `{NAME}`, `{NAME:-word}` and its relatives; a dollar sign before anything else is one. */
  #variable(): string {
    if (this.#text[this.#at] === '{') {
      this.#at++;
      return this.#braced();
    }
    const name = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*#])/.exec(this.#text.slice(this.#at))?.[0];
    if (name === undefined) return '$';
    this.#at += name.length;
    return this.#lookup(name) ?? '';
  }

  #braced(): string {
    const rest = this.#text.slice(this.#at);
    const [whole, name = '', operator = ''] = /^([A-Za-z_][A-Za-z0-9_]*|[0-9@*#])(:?[-+?]|\})/.exec(rest) ?? [];
    if (whole === undefined) throw invalidParameter(`bad substitution: ${this.#text}`, { object: this.#text });
    this.#at += whole.length;
    const value = this.#lookup(name);
    if (operator === '}') return value ?? '';
    const word = this.until('}');
    const isSet = value !== undefined && (value !== '' || !operator.startsWith(':'));
    if (operator.endsWith('+')) return isSet ? word : '';
    if (isSet) return value;
    if (operator.endsWith('-')) return word;
    throw invalidParameter(`${name}: ${word === '' ? 'is not allowed to be unset' : word}`, { object: this.#text });
  }

  #unfinished(why: string): Error {
    return invalidParameter(why, { object: this.#text });
  }
}
