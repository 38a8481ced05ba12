/**
 * Finds what is wrong with a JSON text, in the words of Go's encoding/json. Only used once JSON.parse has refused the
 * text.
 */

export type JsonFault =
  | { readonly kind: 'syntax'; readonly message: string }
  | { readonly kind: 'trailing' }
  | { readonly kind: 'empty' };

/** Go's limit on nesting, too. */
const maxDepth = 10_000;

class Fault extends Error {}

/**
 * Describes the first fault; a text that has none ends in `trailing`, which JSON.parse refuses and a streaming decoder
 * does not.
 */
export function findJsonFault(text: string): JsonFault {
  const scanner = new Scanner(text);
  try {
    scanner.skipBlanks();
    if (scanner.atEnd) return { kind: 'empty' };
    scanner.value(0);
    return { kind: 'trailing' };
  } catch (error) {
    if (error instanceof Fault) return { kind: 'syntax', message: error.message };
    // Nested so deeply that our own stack ends first.
    if (error instanceof RangeError) return { kind: 'syntax', message: 'exceeded max depth' };
    throw error;
  }
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  skipBlanks(): void {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? 'x')) this.#at++;
  }

  value(depth: number): void {
    if (depth > maxDepth) throw new Fault('exceeded max depth');
    this.skipBlanks();
    const first = this.#peek();
    if (first === '{') this.#object(depth);
    else if (first === '[') this.#array(depth);
    else if (first === '"') this.#string();
    else if (first === '-' || (first >= '0' && first <= '9')) this.#number();
    else if (first === 't') this.#literal('true');
    else if (first === 'f') this.#literal('false');
    else if (first === 'n') this.#literal('null');
    else this.#refuse('looking for beginning of value');
  }

  #object(depth: number): void {
    this.#at++;
    this.skipBlanks();
    if (this.#peek() === '}') return void this.#at++;
    for (;;) {
      this.skipBlanks();
      if (this.#peek() !== '"') this.#refuse('looking for beginning of object key string');
      this.#string();
      this.skipBlanks();
      if (this.#peek() !== ':') this.#refuse('after object key');
      this.#at++;
      this.value(depth + 1);
      this.skipBlanks();
      const next = this.#peek();
      if (next !== ',' && next !== '}') this.#refuse('after object key:value pair');
      this.#at++;
      if (next === '}') return;
    }
  }

  #array(depth: number): void {
    this.#at++;
    this.skipBlanks();
    if (this.#peek() === ']') return void this.#at++;
    for (;;) {
      this.value(depth + 1);
      this.skipBlanks();
      const next = this.#peek();
      if (next !== ',' && next !== ']') this.#refuse('after array element');
      this.#at++;
      if (next === ']') return;
    }
  }

  #string(): void {
    this.#at++;
    for (;;) {
      const character = this.#peek();
      if (character < ' ') this.#refuse('in string literal');
      this.#at++;
      if (character === '"') return;
      if (character === '\\') this.#escape();
    }
  }

  #escape(): void {
    const kind = this.#peek();
    if (!'"\\/bfnrtu'.includes(kind)) this.#refuse('in string escape code');
    this.#at++;
    if (kind !== 'u') return;
    for (let digit = 0; digit < 4; digit++) {
      if (!/[0-9a-fA-F]/.test(this.#peek())) this.#refuse('in \\u hexadecimal character escape');
      this.#at++;
    }
  }

  #number(): void {
    if (this.#peek() === '-') this.#at++;
    if (this.#peek() === '0') this.#at++;
    else this.#digits('in numeric literal');
    if (this.#text[this.#at] === '.') {
      this.#at++;
      this.#digits('after decimal point in numeric literal');
    }
    if (this.#text[this.#at]?.toLowerCase() !== 'e') return;
    this.#at++;
    if (this.#peek() === '+' || this.#peek() === '-') this.#at++;
    this.#digits('in exponent of numeric literal');
  }

  #digits(context: string): void {
    if (!/[0-9]/.test(this.#peek())) this.#refuse(context);
    while (/[0-9]/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #literal(word: string): void {
    for (let index = 0; index < word.length; index++) {
      if (this.#peek() !== word[index]) {
        this.#refuse(`in literal ${word} (expecting ${quoteCharacter(word[index] as string)})`);
      }
      this.#at++;
    }
  }

  #peek(): string {
    const character = this.#text[this.#at];
    if (character === undefined) throw new Fault('unexpected EOF');
    return character;
  }

  #refuse(context: string): never {
    throw new Fault(`invalid character ${quoteCharacter(this.#peek())} ${context}`);
  }
}

/** As Go quotes a character. */
function quoteCharacter(character: string): string {
  if (character === "'") return `'\\''`;
  if (character === '"') return `'"'`;
  return `'${JSON.stringify(character).slice(1, -1)}'`;
}
