/** `caisson daemon --gc-high`: what nobody needs goes when the disk fills, and nothing else. */
import { expect } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { build } from '../support/build.ts';
import { dataRootOn } from '../support/file-systems.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar } from '../support/tar.ts';

const args = ['--gc-high', '68', '--gc-low', '58%', '--gc-min-age', '0s', '--gc-keep', 'reference=kept-by-name*', '--gc-keep', 'label=keep=yes'];
const { subject, it } = useEngine({ args, prepare: dataRootOn('mkfs.ext4 -q', '128M') }, 'caisson');

const isThere = async (name: string) => (await subject.docker('image', 'inspect', name)).code === 0;
const large = (megabytes: number) => tar([{ type: 'file', name: 'f', data: randomBytes(megabytes * 2 ** 20) }]);
const bring = (name: string, megabytes: number, ...options: string[]) => subject.output('import', ...options, '-', name, { stdin: large(megabytes) });

it('collects the build cache, then images that were not used for the longest time', async () => {
  const { error } = await build(subject.engine.socket, 'FROM busybox\nCOPY f /f\n', [{ type: 'file', name: 'f', data: randomBytes(10 * 2 ** 20) }], { t: 'built' });
  expect(error).toBeUndefined();
  await subject.output('rmi', 'built');
  await bring('kept-by-name:1', 4);
  await bring('kept-by-label', 4, '--change', 'LABEL keep=yes');
  await bring('kept-by-its-own', 4, '--change', 'LABEL caisson.keep=');
  await bring('used-by-a-container', 4);
  await subject.output('create', 'used-by-a-container', '/f');
  await bring('older', 12);
  await bring('newer', 12);
  await subject.output('volume', 'create', 'unused');
  // A container of it makes it the one that was used last.
  await subject.output('rm', await subject.output('create', 'older', '/f'));
  await bring('last', 20);
  while (await isThere('newer'));
  expect(await subject.api.json('GET', '/system/df?type=build-cache')).toMatchObject({ BuildCache: [] });
  for (const name of ['kept-by-name:1', 'kept-by-label', 'kept-by-its-own', 'used-by-a-container']) expect([name, await isThere(name)]).toEqual([name, true]);
  expect(await subject.output('volume', 'ls', '-q')).toBe('unused');
  // Enough was free before it was its turn.
  expect([await isThere('older'), await isThere('last')]).toEqual([true, true]);
  expect((await subject.api.json<{ Findings: unknown[] }>('POST', '/system/check')).Findings).toEqual([]);
});

leavesNothingBehind(subject, 'caisson');
