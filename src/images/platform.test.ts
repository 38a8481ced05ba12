import { expect, test } from 'bun:test';
import { formatPlatform, parsePlatform, platformMatches } from './platform.ts';

const host = { os: 'linux', architecture: 'amd64', variant: '' };
const parse = (text: string) => parsePlatform(text, host);

test('platforms are read as containerd reads them', () => {
  for (const [text, platform] of [
    ['linux', 'linux/amd64'],
    ['arm64', 'linux/arm64'],
    ['x86_64', 'linux/amd64'],
    ['LINUX/AMD64', 'linux/amd64'],
    ['linux/arm64/8', 'linux/arm64/v8'],
    ['linux/armhf', 'linux/arm/v7'],
    ['windows/amd64', 'windows/amd64'],
  ] as const) expect(formatPlatform(parse(text))).toBe(platform);
});

test('what is no platform is refused in its words', () => {
  expect(() => parse('nonsense')).toThrow('"nonsense": unknown operating system or architecture: invalid argument');
  expect(() => parse('a/b/c/d')).toThrow('"a/b/c/d": cannot parse platform specifier: invalid argument');
  expect(() => parse('linux/')).toThrow(
    '"" is an invalid component of "linux/": platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument',
  );
});

test('an image for an older variant runs, one for a newer or another does not', () => {
  const matches = (made: string, wanted: string) => platformMatches(parse(made), parse(wanted));
  expect(matches('linux/amd64', 'linux/amd64')).toBe(true);
  expect(matches('linux/386', 'linux/amd64')).toBe(true);
  expect(matches('linux/arm/v6', 'linux/arm/v7')).toBe(true);
  expect(matches('linux/arm/v7', 'linux/arm')).toBe(true);
  expect(matches('linux/arm64', 'linux/arm64/v8')).toBe(true);
  expect(matches('linux/arm/v7', 'linux/arm/v6')).toBe(false);
  expect(matches('linux/amd64/v3', 'linux/amd64')).toBe(false);
  expect(matches('linux/arm64', 'linux/amd64')).toBe(false);
  expect(matches('windows/amd64', 'linux/amd64')).toBe(false);
});
