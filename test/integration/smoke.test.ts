import { expect } from 'bun:test';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
const { subject, it } = useEngine();
it('runs', async () => {
  console.log(await subject.docker('run', '--rm', 'busybox', 'sh', '-c', 'echo hi; ls -la /dev; cat /proc/mounts; ip a; exit 3'));
  console.log(await subject.docker('run', '--rm', '--init', 'busybox', 'ps'));
  console.log(await subject.docker('run', '--rm',  'busybox', 'nosuch'));
  console.log(await subject.docker('run', '--rm',  'busybox', '/etc/passwd'));
  console.log(await subject.docker('run', '--rm', '-i', 'busybox', 'wc', '-c', { stdin: 'x'.repeat(1000000) }));
  const t = subject.terminal(['run', '-it', '--rm', 'busybox', 'sh'], { columns: 91, rows: 33 });
  t.type('stty size; exit 7\n');
  await t.shows(/33 91/);
  console.log(await t.ended());
});
leavesNothingBehind(subject);
