/** `--mount type=image`: what a person sees and is told, and how long the image stays. */
import { expect } from 'bun:test';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar } from '../support/tar.ts';

const { subject, it } = useEngine({}, 'engine-28');

const files = tar([
  { type: 'directory', name: 'd/' }, { type: 'file', name: 'd/f', data: 'inside' }, { type: 'symlink', name: 'relative', target: 'd' }, { type: 'symlink', name: 'climbs', target: '../../../etc' },
]);
const makeImage = (name: string) => subject.output('import', '-', name, { stdin: files });
const mount = (source: string, more = '') => ['--mount', `type=image,source=${source},target=/mnt${more}`];
const run = (...words: string[]) => subject.output('run', '--rm', '--network', 'none', ...words);

async function refusal(fields: object): Promise<unknown> {
  const { status, body } = await subject.api.request('POST', '/containers/create', { Image: 'busybox', HostConfig: { Mounts: [{ Type: 'image', Target: '/mnt', ...fields }] } });
  return [status, (JSON.parse(body.toString()) as { message: string }).message];
}

it('shows the image, and can be seen', async () => {
  await makeImage('shown');
  await makeImage('other');
  const id = await subject.output('run', '-d', '--network', 'none', ...mount('shown', ',image-subpath=relative'), '--mount', 'type=image,source=other,target=/other', 'busybox', 'sleep', '1000');
  expect(await subject.output('exec', id, 'cat', '/mnt/f', '/other/d/f')).toBe('insideinside');
  const { Mounts } = await subject.api.json<{ Mounts: { Source: string; Destination: string }[] }>('GET', `/containers/${id}/json`);
  expect(Mounts.toSorted((a, b) => (a.Destination < b.Destination ? -1 : 1))).toEqual([
    { Type: 'image', Name: 'shown', Source: expect.stringContaining(subject.engine.dataRoot), Destination: '/mnt', Mode: '', RW: false, Propagation: 'rprivate' },
    { Type: 'image', Name: 'other', Source: expect.stringContaining(subject.engine.dataRoot), Destination: '/other', Mode: '', RW: false, Propagation: 'rprivate' },
  ] as never);
  expect((await subject.docker('cp', '/etc/hostname', `${id}:/mnt/x`)).stderr).toContain('mounted volume is marked read-only');
  expect((await subject.output('diff', id)).split('\n').toSorted()).toEqual(['A /mnt', 'A /other']);
  const taker = await subject.output('create', '--network', 'none', '--volumes-from', id, 'busybox', 'cat', '/mnt/f');
  expect(await subject.output('start', '-a', taker)).toBe('inside');
  await subject.output('rm', '-f', taker, id);
});

it('warns, as it is new', async () => {
  const request = { Image: 'busybox', HostConfig: { Mounts: ['/a', '/b'].map((Target, index) => ({ Type: 'image', Source: ['shown', 'other'][index], Target })) } };
  const { Id, Warnings } = await subject.api.json<{ Id: string; Warnings: string[] }>('POST', '/containers/create', request);
  expect(Warnings).toEqual(['Image mount is an experimental feature', 'Image mount is an experimental feature']);
  await subject.output('rm', Id);
});

it('says what is wrong with a mount', async () => {
  expect(await refusal({ Source: '' })).toEqual([400, 'invalid mount config for type "image": field Source must not be empty']);
  expect(await refusal({ Source: 'nope' })).toEqual([404, 'No such image: nope:latest']);
  expect(await refusal({ Source: 'shown', Target: '' })).toEqual([400, 'invalid mount config for type "image": field Target must not be empty']);
  expect(await refusal({ Source: 'shown', BindOptions: {} })).toEqual([400, 'BindOptions must not be specified on mount type "image"']);
  for (const Subpath of ['/d', 'd/../../x']) {
    expect(await refusal({ Source: 'shown', ImageOptions: { Subpath } })).toEqual([400, 'invalid mount config for type "image": subpath must be a relative path within the volume']);
  }
  await subject.clear();
  for (const path of ['nope', 'climbs']) {
    const { stderr } = await subject.docker('run', '--rm', '--network', 'none', ...mount('shown', `,image-subpath=${path}`), 'busybox', 'true');
    expect([path, stderr]).toEqual([path, expect.stringMatching(path === 'nope' ? /cannot access path .*\/nope: lstat .*: no such file or directory/ : /cannot access path|path concatenation escapes the base directory/)]);
  }
});

it('keeps the image, or at least its files, as long as the container is there', async () => {
  const id = await subject.output('run', '-d', '--network', 'none', ...mount('shown'), 'busybox', 'sleep', '1000');
  await subject.output('rmi', 'other');
  expect((await subject.docker('rmi', 'shown')).stderr).toMatch(/conflict: unable to remove repository reference "shown" \(must force\) - container \w{12} is using its referenced image \w{12}/);
  await subject.output('rmi', '-f', 'shown');
  expect(await subject.output('exec', id, 'cat', '/mnt/d/f')).toBe('inside');
  await subject.output('restart', '-t', '0', id);
  expect(await subject.output('exec', id, 'cat', '/mnt/d/f')).toBe('inside');
  await subject.output('rm', '-f', id);
});

it('mounts one image twice, and an empty one', async () => {
  await makeImage('twice');
  // Docker Engine does not.
  if (!subject.isDockerd) expect(await run(...mount('twice'), '--mount', 'type=image,source=twice,target=/again', 'busybox', 'cat', '/mnt/d/f', '/again/d/f')).toBe('insideinside');
  await subject.output('import', '-', 'empty', { stdin: tar([]) });
  expect(await run(...mount('empty'), 'busybox', 'ls', '-A', '/mnt')).toBe('');
});

leavesNothingBehind(subject, 'engine-28');
