/** Query parameters as Go's net/url and Docker's httputils read them. */
import { invalidParameter } from '../errors.ts';

/** The parameters of one request. */
export class Query {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The first value, or the empty string, as Go's `Form.Get`. */
  get(name: string): string {
    return this.#values.get(name)?.[0] ?? '';
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** Docker's BoolValue: empty, `0`, `no`, `false` and `none` are false, all else is true. */
  bool(name: string): boolean {
    const value = this.get(name).trim().toLowerCase();
    return !(value === '' || value === '0' || value === 'no' || value === 'false' || value === 'none');
  }

  boolOr(name: string, missing: boolean): boolean {
    return this.has(name) ? this.bool(name) : missing;
  }

  /**
   * A decimal integer as Go's strconv.Atoi takes it; undefined when absent or empty.
   * @throws invalid-parameter in strconv's words
   */
  int(name: string): number | undefined {
    const text = this.get(name);
    return text === '' ? undefined : atoi(text);
  }
}

/**
 * @throws invalid-parameter in strconv's words
 */
export function atoi(text: string): number {
  const fault = intFault(text, -(2n ** 63n), 2n ** 63n - 1n);
  if (fault !== undefined) throw invalidParameter(`strconv.Atoi: parsing ${JSON.stringify(text)}: ${fault}`);
  return Number(text);
}

/** Why `text` is not an integer from `min` to `max`, in strconv's words; undefined when it is one. */
export function intFault(text: string, min: bigint, max: bigint): 'invalid syntax' | 'value out of range' | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return 'invalid syntax';
  // Few digits cannot be out of any range; many need not be converted to know that they are.
  if (text.length > 24) return 'value out of range';
  const value = BigInt(text.replace(/^\+/, ''));
  return value < min || value > max ? 'value out of range' : undefined;
}

const empty = new Query(new Map());

/**
 * Parses what follows `?`.
 * @throws invalid-parameter in net/url's words
 */
export function parseQuery(raw: string): Query {
  if (raw === '') return empty;
  const values = new Map<string, string[]>();
  for (const pair of raw.split('&')) {
    if (pair === '') continue;
    if (pair.includes(';')) throw invalidParameter('invalid semicolon separator in query');
    const equals = pair.indexOf('=');
    const name = unescape(equals === -1 ? pair : pair.slice(0, equals));
    const value = equals === -1 ? '' : unescape(pair.slice(equals + 1));
    const previous = values.get(name);
    if (previous === undefined) values.set(name, [value]);
    else previous.push(value);
  }
  return new Query(values);
}

function unescape(text: string): string {
  return text.includes('%') || text.includes('+') ? percentDecode(text.replaceAll('+', ' ')) : text;
}

/**
 * Decodes `%xx`; bytes that are not UTF-8 become replacement characters.
 * @throws invalid-parameter in net/url's words
 */
export function percentDecode(text: string): string {
  const bad = /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(text);
  if (bad !== null) throw invalidParameter(`invalid URL escape ${JSON.stringify(bad[0])}`);
  try {
    return decodeURIComponent(text);
  } catch {
    const ascii = text.replace(/[^\0-\x7f]+/g, encodeURIComponent);
    const bytes = ascii.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    return Buffer.from(bytes, 'latin1').toString('utf8');
  }
}
