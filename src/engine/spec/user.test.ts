import { expect, test } from 'bun:test';
import { resolveUser } from './user.ts';

const files = {
  passwd:
    'root:x:0:0:root:/root:/bin/sh\n\nalice:x:1000:1001::/home/alice:/bin/sh\n12:x:500:500::/digits:/bin/sh\nbroken\n',
  group: 'root:x:0:\nalice:x:1001:\nwheel:x:10:root,alice\nvideo:x:44:alice\n',
};
const empty = { passwd: '', group: '' };

test.each([
  ['', { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' }],
  ['root', { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' }],
  ['alice', { uid: 1000, gid: 1001, additionalGids: [1001, 10, 44], home: '/home/alice' }],
  ['1000', { uid: 1000, gid: 1001, additionalGids: [1001, 10, 44], home: '/home/alice' }],
  ['4242', { uid: 4242, gid: 0, additionalGids: [0], home: '/' }],
  ['alice:video', { uid: 1000, gid: 44, additionalGids: [44], home: '/home/alice' }],
  ['alice:999', { uid: 1000, gid: 999, additionalGids: [999], home: '/home/alice' }],
  [':10', { uid: 0, gid: 10, additionalGids: [10], home: '/root' }],
  ['12', { uid: 12, gid: 0, additionalGids: [0], home: '/' }],
])('%s', (spec, expected) => {
  expect(resolveUser(spec, [], files)).toEqual(expected);
});

test('an image without the files knows numbers only', () => {
  expect(resolveUser('', [], empty)).toEqual({ uid: 0, gid: 0, additionalGids: [0], home: '/' });
  expect(resolveUser('5:6', [], empty)).toMatchObject({ uid: 5, gid: 6 });
  expect(() => resolveUser('root', [], empty)).toThrow('unable to find user root: no matching entries in passwd file');
});

test.each([
  ['bob', [], 'unable to find user bob: no matching entries in passwd file'],
  ['alice:nobody', [], 'unable to find group nobody: no matching entries in group file'],
  ['alice', ['nobody'], 'unable to find group nobody: no matching entries in group file'],
  ['4294967296', [], 'uids and gids must be in range 0-2147483647'],
  ['-1', [], 'uids and gids must be in range 0-2147483647'],
  ['0:2147483648', [], 'uids and gids must be in range 0-2147483647'],
])('%s with %j: %s', (spec, groupAdd, message) => {
  expect(() => resolveUser(spec, groupAdd, files)).toThrow(message);
});

test('added groups come last, by name or number, once', () => {
  expect(resolveUser('alice', ['video', '77', 'root'], files).additionalGids).toEqual([1001, 10, 44, 77, 0]);
});
