import { expect, test } from 'bun:test';
import { deviceNumbers, deviceSource } from './host-devices.ts';
import { isAtLeast } from './host-probe.ts';

test('device numbers, small and large', () => {
  expect(deviceNumbers(0x103)).toEqual({ major: 1, minor: 3 });
  expect(deviceNumbers(0x10ae5)).toEqual({ major: 0x10a, minor: 0xe5 });
  expect(deviceNumbers(0x1000_5672_3489)).toEqual({ major: 0x1234, minor: 0x56789 });
});

test("this host's /dev", () => {
  const { lookup, all } = deviceSource();
  expect(lookup('/dev/null')).toMatchObject({ kind: 'device', device: { type: 'c', major: 1, minor: 3 } });
  expect(lookup('/dev/no-such-device').kind).toBe('missing');
  expect(lookup('/etc/passwd').kind).toBe('other');
  const paths = all().map(({ path }) => path);
  expect(paths).toContain('/dev/null');
  expect(paths.filter((path) => path.startsWith('/dev/pts/') || path === '/dev/console')).toEqual([]);
});

test('kernel releases', () => {
  expect(isAtLeast('6.1.0-13-amd64', 5, 12)).toBe(true);
  expect(isAtLeast('5.12.0', 5, 12)).toBe(true);
  expect(isAtLeast('5.4.0-1', 5, 12)).toBe(false);
});
