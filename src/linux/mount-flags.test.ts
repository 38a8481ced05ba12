import { expect, test } from 'bun:test';
import { attributeNames, mountAttribute, mountFlag, parseMountOptions, propagationFlag } from './mount-flags.ts';

test('options of a file system', () => {
  const parsed = parseMountOptions(['nosuid', 'noexec', 'nodev', 'ro', 'size=64m', 'mode=755', 'defaults']);
  expect(parsed).toEqual({
    bind: false, recursive: false, remount: false, copyUp: false, idmap: 'none', propagation: [], data: ['size=64m', 'mode=755'],
    attributesSet: 0xf, attributesClear: 0, recursiveSet: 0, recursiveClear: 0,
  });
});

test('options of a recursive bind', () => {
  const parsed = parseMountOptions(['rbind', 'rro', 'rprivate']);
  expect(parsed).toMatchObject({
    bind: true, recursive: true, recursiveSet: mountAttribute.MOUNT_ATTR_RDONLY, attributesSet: 0,
    propagation: [mountFlag.MS_PRIVATE | mountFlag.MS_REC],
  });
});

test('a later word wins', () => {
  expect(parseMountOptions(['ro', 'rw'])).toMatchObject({ attributesSet: 0, attributesClear: 1 });
  expect(parseMountOptions(['rw', 'ro'])).toMatchObject({ attributesSet: 1, attributesClear: 0 });
});

test('one access time policy replaces another, with the whole field cleared', () => {
  expect(parseMountOptions(['noatime'])).toMatchObject({ attributesSet: 0x10, attributesClear: 0x70 });
  expect(parseMountOptions(['noatime', 'strictatime'])).toMatchObject({ attributesSet: 0x20, attributesClear: 0x70 });
  expect(parseMountOptions(['noatime', 'relatime'])).toMatchObject({ attributesSet: 0, attributesClear: 0x70 });
  expect(parseMountOptions(['rnoatime'])).toMatchObject({ recursiveSet: 0x10, recursiveClear: 0x70 });
});

test('names of Object.prototype are data like any other word', () => {
  expect(parseMountOptions(['constructor', 'rtoString']).data).toEqual(['constructor', 'rtoString']);
});

test('propagation words', () => {
  expect(propagationFlag('slave')).toBe(mountFlag.MS_SLAVE);
  expect(propagationFlag('rshared')).toBe(mountFlag.MS_SHARED | mountFlag.MS_REC);
  expect(propagationFlag('ro')).toBeUndefined();
});

test('attributes have names', () => {
  expect(attributeNames(0)).toEqual(['rw', 'relatime']);
  expect(attributeNames(parseMountOptions(['ro', 'nosuid', 'noatime']).attributesSet)).toEqual(['ro', 'nosuid', 'noatime']);
});
