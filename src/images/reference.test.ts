import { expect, test } from 'bun:test';
import { canonical, familiar, parseReference, taggedReference, withDefaultTag } from './reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;

test('short references are completed, and shown short again', () => {
  const cases: [text: string, full: string, shown: string][] = [
    ['busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['index.docker.io/library/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['user/app', 'docker.io/user/app:latest', 'user/app:latest'],
    ['docker.io/library/a/b', 'docker.io/library/a/b:latest', 'library/a/b:latest'],
    ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
    ['localhost:5000/app:v1', 'localhost:5000/app:v1', 'localhost:5000/app:v1'],
    [
      'registry.example.com/a/b__c-d.e:T_a.g-1',
      'registry.example.com/a/b__c-d.e:T_a.g-1',
      'registry.example.com/a/b__c-d.e:T_a.g-1',
    ],
    ['[::1]:5000/app', '[::1]:5000/app:latest', '[::1]:5000/app:latest'],
    [`busybox@${digest}`, `docker.io/library/busybox@${digest}`, `busybox@${digest}`],
    [`busybox:1@${digest}`, `docker.io/library/busybox:1@${digest}`, `busybox:1@${digest}`],
    ['Host/app', 'Host/app:latest', 'Host/app:latest'],
  ];
  for (const [text, full, shown] of cases) {
    const reference = withDefaultTag(parseReference(text));
    expect([canonical(reference), familiar(reference)]).toEqual([full, shown]);
  }
});

test('what is no reference is refused with Docker’s words', () => {
  const cases: [text: string, message: string][] = [
    ['', 'invalid reference format'],
    ['Foo', 'invalid reference format: repository name (library/Foo) must be lowercase'],
    ['user/Foo:tag', 'invalid reference format: repository name (user/Foo) must be lowercase'],
    ['a b', 'invalid reference format'],
    ['-a', 'invalid reference format'],
    ['a//b', 'invalid reference format'],
    ['a:', 'invalid reference format'],
    ['a:b:c', 'invalid reference format'],
    [`a:${'t'.repeat(129)}`, 'invalid reference format'],
    ['a@sha256:abc', 'invalid reference format'],
    ['../../etc', 'invalid reference format'],
    ['a'.repeat(64), `invalid repository name (${'a'.repeat(64)}), cannot specify 64-byte hexadecimal strings`],
    ['a'.repeat(256), 'repository name must not be more than 255 characters'],
    [`a@sha512:${'a'.repeat(128)}`, 'unsupported digest algorithm'],
    ['a-'.repeat(50_000), 'invalid reference format'],
  ];
  for (const [text, message] of cases) {
    let thrown: unknown;
    try {
      parseReference(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ class: 'invalid-parameter', message });
  }
  expect(() => taggedReference('a', 'b c')).toThrow('invalid tag format');
});
