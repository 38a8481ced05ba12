import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { expand, expandWords } from './shell-words.ts';

const variables: Readonly<Record<string, string>> = { A: 'one', E: '', P: '/usr/local/bin', S: 'a b  c', X: '*' };
const lookup = (name: string) => (Object.hasOwn(variables, name) ? variables[name] : undefined);

test('variables, quotes and escapes as BuildKit’s lexer has them', () => {
  for (const [word, result] of [
    ['$A', 'one'], ['${A}', 'one'], ['a$A.b', 'aone.b'], ['$AB', ''], ['${A}B', 'oneB'], ['$', '$'], ['a$', 'a$'], ['$.', '$.'], ['$1x', 'x'],
    ["'$A'", '$A'], ['"$A"', 'one'], ['\\$A', '$A'], ['"\\$A\\x\\""', '$A\\x"'], ['a\\ b', 'a b'], ['a\\', 'a'], ['"a\\\\b"', 'a\\b'],
    ['${A:-d}', 'one'], ['${E:-d}', 'd'], ['${E-d}', ''], ['${N-d}', 'd'], ['${N:-$A}', 'one'], ['${N:-${E:-z}}', 'z'], ['${N:-"}"}', '}'],
    ['${A:+d}', 'd'], ['${E:+d}', ''], ['${E+d}', 'd'], ['${N+d}', ''], ['${A?no}', 'one'],
    ['${P#*/}', 'usr/local/bin'], ['${P##*/}', 'bin'], ['${P%/*}', '/usr/local'], ['${P%%/*}', ''], ['${P#x}', '/usr/local/bin'], ['${A%?}', 'on'],
    ['${X#\\*}', ''], ['${A#\\*}', 'one'], ['${P/\\//:}', ':usr/local/bin'], ['${P//\\//:}', ':usr:local:bin'], ['${A/n/N}', 'oNe'], ['${A/n*/!}', 'o!'],
    ['${A//[/x}', 'one'], ['${A/one/}', ''], ['${A/$A/b}', 'b'], ['${P/l*l/L}', '/usr/L/bin'],
  ] as const) expect([word, expand(word, lookup)]).toEqual([word, result]);
});

test('the escape character can be another', () => {
  expect(expand('C:\\x`$A', lookup, { escape: '`' })).toBe('C:\\x$A');
});

test('words split at spaces that were not quoted, those of variables too', () => {
  expect(expandWords('x $S "$S" y\\ z', lookup)).toEqual(['x', 'a', 'b', 'c', 'a b  c', 'y z']);
  expect(expandWords('$E', lookup)).toEqual([]);
});

test('what cannot be expanded is refused in Docker’s words', () => {
  for (const [word, message] of [
    ['${N?no n}', 'failed to process "${N?no n}": N: no n'],
    ['${N?}', 'N: is not allowed to be unset'],
    ['${E:?}', 'E: is not allowed to be empty'],
    ['${', "syntax error: missing '}'"],
    ['${}', 'syntax error: bad substitution'],
    ['${A', 'unsupported modifier (\u{fffd}) in substitution'],
    ['${A^}', 'unsupported modifier (^) in substitution'],
    ['${A:x}', 'unsupported modifier (:x) in substitution'],
    ['${A:-', "syntax error: missing '}'"],
    ['${A/x', "syntax error: missing '/' in ${}"],
    ['${A/x/y', "syntax error: missing '}'"],
    ['${A#\\x}', "invalid pattern (\\x) in substitution: invalid escape '\\x'"],
    ["'x", 'unexpected end of statement while looking for matching single-quote'],
    ['"x', 'unexpected end of statement while looking for matching double-quote'],
  ] as const) expect(() => expand(word, lookup)).toThrow(message);
});

test('nothing grows or lasts beyond measure', () => {
  const large = 'x'.repeat(600_000);
  expect(() => expand('$L$L', () => large)).toThrow('is longer than 1048576 characters');
  expect(() => expand('${L//*x*x*x*/y}', () => large)).toThrow('too long for such a pattern');
  expect(() => expand('${A:-'.repeat(5000), () => undefined)).toThrow('too many nested substitutions');
  expect(expand(`\${L##${'*a'.repeat(50)}b}`, () => 'a'.repeat(5000))).toBe('a'.repeat(5000));
});

test('any text is expanded or refused in words; what is quoted comes back', () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', ':', '-', '/', '#', '%', '"', "'", '\\', 'A', ' ', '?', '*', '+') }), (text) => {
    try {
      expand(text, lookup);
    } catch (error) {
      expect((error as Error).message).toStartWith('failed to process ');
    }
  }));
  fc.assert(fc.property(fc.string(), (text) => {
    expect(expand(`'${text.replaceAll("'", '')}'`, lookup)).toBe(text.replaceAll("'", ''));
    expect(expandWords(`"${text.replace(/(["$\\])/g, '\\$1')}"`, lookup)).toEqual(text === '' ? [] : [text]);
  }));
});
