/** A daemon with `--userns-remap`: root in a container is nobody on the machine. */
import { expect } from 'bun:test';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { namespaceOf } from '../support/processes.ts';
import { remapPrepare } from '../support/remap.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar } from '../support/tar.ts';

const { subject, it } = useEngine({ args: ['--userns-remap', 'mapped'], prepare: remapPrepare });

it('maps root to an id without rights', async () => {
  const id = await subject.output('run', '-d', 'busybox', 'sleep', '1000');
  const pid = Number(await subject.inspect(id, '{{.State.Pid}}'));
  expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/^Uid:\t700000\t700000/m);
  expect(readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().split(/\s+/)).toEqual(['0', '700000', '65536']);
  expect(namespaceOf(pid, 'user')).not.toBe(namespaceOf('self', 'user') as string);
});

it('shows root as the owner of its files', async () => {
  expect(await subject.output('run', '--rm', 'busybox', 'sh', '-c', 'id -u; stat -c %u:%g /bin/busybox /etc/hosts; touch /x && stat -c %u /x')).toBe('0\n0:0\n0:0\n0');
});

it('shows binds with the ids of the container', async () => {
  const directory = path.join(subject.engine.scratch, 'open');
  mkdirSync(directory);
  writeFileSync(path.join(directory, 'private'), 'secret', { mode: 0o600 });
  const script = 'stat -c %u /data; cat /data/private || echo denied; echo mine > /data/made; true';
  const { stdout } = await subject.docker('run', '--rm', '-v', `${directory}:/data`, 'busybox', 'sh', '-c', script);
  // Docker Engine shows them as nobody's.
  expect(stdout).toBe(subject.isDockerd ? '65534\ndenied\n' : '0\nsecret');
  if (!subject.isDockerd) expect(statSync(path.join(directory, 'made')).uid).toBe(0);
});

it('commits files with the ids that the container has seen', async () => {
  await subject.output('run', '--name', 'committed', 'busybox', 'sh', '-c', 'touch /root-owned /other && chown 33:34 /other');
  await subject.output('commit', 'committed', 'committed:1');
  expect(await subject.output('run', '--rm', 'committed:1', 'stat', '-c', '%u:%g', '/root-owned', '/other')).toBe('0:0\n33:34');
  await subject.output('rm', 'committed');
  await subject.output('rmi', 'committed:1');
});

it('maps nothing with --userns host', async () => {
  const id = await subject.output('run', '-d', '--userns', 'host', 'busybox', 'sleep', '1000');
  const pid = Number(await subject.inspect(id, '{{.State.Pid}}'));
  expect(namespaceOf(pid, 'user')).toBe(namespaceOf('self', 'user') as string);
  // Docker Engine keeps its layers with mapped owners, which show here.
  if (!subject.isDockerd) expect(await subject.output('exec', id, 'stat', '-c', '%u:%g', '/bin/busybox')).toBe('0:0');
});

it('refuses to be privileged while mapped', async () => {
  const result = await subject.docker('run', '--rm', '--privileged', 'busybox', 'true');
  expect(result.code).toBe(125);
  expect(result.stderr).toContain('privileged mode is incompatible with user namespaces');
});

it('executes commands as the mapped root', async () => {
  const id = await subject.output('run', '-d', 'busybox', 'sleep', '1000');
  expect(await subject.output('exec', id, 'sh', '-c', 'id -u; touch /made && stat -c %u /made')).toBe('0\n0');
});

it('copies files in and out with the ids of the container', async () => {
  const bound = path.join(subject.engine.scratch, 'copied');
  mkdirSync(bound);
  const id = await subject.output('run', '-d', '-v', `${bound}:/bound`, '-v', '/volume', 'busybox', 'sleep', '1000');
  const made = tar([{ type: 'file', name: 'mine', data: '' }]);
  for (const where of ['/tmp', '/volume', '/bound']) {
    expect((await subject.docker('cp', '-', `${id}:${where}`, { stdin: made })).code).toBe(0);
    expect(await subject.output('exec', id, 'stat', '-c', '%u:%g', `${where}/mine`)).toBe('0:0');
    const archive = await subject.api.request('GET', `/containers/${id}/archive?path=${where}/mine`);
    // Docker Engine tells the host's ids.
    if (!subject.isDockerd) expect(archive.body.toString('latin1', 108, 115)).toBe('0000000');
  }
  if (!subject.isDockerd) expect(statSync(path.join(bound, 'mine')).uid).toBe(0);
  const stopped = await subject.output('create', 'busybox');
  expect((await subject.docker('cp', '-', `${stopped}:/tmp`, { stdin: made })).code).toBe(0);
  expect((await subject.api.request('GET', `/containers/${stopped}/archive?path=/etc`)).body.toString('latin1', 108, 115)).toBe(subject.isDockerd ? '2527140' : '0000000');
});

leavesNothingBehind(subject);
