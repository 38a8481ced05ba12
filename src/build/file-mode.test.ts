import { expect, test } from 'bun:test';
import { parseFileMode } from './file-mode.ts';

test('modes are what chmod makes of them', () => {
  for (const [text, before, isDirectory, after] of [
    ['0640', 0o777, false, 0o640], ['u=rwX,go=rX', 0o600, false, 0o644], ['u=rwX,go=rX', 0o700, true, 0o755], ['a+x,o-r', 0o644, false, 0o751],
    ['+x', 0o600, false, 0o711], ['go=u', 0o750, false, 0o777], ['u+s', 0o755, false, 0o4755], ['+t', 0o755, true, 0o1755], ['u-w+x', 0o644, false, 0o544],
    ['g=', 0o664, false, 0o604],
  ] as const) expect([text, parseFileMode(text)?.(before, isDirectory).toString(8)]).toEqual([text, after.toString(8)]);
  for (const text of ['', '8', '99999', 'u', 'x+r', 'u=q', 'u=r,', 'rwx']) expect([text, parseFileMode(text)]).toEqual([text, undefined]);
});
