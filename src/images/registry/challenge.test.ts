import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { parseChallenges } from './challenge.ts';

const parsed = (header: string) => parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test('challenges as registries send them', () => {
  expect(parsed('Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"')).toEqual([
    ['bearer', { realm: 'https://auth.docker.io/token', service: 'registry.docker.io', scope: 'repository:a/b:pull,push' }],
  ]);
  expect(parsed('Basic realm="Registry Realm"')).toEqual([['basic', { realm: 'Registry Realm' }]]);
  expect(parsed('Bearer realm="x", error="invalid_token" , Basic realm=plain')).toEqual([['bearer', { realm: 'x', error: 'invalid_token' }], ['basic', { realm: 'plain' }]]);
  expect(parsed('Negotiate, Basic realm="a \\"quoted\\" word"')).toEqual([['negotiate', {}], ['basic', { realm: 'a "quoted" word' }]]);
});

test('what is malformed ends the list', () => {
  for (const header of ['', '   ', ',,,', '"', '=', 'Bearer realm="unfinished', `Basic realm="${'x'.repeat(20_000)}"`]) {
    expect(parseChallenges(header).every(({ parameters }) => parameters.size === 0)).toBe(true);
  }
});

test('any text is read in bounded time, and gives no names that are not in it', () => {
  const text = fc.oneof(fc.string({ maxLength: 300 }), fc.stringMatching(/^[Bb",= \\a-z]{0,200}$/));
  fc.assert(fc.property(text, (header) => {
    for (const { scheme, parameters } of parseChallenges(header)) {
      expect(header.toLowerCase()).toContain(scheme);
      for (const name of parameters.keys()) expect(header.toLowerCase()).toContain(name);
    }
  }));
});

test('what was written is read again', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);
  const value = fc.string({ maxLength: 20, unit: 'grapheme-ascii' });
  const challenge = fc.tuple(word, fc.dictionary(word, value, { minKeys: 1, maxKeys: 4 }));
  fc.assert(fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
    const quote = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
    const header = challenges.map(([scheme, parameters]) => `${scheme} ${Object.entries(parameters).map(([name, text]) => `${name}=${quote(text)}`).join(', ')}`).join(', ');
    expect(parsed(header)).toEqual(challenges.map(([scheme, parameters]) => [scheme, { ...parameters }]));
  }));
});
