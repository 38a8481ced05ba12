import { expect, test } from 'bun:test';
import { isGitUrl, parseGitUrl } from './url.ts';

test('git repositories are told from other URLs', () => {
  for (const text of ['https://h/a.git', 'http://h/a.git#v1', 'https://h/a.git?ref=v1', 'git://h/a', 'ssh://git@h/a', 'git@h:a/b.git', 'git@h:a#main:sub'])
    expect([text, isGitUrl(text)]).toEqual([text, true]);
  for (const text of ['https://h/a', 'https://h/a.git/x.tar', 'https://h/?x=a.git', 'file:///etc/.git', '/a.git', 'a.git', 'ext::sh -c x', '-u@h:x/y z'.slice(1, 3)])
    expect([text, isGitUrl(text)]).toEqual([text, false]);
});

test('fragments and queries say what of a repository is meant', () => {
  const all = { ref: '', subdirectory: '', checksum: '', keepGitDirectory: false, submodules: true };
  for (const [text, parts] of [
    ['https://h/a.git', {}], ['https://h/a.git#v1', { ref: 'v1' }], ['https://h/a.git#v1:sub/dir', { ref: 'v1', subdirectory: 'sub/dir' }], ['https://h/a.git#:sub', { subdirectory: 'sub' }],
    ['https://h/a.git?branch=b&subdir=s', { ref: 'refs/heads/b', subdirectory: 's' }], ['https://h/a.git?tag=t&keep-git-dir', { ref: 'refs/tags/t', keepGitDirectory: true }],
    ['https://h/a.git?checksum=abcdef1&submodules=false', { checksum: 'abcdef1', submodules: false }],
  ] as const) expect([text, parseGitUrl(text)]).toEqual([text, { ...all, remote: 'https://h/a.git', ...parts }]);
  expect(parseGitUrl('git@h:a/b.git#main')).toEqual({ ...all, remote: 'git@h:a/b.git', ref: 'main' });
  for (const text of ['https://h/a.git#--upload-pack=x', 'https://h/a.git#a..b', 'https://h/a.git#a b', 'https://h/a.git?foo=1', 'https://h/a.git?ref=a#b', 'https://h/\u0007.git'])
    expect(() => parseGitUrl(text)).toThrow();
});
