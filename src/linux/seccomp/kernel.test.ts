import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

test('the kernel takes the default filter, and does what it says', () => {
  const child = spawnSync(process.execPath, [join(import.meta.dir, 'filtered.fixture.ts')], { encoding: 'utf8' });
  expect(child.stderr).toBe('');
  expect(child.stdout.trim()).toBe('done done done EPERM ENOSYS EPERM done EPERM ENOSYS');
});
