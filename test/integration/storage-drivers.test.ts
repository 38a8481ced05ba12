/** The conformance suite of storage drivers: whatever makes containers' roots, docker's users see the same. */
import { describe, expect } from 'bun:test';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { tarOf } from '../../src/storage/testing.ts';
import { build } from '../support/build.ts';
import { dataRootOn } from '../support/file-systems.ts';
import { remapPrepare } from '../support/remap.ts';
import { requires, type Requirement } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

interface Case {
  readonly driver: string;
  /** Of the daemon, beside the driver. */
  readonly args?: readonly string[];
  readonly needs: readonly Requirement[];
  readonly prepare?: string;
  readonly status: unknown;
  /** Of a container's `GraphDriver.Data`; an image has the same without ID and LowerDir, or nothing. */
  readonly data: readonly string[];
  /** Where Caisson keeps roots, below the data root. */
  readonly roots: string;
}

const overlayData = ['ID', 'LowerDir', 'MergedDir', 'UpperDir', 'WorkDir'];
const cases: readonly Case[] = [
  { driver: 'overlay2', needs: [], status: expect.arrayContaining([['Supports d_type', 'true']]), data: overlayData, roots: 'overlay' },
  { driver: 'fuse-overlayfs', needs: ['fuse-overlayfs'], status: [], data: overlayData, roots: 'fuse-overlayfs' },
  { driver: 'btrfs', needs: ['btrfs'], prepare: dataRootOn('mkfs.btrfs', '512M'), status: [['Btrfs', '']], data: ['ID'], roots: 'btrfs/roots' },
  { driver: 'vfs', needs: [], status: null, data: ['ID'], roots: 'vfs' },
  { driver: 'vfs', args: ['--userns-remap', 'mapped'], needs: [], prepare: remapPrepare, status: null, data: ['ID'], roots: 'vfs' },
];

const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
const mtime = { seconds: 1_600_000_000, nanoseconds: 0 };
const image = tarOf(
  { name: 'bin/', mode: 0o755 },
  { name: 'data/', mode: 0o2750, uid: 5, gid: 6, mtime },
  { name: 'data/file', content: 'first', mode: 0o640, uid: 7, gid: 8, mtime },
  { name: 'data/hard', type: 'hard-link', linkName: 'data/file', mode: 0o640, uid: 7, gid: 8, mtime },
  { name: 'data/sym', type: 'symlink', linkName: '../../../etc/passwd' },
  { name: 'data/gone', content: 'x', mtime },
  { name: 'data/renamed', content: 'renamed', mtime },
  { name: 'data/again/', mode: 0o755, mtime },
  { name: 'data/again/old', content: 'x', mtime },
  { name: 'data/mode', content: 'x', mtime },
  { name: 'data/dir-to-file/', mode: 0o755, mtime },
  { name: 'data/dir-to-file/x', content: 'x', mtime },
  { name: 'data/file-to-dir', content: 'x', mtime },
  { name: 'data/capable', content: '#!/bin/sh\n', mode: 0o755, mtime, xattrs: new Map([['security.capability', capability]]) },
  { name: 'data/empty/', mode: 0o700, mtime },
  { name: 'data/null', type: 'character-device', mode: 0o666, deviceMajor: 1, deviceMinor: 3, mtime },
  { name: 'data/pipe', type: 'fifo', mode: 0o620, mtime },
);

const change = [
  'rm data/gone', 'rm -r data/again', 'mkdir data/again', 'touch data/again/new', 'mv data/renamed data/name', 'chmod 600 data/mode', 'rm -r data/dir-to-file', 'echo f >data/dir-to-file',
  'rm data/file-to-dir', 'mkdir data/file-to-dir', 'touch data/file-to-dir/in', 'ln data/name data/name2', 'mkdir -p fresh/inner', 'echo x >fresh/inner/f', 'ln -s inner fresh/link', 'touch same', 'rm same',
  'chown 9:10 data/empty', 'mkfifo fresh/pipe',
].join(' && ');
const changed = [
  'C /data', 'C /data/again', 'A /data/again/new', 'D /data/again/old', 'C /data/dir-to-file', 'C /data/empty', 'C /data/file-to-dir', 'A /data/file-to-dir/in', 'D /data/gone',
  'C /data/mode', 'A /data/name', 'A /data/name2', 'D /data/renamed', 'A /fresh', 'A /fresh/inner', 'A /fresh/inner/f', 'A /fresh/link', 'A /fresh/pipe',
];
/** What the tree looks like afterwards: types, modes, owners, numbers of links, contents. */
const look = 'cd / && find data fresh 2>/dev/null | sort | while read -r f; do stat -c "%n %F %a %u:%g" "$f"; done; cat data/file data/hard data/dir-to-file 2>/dev/null; readlink data/sym';

