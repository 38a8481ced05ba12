/** `caisson volume clone`: what is in a volume at one moment, as a new one. */
import { describe, expect } from 'bun:test';
import { run } from '../support/command.ts';
import { caissonCommand } from '../support/engine.ts';
import { dataRootOn } from '../support/file-systems.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

describe('a clone', () => {
  const { subject, it } = useEngine({}, 'caisson');
  const own = (...words: string[]) => run([...caissonCommand(), '--host', subject.engine.host, 'volume', ...words]);
  const inside = (volume: string, script: string) => subject.output('run', '--rm', '--network', 'none', '-v', `${volume}:/v`, 'busybox', 'sh', '-c', `cd /v && ${script}`);
  const volume = (name: string) => subject.api.json<{ Labels: unknown; Options: unknown }>('GET', `/volumes/${name}`);

  it('has all that the volume has, and is another one', async () => {
    await subject.output('volume', 'create', '--label', 'a=1', 'source');
    await inside('source', 'mkdir -p d/e && echo text >d/f && ln d/f hard && ln -s /nowhere link && mkfifo d/pipe && mknod d/null c 1 3 && chmod 2750 d && chown 5:6 d/f && truncate -s 64M sparse && touch -d 2001-02-03 d/e');
    expect((await own('clone', 'source', 'copy')).stdout).toBe('copy\n');
    const look = 'find . | sort | while read -r f; do stat -c "%n %F %a %u:%g %h %Y" "$f"; done | grep -v "^[.] "; cat hard; readlink link; du -k sparse; [ d/f -ef hard ] && echo one';
    expect(await inside('copy', look)).toBe(await inside('source', look));
    await inside('copy', 'echo other >d/f');
    expect(await inside('source', 'cat hard')).toBe('text');
    expect((await volume('copy')).Labels).toEqual({ a: '1' });
    await own('clone', '--label', 'b=2', 'source', 'labelled');
    expect((await volume('labelled')).Labels).toEqual({ b: '2' });
  });

  it('is of one moment, however busy the volume is', async () => {
    const script = 'i=0; while :; do i=$((i+1)); for f in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo $i >/v/$f; done; done';
    const id = await subject.output('run', '-d', '--network', 'none', '-v', 'busy:/v', 'busybox', 'sh', '-c', script);
    while ((await subject.docker('exec', id, 'test', '-s', '/v/20')).code !== 0);
    for (let round = 0; round < 5; round++) {
      expect((await own('clone', 'busy', `moment-${round}`)).code).toBe(0);
      const numbers = (await inside(`moment-${round}`, 'cat *')).split('\n').map(Number).toSorted((a, b) => a - b);
      // A file may have been empty between its opening and its writing.
      expect(numbers.length).toBeGreaterThanOrEqual(19);
      expect(numbers.at(-1)! - numbers[0]!).toBeLessThanOrEqual(1);
    }
    expect(await subject.inspect(id, '{{.State.Status}}')).toBe('running');
  });

  it('is refused for names that are taken, volumes that are not there, and those that are mounts', async () => {
    expect((await own('clone', 'source', 'copy')).stderr).toContain('a volume named copy exists already');
    expect((await own('clone', 'nope', 'x1')).stderr).toContain('get nope: no such volume');
    expect((await own('clone', 'source', '../x')).stderr).toContain('includes invalid characters for a local volume name');
    await subject.output('volume', 'create', '--opt', 'type=tmpfs', '--opt', 'device=tmpfs', 'mounts');
    expect((await own('clone', 'mounts', 'x2')).stderr).toContain('it mounts tmpfs, and has no files of its own');
    expect((await subject.api.json<{ Findings: unknown[] }>('POST', '/system/check')).Findings).toEqual([]);
  });

  it('leaves nothing when the daemon is killed meanwhile', async () => {
    await inside('source', 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i >many-$i; done');
    const cloning = own('clone', 'source', 'cut');
    await Promise.race([cloning, new Promise((resolve) => setTimeout(resolve, 20))]);
    await subject.engine.endDaemon('SIGKILL');
    await cloning;
    await subject.engine.startDaemon();
    while ((await subject.api.json<{ Findings: unknown[] }>('POST', '/system/check')).Findings.length > 0);
    const there = (await subject.docker('volume', 'inspect', 'cut')).code === 0;
    if (there) expect(await inside('cut', 'ls | grep -c many')).toBe('3000');
  });

  leavesNothingBehind(subject, 'caisson');
});

describe('on btrfs', () => {
  const { subject, it } = useEngine({ args: ['--storage-driver', 'btrfs'], prepare: dataRootOn('mkfs.btrfs', '256M') }, 'caisson', 'btrfs');

  it('clones share their data', async () => {
    await subject.output('run', '--rm', '--network', 'none', '-v', 'large:/v', 'busybox', 'sh', '-c', 'dd if=/dev/urandom of=/v/f bs=1M count=60 conv=fsync 2>/dev/null');
    for (let round = 0; round < 5; round++) expect((await subject.api.request('POST', '/volumes/large/clone', { Name: `clone-${round}` })).status).toBe(201);
    const sums = await subject.output('run', '--rm', '--network', 'none', '-v', 'large:/a', '-v', 'clone-4:/b', 'busybox', 'sh', '-c', 'md5sum </a/f; md5sum </b/f');
    expect(new Set(sums.split('\n')).size).toBe(1);
  });

  leavesNothingBehind(subject, 'caisson', 'btrfs');
});
