import { expect, test } from 'bun:test';
import { pathMatch } from './path-match.ts';

test('patterns match as Go’s path.Match does', () => {
  for (const [pattern, name, matches] of [
    ['busybox', 'busybox', true],
    ['busy*', 'busybox', true],
    ['busy', 'busybox', false],
    ['*', 'a/b', false],
    ['*/*', 'a/b', true],
    ['b?sybox', 'busybox', true],
    ['[a-c]usybox', 'busybox', true],
    ['[^a-c]usybox', 'busybox', false],
    ['[a\\-z]x', '-x', true],
    ['a.c', 'abc', false],
    ['\\*', '*', true],
    ['*:1', 'rich:1', true],
    ['', '', true],
    ['(', '(', true],
  ] as const) expect([pattern, name, pathMatch(pattern, name)]).toEqual([pattern, name, matches]);
});

test('what is no pattern is refused', () => {
  for (const pattern of ['[', '[]a]', '[a', '\\', '[z-a]', '[-x]', '[a-]']) {
    expect(() => pathMatch(pattern, 'a')).toThrow('syntax error in pattern');
  }
});
