import { expect, test } from 'bun:test';
import { acceptedFilters, parseFilters } from './filters.ts';
import { parseQuery } from './query.ts';

test('names and values', () => {
  const query = parseQuery('names=a&names=b%2Fc&empty=&flag&plus=a+b&%C3%A9=%ff');
  expect(query.all('names')).toEqual(['a', 'b/c']);
  expect(query.get('empty')).toBe('');
  expect([query.has('flag'), query.has('nothing')]).toEqual([true, false]);
  expect(query.get('plus')).toBe('a b');
  expect(query.get('é')).toBe('\ufffd');
});

test.each([['', false], ['0', false], ['no', false], ['FALSE', false], ['none', false], ['1', true], ['true', true], ['x', true]])('bool %j', (text, value) => {
  expect(parseQuery(`b=${text}`).bool('b')).toBe(value);
});

test('a missing bool has a default, an empty one is false', () => {
  expect(parseQuery('').boolOr('quiet', true)).toBe(true);
  expect(parseQuery('quiet=').boolOr('quiet', true)).toBe(false);
});

test('integers', () => {
  expect(parseQuery('t=-1').int('t')).toBe(-1);
  expect(parseQuery('t=').int('t')).toBeUndefined();
  expect(() => parseQuery('t=abc').int('t')).toThrow('strconv.Atoi: parsing "abc": invalid syntax');
  expect(() => parseQuery('t=99999999999999999999').int('t')).toThrow('strconv.Atoi: parsing "99999999999999999999": value out of range');
});

test('malformed queries', () => {
  expect(() => parseQuery('a=;')).toThrow('invalid semicolon separator in query');
  expect(() => parseQuery('a=%zz')).toThrow('invalid URL escape "%zz"');
  expect(() => parseQuery('a=%4')).toThrow('invalid URL escape "%4"');
});

test('filters in both forms', () => {
  expect(parseFilters('')).toEqual({});
  expect(parseFilters('null')).toEqual({});
  expect({ ...parseFilters('{"label":["a=b","c"]}') }).toEqual({ label: ['a=b', 'c'] });
  expect({ ...parseFilters('{"label":{"a=b":true,"c":true}}') }).toEqual({ label: ['a=b', 'c'] });
});

test.each(['x', '[]', '"a"', '{"label":"x"}', '{"label":[1]}', '{"label":{"x":1}}'])('filters %s are invalid', (text) => {
  expect(() => parseFilters(text)).toThrow('invalid filter');
});

test('an endpoint refuses filters it does not know', () => {
  expect(() => parseFilters('{"foo":["x"]}', acceptedFilters.containers)).toThrow("invalid filter 'foo'");
  expect(() => parseFilters('{"__proto__":["x"]}', acceptedFilters.containers)).toThrow("invalid filter '__proto__'");
  expect(() => parseFilters('{"status":["x"]}', acceptedFilters.containers)).toThrow("invalid filter 'status=x': invalid value for state (x)");
});
