import { expect, test } from 'bun:test';
import { parseCheckOptions } from './options.ts';

test('options of checks are read as BuildKit reads them', () => {
  expect(parseCheckOptions(undefined)).toEqual({ skip: new Set(), experimental: new Set(), isError: false });
  expect(parseCheckOptions(' skip=A, B ;error=true;experimental=all')).toEqual({ skip: new Set(['A', 'B']), experimental: 'all', isError: true });
  for (const [text, message] of [
    ['skip', 'invalid check option "skip"'], ['foo=1', 'invalid check option "foo"'],
    ['error=maybe', 'failed to parse check option "error=maybe": strconv.ParseBool: parsing "maybe": invalid syntax'],
  ] as const) expect(() => parseCheckOptions(text)).toThrow(message);
});
