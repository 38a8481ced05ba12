import { expect, test } from 'bun:test';
import { negotiate, refusalOfOld } from './version.ts';
import { cleanPath, parseTarget, Router } from './router.ts';
import type { Route } from './router.ts';

const route = (method: Route['method'], path: string): Route => ({ method, path, handler: () => undefined });
const router = new Router([
  route('GET', '/containers/json'),
  route('GET', '/containers/{id}/attach/ws'),
  route('GET', '/containers/{id}/json'),
  route('DELETE', '/containers/{id}'),
  route('GET', '/images/{name}/json'),
  route('GET', '/images/get'),
  route('GET', '/images/{name}/get'),
]);

test.each([
  ['GET', '/containers/json', '/containers/json', ''],
  ['GET', '/containers/abc/json', '/containers/{id}/json', 'abc'],
  ['GET', '/containers/abc/attach/ws', '/containers/{id}/attach/ws', 'abc'],
  ['DELETE', '/containers/json', '/containers/{id}', 'json'],
  ['GET', '/images/registry:5000/a/b:1/json', '/images/{name}/json', 'registry:5000/a/b:1'],
  ['GET', '/images/get', '/images/get', ''],
  ['GET', '/images/get/get', '/images/{name}/get', 'get'],
] as const)('%s %s', (method, path, expected, param) => {
  const match = router.find(method, path);
  expect([match?.route.path, match?.param]).toEqual([expected, param]);
});

test.each([['GET', '/'], ['GET', ''], ['POST', '/containers/json'], ['GET', '/containers/'], ['GET', '/containers//json'], ['GET', '/images/x'], ['PATCH', '/images/get'], ['GET', '/constructor/json']])(
  '%s %s is not known',
  (method, path) => {
    expect(router.find(method, path)).toBeUndefined();
  },
);

test('targets', () => {
  expect(parseTarget('/v1.41/images/a%2Fb/json?x=%31')).toEqual({ path: '/images/a/b/json', version: '1.41', query: 'x=%31' });
  expect(parseTarget('/version')).toEqual({ path: '/version', version: undefined, query: '' });
  expect(parseTarget('/v1.41')).toEqual({ path: '/v1.41', version: undefined, query: '' });
  expect(() => parseTarget('/a%zz')).toThrow('invalid URL escape "%zz"');
});

test('paths are cleaned as gorilla/mux does', () => {
  expect(cleanPath('/containers/json')).toBeUndefined();
  expect(cleanPath('//containers/./json')).toBe('/containers/json');
  expect(cleanPath('/containers/../../info/')).toBe('/info/');
  expect(cleanPath('/images/.hidden/json')).toBeUndefined();
});

test('versions', () => {
  expect(negotiate('1.24')).toBe(24);
  expect(negotiate('1.51')).toBe(51);
  expect(() => negotiate('1.99')).toThrow('client version 1.99 is too new. Maximum supported API version is 1.51');
  expect(() => negotiate('2.0')).toThrow('too new');
  expect(refusalOfOld('1.24')).toBeUndefined();
  expect(refusalOfOld('1.10')).toBe(
    'client version 1.10 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version',
  );
  expect(refusalOfOld('.')).toContain('too old');
});
