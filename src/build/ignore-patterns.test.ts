import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { IgnorePatterns, readIgnoreFile } from './ignore-patterns.ts';

test('patterns mean what moby/patternmatcher makes of them', () => {
  for (const [patterns, path, ignored] of [
    [['a'], 'a', true], [['a'], 'a/b', true], [['a'], 'b/a', false], [['a'], 'ab', false],
    [['*/a'], 'x/a', true], [['*/a'], 'x/y/a', false], [['*.md'], 'x.md', true], [['*.md'], 'd/x.md', false],
    [['**'], 'any/thing', true], [['**/a'], 'a', true], [['**/a'], 'x/y/a', true], [['**/a'], 'x/ya', false], [['**/a'], 'x/a/z', true],
    [['a/**'], 'a/b/c', true], [['a/**/b'], 'a/b', true], [['a/**/b'], 'a/x/y/b', true], [['a/**b'], 'a/x/b', true],
    [['a?c'], 'abc', true], [['a?c'], 'a/c', false], [['[a-c]x'], 'bx', true], [['[^a]x'], 'ax', false],
    [['\\*'], '*', true], [['\\*'], 'x', false], [['a', '!a/b'], 'a/b', false], [['a', '!a/b'], 'a/c', true],
    [['!a', 'a'], 'a', true], [['*', '!keep', 'keep/not'], 'keep/not', true], [['*', '!keep'], 'keep/x', false],
    [['/a'], 'a', false], [['./a/'], 'a', true], [['a/../b'], 'b', true], [['a.c'], 'abc', false], [['(x)'], '(x)', true], [['  a  '], 'a', true],
  ] as const) expect([patterns, path, new IgnorePatterns(patterns).matches(path)]).toEqual([patterns, path, ignored]);
});

test('the file: comments, blank lines, slashes in front', () => {
  expect(readIgnoreFile('\u{feff}# note\n\n  /a/ \n!  /b\r\n!\n#x\n c # not a comment\n')).toEqual(['a', '!b', '!', 'c # not a comment']);
});

test('what is no pattern is refused', () => {
  expect(() => new IgnorePatterns(['!'])).toThrow('illegal exclusion pattern: "!"');
  expect(() => new IgnorePatterns(['[a'])).toThrow('syntax error in pattern');
});

test('hostile patterns take no longer than others', () => {
  const patterns = new IgnorePatterns([`${'*a'.repeat(200)}b`, `${'**/'.repeat(200)}b`]);
  expect(patterns.matches('a'.repeat(4000))).toBe(false);
});

test('a path without special characters is meant by itself, with everything below it and nothing else', () => {
  const name = fc.stringMatching(/^[a-z]{1,5}$/);
  fc.assert(fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), fc.array(name, { maxLength: 3 }), name, (path, below, other) => {
    const patterns = new IgnorePatterns([path.join('/')]);
    expect(patterns.matches([...path, ...below].join('/'))).toBe(true);
    if (other !== path[0]) expect(patterns.matches(other)).toBe(false);
  }));
});
