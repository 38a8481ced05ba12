import { afterAll, expect, test } from 'bun:test';
import { closeSync, constants, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../store/database.ts';
import { BtrfsDriver } from './btrfs.ts';
import { isRoot, streamOf, tarOf } from './testing.ts';

const scratch = mkdtempSync(join(tmpdir(), 'caisson-btrfs-'));
const fileSystem = isRoot ? mountBtrfs() : undefined;
afterAll(() => {
  if (fileSystem !== undefined) closeSync(fileSystem);
  rmSync(scratch, { recursive: true });
});

/** A new file system that is mounted nowhere, and goes with its descriptor; undefined where there can be none. */
function mountBtrfs(): number | undefined {
  const [disk, mounted] = [join(scratch, 'disk'), join(scratch, 'mounted')];
  mkdirSync(mounted);
  if (!Bun.which('mkfs.btrfs') || !existsSync('/dev/loop-control')) return undefined;
  const steps = [['truncate', '-s', '256M', disk], ['mkfs.btrfs', '-q', disk], ['mount', '-o', 'loop', disk, mounted]];
  if (steps.some((step) => Bun.spawnSync(step).exitCode !== 0)) return undefined;
  const fd = openSync(mounted, constants.O_RDONLY | constants.O_DIRECTORY);
  Bun.spawnSync(['umount', '--lazy', mounted]);
  return fd;
}

test.skipIf(fileSystem === undefined)('what an earlier daemon left of images goes, and not what is being made (needs root and btrfs)', async () => {
  const dataRoot = `/proc/self/fd/${fileSystem}`;
  const [database, images] = [openDatabase(join(scratch, 'caisson.db')), `${dataRoot}/btrfs/images`];
  const driver = new BtrfsDriver({ dataRoot, database, quotas: undefined, bounds: { size: 0, minimum: 0 } });
  // So many that filling the subvolume yields to others.
  const names = Array.from({ length: 3000 }, (_, index) => `f${index}`);
  const { chainId } = await driver.unpack(null, streamOf(tarOf(...names.map((name) => ({ name, content: name })))));
  const making = driver.createRoot('root', chainId, { owner: { uid: 0, gid: 0 }, storageOptions: {} });
  making.catch(() => undefined);
  while (!readdirSync(images).some((name) => name.startsWith('tmp-'))) await new Promise((resolve) => setImmediate(resolve));
  await driver.recover();
  await making;
  expect(readdirSync(`${dataRoot}/btrfs/roots/root/tree`)).toEqual(expect.arrayContaining(names));
  const made = readdirSync(images);
  for (const name of ['99', 'tmp-99']) mkdirSync(`${images}/${name}`);
  expect(driver.check().length).toBe(2);
  await driver.recover();
  expect([readdirSync(images), driver.check()]).toEqual([made, []]);
  database.close();
});
