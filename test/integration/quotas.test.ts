/** Limits of what containers and volumes may write: `--storage-opt size=`, `volume create --opt size=`. */
import { describe, expect } from 'bun:test';
import { dataRootOn, quotaFileSystems } from '../support/file-systems.ts';
import { requires, type Requirement } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

interface Case {
  readonly driver: string;
  readonly fileSystem: string;
  readonly needs: readonly Requirement[];
  readonly prepare: string;
}

const { ext4, xfs } = quotaFileSystems;
const cases: readonly Case[] = [
  { driver: 'overlay2', fileSystem: 'xfs', needs: ['xfs-quotas'], prepare: dataRootOn(xfs.make, '512M', `loop,${xfs.option}`) },
  { driver: 'overlay2', fileSystem: 'ext4', needs: ['ext4-quotas', 'caisson'], prepare: dataRootOn(ext4.make, '512M', `loop,${ext4.option}`) },
  { driver: 'btrfs', fileSystem: 'btrfs', needs: ['btrfs'], prepare: dataRootOn('mkfs.btrfs', '512M') },
  { driver: 'overlay2', fileSystem: 'btrfs', needs: ['btrfs', 'caisson'], prepare: dataRootOn('mkfs.btrfs', '512M') },
];

/** Written to the disk: btrfs counts then. What came of it is told, not how. */
const fill = (megabytes: number, file: string) => `dd if=/dev/zero of=${file} bs=1M count=${megabytes} conv=fsync 2>/dev/null && echo written || echo refused`;

for (const { driver, fileSystem, needs, prepare } of cases) {
  describe(`${driver} on ${fileSystem}`, () => {
    const { subject, it } = useEngine({ args: ['--storage-driver', driver], prepare }, ...needs);
    const run = (...words: string[]) => subject.output('run', '--rm', '--network', 'none', ...words);

    it('limits what a container may write', async () => {
      expect(await run('--storage-opt', 'size=12M', 'busybox', 'sh', '-c', `${fill(6, '/a')}; ${fill(10, '/b')}; rm /b; ${fill(3, '/c')}`)).toBe('written\nrefused\nwritten');
      expect(await run('busybox', 'sh', '-c', fill(16, '/a'))).toBe('written');
    });

    it('limits each container for itself, whichever daemon made it', async () => {
      const create = () => subject.output('create', '--network', 'none', '--storage-opt', 'size=12M', 'busybox', 'sh', '-c', `${fill(8, '/a')}; ${fill(8, '/b')}`);
      const first = await create();
      expect(await subject.output('start', '-a', first)).toBe('written\nrefused');
      if (!subject.isDockerd) {
        await subject.engine.endDaemon('SIGKILL');
        await subject.engine.startDaemon();
      }
      const second = await create();
      expect(await subject.output('start', '-a', second)).toBe('written\nrefused');
      expect(await subject.inspect(second, '{{json .HostConfig.StorageOpt}}')).toBe('{"size":"12M"}');
      await subject.output('rm', first, second);
    });

    it('says what is wrong with an option', async () => {
      const refusal = async (...words: string[]) => (await subject.docker('create', ...words, 'busybox')).stderr.trim();
      expect(await refusal('--storage-opt', 'size=x')).toContain("invalid size: 'x'");
      expect(await refusal('--storage-opt', 'size=12M', '--storage-opt', 'foo=1')).toContain('Unknown option foo');
      expect((await subject.docker('volume', 'create', '--opt', 'size=x', 'bad')).stderr).toContain("create bad: invalid size: 'x'");
    });

    requires('caisson', 'engine', 'root', 'docker-cli', 'overlay', 'cgroups', ...needs)('limits what a volume may hold', async () => {
      await subject.output('volume', 'create', '--opt', 'size=10M', 'bounded');
      expect(await run('-v', 'bounded:/v', 'busybox', 'sh', '-c', `${fill(6, '/v/a')}; ${fill(8, '/v/b')}; ${fill(14, '/elsewhere')}`)).toBe('written\nrefused\nwritten');
      await subject.output('volume', 'rm', 'bounded');
      await subject.output('volume', 'create', 'bounded');
      expect(await run('-v', 'bounded:/v', 'busybox', 'sh', '-c', fill(14, '/v/a'))).toBe('written');
      await subject.output('volume', 'rm', 'bounded');
    });

    leavesNothingBehind(subject, ...needs);
  });
}

describe('where the file system keeps no limits', () => {
  const { subject, it } = useEngine();

  it('they are refused', async () => {
    const refusal = async (option: string) => (await subject.docker('create', '--storage-opt', option, 'busybox')).stderr.trim();
    expect(await refusal('size=10M')).toContain("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
    expect(await refusal('foo=1')).toContain('Unknown option foo');
    expect((await subject.docker('volume', 'create', '--opt', 'size=10M', 'bounded')).stderr).toContain('create bounded: quota size requested but no quota support');
    expect(await subject.output('volume', 'create', '--opt', 'size=0', 'unbounded')).toBe('unbounded');
  });

  leavesNothingBehind(subject);
});