for (const { driver, args = [], needs, prepare, status, data, roots } of cases) {
  describe([driver, ...args].join(' '), () => {
    const { subject, it } = useEngine({ args: ['--storage-driver', driver, ...args], ...(prepare === undefined ? {} : { prepare }) }, ...needs);
    const run = (...words: string[]) => subject.output('run', '--rm', '--network', 'none', ...words);
    const changesOf = async (id: string) => (await subject.output('diff', id)).split('\n').filter((line) => line !== '').sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1));

    it('is what info and inspect say', async () => {
      const { Driver, DriverStatus } = await subject.api.json<{ Driver: string; DriverStatus: unknown }>('GET', '/info');
      expect({ Driver, DriverStatus }).toEqual({ Driver: driver, DriverStatus: status });
      const id = await subject.output('create', 'busybox');
      const inspected = await subject.api.json<{ GraphDriver: { Name: string; Data: object }; Driver: string }>('GET', `/containers/${id}/json`);
      expect([inspected.Driver, inspected.GraphDriver.Name, Object.keys(inspected.GraphDriver.Data)]).toEqual([driver, driver, [...data]]);
      const shown = await subject.api.json<{ GraphDriver: { Name: string; Data: object | null } }>('GET', '/images/busybox/json');
      const ofImage = data.filter((name) => name !== 'ID' && name !== 'LowerDir');
      expect([shown.GraphDriver.Name, shown.GraphDriver.Data === null ? [] : Object.keys(shown.GraphDriver.Data)]).toEqual([driver, ofImage]);
    });

    it('shows an image with everything in it', async () => {
      const id = await subject.output('create', 'busybox');
      await subject.output('cp', '-a', '-', `${id}:/`, { stdin: image });
      await subject.output('commit', id, 'tree');
      await subject.output('rm', id);
      const shown = await run('tree', 'sh', '-c', `${look}; stat -c '%h %Y' data/file; stat -c %i data/file data/hard | uniq | wc -l; stat -c '%t:%T' data/null`);
      expect(shown.split('\n')).toEqual([
        'data directory 2750 5:6', 'data/again directory 755 0:0', 'data/again/old regular file 644 0:0', 'data/capable regular file 755 0:0',
        'data/dir-to-file directory 755 0:0', 'data/dir-to-file/x regular file 644 0:0', 'data/empty directory 700 0:0', 'data/file regular file 640 7:8', 'data/file-to-dir regular file 644 0:0',
        'data/gone regular file 644 0:0', 'data/hard regular file 640 7:8', 'data/mode regular file 644 0:0', 'data/null character special file 666 0:0', 'data/pipe fifo 620 0:0', 'data/renamed regular file 644 0:0',
        'data/sym symbolic link 777 0:0', 'firstfirst../../../etc/passwd', '2 1600000000', '1', '1:3',
      ]);
      const archive = await subject.api.request('GET', `/containers/${await subject.output('create', 'tree')}/archive?path=/data/capable`);
      expect(archive.body.includes(Buffer.concat([Buffer.from('security.capability='), capability]))).toBe(true);
    });

    it('tells what a container has changed, commits it, and exports it', async () => {
      const id = await subject.output('run', '-d', '--network', 'none', 'tree', 'sh', '-c', `cd / && ${change} && ${look} && echo ready; sleep 1000`);
      while (!(await subject.output('logs', id)).endsWith('ready'));
      const seen = await subject.output('logs', id);
      expect(await changesOf(id)).toEqual(changed);
      expect((await subject.api.json<{ SizeRw: number }>('GET', `/containers/${id}/json?size=1`)).SizeRw).toBeGreaterThan(0);
      await subject.output('commit', id, 'committed');
      await subject.output('kill', id);
      // With a root that is not mounted Docker Engine does not know the marks of fuse-overlayfs.
      const slips = subject.isDockerd && driver === 'fuse-overlayfs';
      expect(await changesOf(id)).toEqual(slips ? changed.filter((line) => line !== 'D /data/again/old') : changed);
      expect(await run('committed', 'sh', '-c', `${look} && echo ready; stat -c %h data/name data/file`)).toBe(`${seen}\n2\n2`);
      expect(await changesOf(await subject.output('create', 'committed'))).toEqual([]);
      const archive = path.join(subject.engine.scratch, 'exported.tar');
      await subject.output('export', '-o', archive, id);
      await subject.output('import', archive, 'exported');
      expect(await run('exported', 'sh', '-c', `${look} && echo ready`)).toBe(seen);
    });

    it('hides what a layer above has removed or replaced', async () => {
      const dockerfile = `FROM tree\nRUN cd / && ${change}\nRUN rm -r /data/again /fresh/inner && mkdir /data/again && echo 2 >/data/again/second\nCOPY --from=tree /data/gone /data/gone\n`;
      const { error, image: built } = await build(subject.engine.socket, dockerfile, [], { networkmode: 'none' });
      expect(error).toBeUndefined();
      const again = subject.isDockerd && driver === 'fuse-overlayfs' ? 'new\nold\nsecond' : 'second';
      expect(await run(built, 'sh', '-c', 'cd / && ls data/again fresh && cat data/gone && ls data/renamed 2>/dev/null || true')).toBe(`data/again:\n${again}\n\nfresh:\nlink\npipe\nx`);
    });

    it('keeps containers of one image apart', async () => {
      const [one, two] = await Promise.all(['one', 'two'].map((name) => subject.output('run', '-d', '--network', 'none', 'tree', 'sh', '-c', `echo ${name} >/data/mode; sleep 1000`)));
      while ((await subject.output('exec', two!, 'cat', '/data/mode')) !== 'two');
      while ((await subject.output('exec', one!, 'cat', '/data/mode')) !== 'one');
      expect(await run('tree', 'cat', '/data/mode')).toBe('x');
    });

    it('fills a volume from the image', async () => {
      expect(await run('-v', `copied-${driver}:/data`, 'tree', 'sh', '-c', 'cat /data/hard; stat -c "%a %u:%g" /data /data/file')).toBe('first2750 5:6\n640 7:8');
      await subject.output('volume', 'rm', `copied-${driver}`);
    });

    it('copies files in and out, running or not', async () => {
      const id = await subject.output('create', '-v', '/data/again', 'tree', 'sleep', '1000');
      for (const name of ['at-rest', 'running']) {
        await subject.output('cp', '-', `${id}:/data`, { stdin: tarOf({ name, content: name }) });
        const { body } = await subject.api.request('GET', `/containers/${id}/archive?path=/data/${name}`);
        expect(body.subarray(512, 512 + name.length).toString()).toBe(name);
        if (name === 'at-rest') await subject.output('start', id);
      }
      expect(await subject.output('exec', id, 'cat', '/data/at-rest', '/data/running')).toBe('at-restrunning');
    });

    const recent = requires('engine-28', 'engine', 'root', 'docker-cli', 'overlay', 'cgroups', ...needs);
    recent('mounts an image, as it is, into a container of another one', async () => {
      const mount = (more = '') => ['--mount', `type=image,source=tree,target=/mnt${more}`];
      expect(await run(...mount(), 'busybox', 'sh', '-c', 'cat /mnt/data/hard; stat -c "%a %u:%g" /mnt/data /mnt/data/file; ls -a /mnt/.dockerenv /mnt/sys 2>/dev/null; touch /mnt/x 2>/dev/null || echo refused'))
        .toBe('first2750 5:6\n640 7:8\nrefused');
      expect(await run(...mount(',image-subpath=data/again'), 'busybox', 'ls', '/mnt')).toBe('old');
      const id = await subject.output('create', '--network', 'none', ...mount(), 'busybox', 'sleep', '1000');
      for (const when of ['at rest', 'running']) {
        const { body } = await subject.api.request('GET', `/containers/${id}/archive?path=/mnt/data/file`);
        expect([when, body.subarray(512, 517).toString()]).toEqual([when, 'first']);
        if (when === 'at rest') await subject.output('start', id);
      }
      await subject.output('rm', '-f', id);
    });

    it('has a root that can be read only', async () => {
      expect(await run('--read-only', 'tree', 'sh', '-c', 'touch /data/x 2>/dev/null || echo refused')).toBe('refused');
    });

    it('starts a container again with what it has written', async () => {
      const id = await subject.output('create', '--network', 'none', 'tree', 'sh', '-c', 'echo line >>/data/name; cat /data/name');
      expect(await subject.output('start', '-a', id)).toBe('line');
      expect(await subject.output('start', '-a', id)).toBe('line\nline');
    });

    requires('caisson', 'engine', 'root', 'docker-cli', 'overlay', 'cgroups', ...needs)('goes on without the daemon, and is found again', async () => {
      const id = await subject.output('run', '-d', '--network', 'none', 'tree', 'sh', '-c', 'while sleep 0.1; do date +%s%N >>/data/mode; done');
      await subject.engine.endDaemon('SIGKILL');
      await subject.engine.startDaemon();
      const length = async () => Number(await subject.output('exec', id, 'stat', '-c', '%s', '/data/mode'));
      const before = await length();
      while ((await length()) === before);
      expect(await changesOf(id)).toEqual(['C /data', 'C /data/mode']);
      await subject.output('rm', '-f', id);
    });

    if (driver === 'btrfs') {
      it('removes subvolumes that were made in a root', async () => {
        const id = await subject.output('run', '-d', '--network', 'none', 'tree', 'sleep', '1000');
        const root = path.join('/proc', await subject.inspect(id, '{{.State.Pid}}'), 'root/data');
        const btrfs = ['subvolume create sub', 'subvolume create sub/inner', 'subvolume snapshot -r sub again/read-only'].map((command) => `btrfs ${command}`).join(' && ');
        expect(Bun.spawnSync(['sh', '-c', `cd ${root} && ${btrfs} && touch sub/inner/x`]).exitCode).toBe(0);
        await subject.output('rm', '-f', id);
        if (!subject.isDockerd) while (Bun.spawnSync(subject.engine.namespaces.enter(['ls', '-A', `${subject.engine.dataRoot}/btrfs/roots`])).stdout.includes(id));
      });
    }

    requires('caisson', 'engine', 'root', 'docker-cli', 'overlay', 'cgroups', ...needs)('leaves no root and no layer', async () => {
      await subject.clear();
      const images = await subject.output('images', '-aq');
      await subject.output('rmi', '-f', ...new Set(images.split('\n')));
      await subject.output('system', 'prune', '-af');
      await subject.engine.endDaemon('SIGTERM');
      await subject.engine.startDaemon();
      expect(readdirSync(subjectPath(subject.engine.namespaces.pid, subject.engine.dataRoot, roots))).toEqual([]);
      // An empty store has got its first image.
      expect(readdirSync(subjectPath(subject.engine.namespaces.pid, subject.engine.dataRoot, 'layers'))).toHaveLength(2);
      if (driver === 'btrfs') expect(readdirSync(subjectPath(subject.engine.namespaces.pid, subject.engine.dataRoot, 'btrfs/images'))).toEqual([]);
    });

    leavesNothingBehind(subject, ...needs);
  });
}

/** A file as the engine sees it: its data root may be mounted in its namespaces only. */
const subjectPath = (pid: number, ...names: string[]): string => {
  const inside = path.join(`/proc/${pid}/root`, ...names);
  return existsSync(inside) ? inside : path.join(...names);
};
