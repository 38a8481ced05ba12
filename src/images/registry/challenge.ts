/** `WWW-Authenticate` (RFC 9110, section 11.6.1): what a registry wants to see. */

export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
/** Longer ones are no challenge but an attack. */
const maxLength = 16 * 1024;

/** The challenges in a header, in its order; what is malformed ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  if (header.length > maxLength) return challenges;
  const reader = new Reader(header);
  for (;;) {
    reader.skip(/[\s,]*/y);
    const scheme = reader.take(token);
    if (scheme === '') return challenges;
    const parameters = new Map<string, string>();
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
    reader.skip(/[ \t]*/y);
    let separated = true;
    for (let parameter = reader.parameter(); parameter && separated; parameter = reader.parameter()) {
      if (!parameters.has(parameter[0])) parameters.set(...parameter);
      separated = reader.take(/[ \t]*,[\s,]*/y) !== '';
    }
    // Without parameters the comma is still to come.
    if (parameters.size === 0) separated = reader.take(/[ \t]*,/y) !== '';
    if (!separated) return challenges;
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  skip(pattern: RegExp): void {
    this.take(pattern);
  }

  /** What matches here (sticky pattern); empty when nothing does. */
  take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  /** `name = value`; undefined, and nothing read, when something else is here. */
  parameter(): [name: string, value: string] | undefined {
    const start = this.#at;
    const name = this.take(token);
    const equals = this.take(/[ \t]*=[ \t]*/y);
    const value = name !== '' && equals !== '' ? this.#value() : undefined;
    if (value !== undefined) return [name.toLowerCase(), value];
    this.#at = start;
    return undefined;
  }

  #value(): string | undefined {
    const quoted = this.take(/"(?:[^"\\]|\\.)*"/sy);
    if (quoted !== '') return quoted.slice(1, -1).replace(/\\(.)/gs, '$1');
    const plain = this.take(token);
    return plain === '' ? undefined : plain;
  }
}
