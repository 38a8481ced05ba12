import { afterAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseDriver } from './drivers.ts';
import { isRoot } from './testing.ts';

const scratch = mkdtempSync(join(tmpdir(), 'caisson-drivers-'));
afterAll(() => rmSync(scratch, { recursive: true }));

let count = 0;
function dataRoot(...roots: string[]): string {
  const root = join(scratch, String(count++));
  mkdirSync(root);
  for (const path of roots) mkdirSync(join(root, path), { recursive: true });
  return root;
}

describe.skipIf(!isRoot)('the choice of a storage driver (needs root)', () => {
  test('is the one that was named', () => {
    expect(chooseDriver({ dataRoot: dataRoot(), name: 'vfs' })).toBe('vfs');
    expect(() => chooseDriver({ dataRoot: dataRoot(), name: 'aufs' })).toThrow('error initializing graphdriver: driver not supported: aufs');
  });

  test('is the one of the containers that are there', () => {
    expect(chooseDriver({ dataRoot: dataRoot('vfs/one'), name: '' })).toBe('vfs');
    expect(chooseDriver({ dataRoot: dataRoot('overlay/one', 'vfs/.removed-two', 'btrfs/roots'), name: '' })).toBe('overlay2');
  });

  test('leaves no container behind', () => {
    expect(() => chooseDriver({ dataRoot: dataRoot('vfs/one'), name: 'overlay2' })).toThrow('remove them under --storage-driver vfs first');
    expect(() => chooseDriver({ dataRoot: dataRoot('vfs/one', 'overlay/two'), name: '' })).toThrow('contains several valid graphdrivers: overlay2, vfs;');
  });

  test('is refused where it cannot work', () => {
    const root = dataRoot('lower', 'upper', 'work', 'merged');
    expect(() => chooseDriver({ dataRoot: '/proc', name: 'btrfs' })).toThrow('prerequisites for driver not satisfied (wrong filesystem?): btrfs');
    expect(chooseDriver({ dataRoot: root, name: '' })).not.toBe('vfs');
  });
});
