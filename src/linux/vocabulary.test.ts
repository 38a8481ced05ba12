import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import {
  availableCapabilities, capabilitiesOf, capabilityMask, capabilityNames, defaultCapabilities, effectiveMask, normalizeCapabilities,
  tweakCapabilities,
} from './capabilities.ts';
import { errno, errnoName, errnoNumber, errnoText } from './errno.ts';
import { namespaceFlags, namespacePath } from './namespaces.ts';
import { RLIM_INFINITY, rlimitNumber, rlimitOfUlimit, rlimitValue } from './rlimits.ts';
import { parseSignal, signalName } from './signals.ts';

test('errno has names and texts', () => {
  expect(errnoName(2)).toBe('ENOENT');
  expect(errnoText(2)).toBe('no such file or directory');
  expect(errnoName(9999)).toBe('E9999');
  for (const [name, number] of Object.entries(errno)) expect(errnoNumber(name)).toBe(number);
});

test.each([
  ['SIGTERM', 15], ['term', 15], ['sigkill', 9], ['9', 9], ['64', 64], ['SIGRTMIN', 34], ['RTMIN+3', 37], ['SIGRTMAX', 64], ['rtmax-14', 50],
  ['SIGIOT', 6], ['CLD', 17],
])('signal %s is %d', (text, number) => {
  expect(parseSignal(text)).toBe(number);
});

test.each(['0', '', 'FOO', 'SIGSIGTERM', 'RTMIN+16', 'SIG', '9 ', '1.5'])('signal %p is refused', (text) => {
  expect(() => parseSignal(text)).toThrow(`invalid signal: ${text}`);
});

test('a signal out of range is refused', () => {
  expect(() => parseSignal('65')).toThrow('the linux daemon does not support signal 65');
  expect(() => parseSignal('-9')).toThrow('the linux daemon does not support signal -9');
});

test('signals have names, and each name its number', () => {
  expect(signalName(15)).toBe('SIGTERM');
  expect(signalName(32)).toBe('32');
  for (let number = 1; number <= 64; number++) expect(parseSignal(signalName(number))).toBe(number);
});

test('capability masks', () => {
  expect(capabilityNames).toHaveLength(41);
  expect(capabilityMask(defaultCapabilities)).toBe(0xa80425fbn);
  expect(capabilityMask(capabilityNames)).toBe((1n << 41n) - 1n);
  expect(capabilityMask(['CAP_NOTHING'])).toBe(0n);
  expect(capabilityMask(capabilitiesOf(0xa80425fbn))).toBe(0xa80425fbn);
  expect(effectiveMask('Name:\tx\nCapEff:\t000001fffeffffff\nCapBnd:\t0\n')).toBe(0x1fffeffffffn);
  expect(capabilityMask(availableCapabilities())).toBe(effectiveMask(readFileSync('/proc/self/status', 'utf8')));
});

const withoutResource = capabilityNames.filter((name) => name !== 'CAP_SYS_RESOURCE');

test('capabilities are added and dropped by Docker\'s rules', () => {
  expect(tweakCapabilities({}, withoutResource)).toEqual([...defaultCapabilities]);
  expect(tweakCapabilities({ privileged: true }, withoutResource)).toEqual(withoutResource);
  expect(tweakCapabilities({ add: ['net_admin'], drop: ['CAP_MKNOD', 'chown'] }, withoutResource)).toEqual([
    ...defaultCapabilities.filter((name) => name !== 'CAP_MKNOD' && name !== 'CAP_CHOWN'), 'CAP_NET_ADMIN',
  ]);
  expect(tweakCapabilities({ add: ['ALL'], drop: ['kill'] }, withoutResource)).toEqual(withoutResource.filter((name) => name !== 'CAP_KILL'));
  expect(tweakCapabilities({ add: ['chown', 'CHOWN'], drop: ['all'] }, withoutResource)).toEqual(['CAP_CHOWN']);
  expect(tweakCapabilities({ drop: ['SYS_RESOURCE'] }, withoutResource)).toEqual([...defaultCapabilities]);
});

test('capabilities that do not exist or cannot be had are refused', () => {
  expect(() => normalizeCapabilities(['foo'])).toThrow('unknown capability: "CAP_FOO"');
  expect(() => normalizeCapabilities(['sys_resource'], withoutResource)).toThrow(
    'capability not supported by your kernel or not available in the current environment: "CAP_SYS_RESOURCE"',
  );
});

test('limits', () => {
  expect(rlimitNumber('RLIMIT_NOFILE')).toBe(7);
  expect(rlimitNumber('toString')).toBeUndefined();
  expect(rlimitOfUlimit('NOFILE')).toBe('RLIMIT_NOFILE');
  expect(rlimitOfUlimit('as')).toBeUndefined();
  expect(rlimitValue(-1)).toBe(RLIM_INFINITY);
  expect(rlimitValue(1024)).toBe(1024n);
});

test('namespaces', () => {
  expect(namespaceFlags(['pid', 'mount', 'network'])).toBe(0x60020000);
  expect(namespacePath(42, 'network')).toBe('/proc/42/ns/net');
});
