/** What a container has changed, and all of its files: `docker diff` and `docker export`. */
import { expect } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar } from '../support/tar.ts';

const { subject, it } = useEngine();

/** An image with a directory to change. */
async function makeImage(): Promise<void> {
  const id = await subject.output('create', 'busybox');
  await subject.output('cp', '-', `${id}:/`, { stdin: tar([
    { type: 'directory', name: 'data' }, { type: 'directory', name: 'data/kept' }, { type: 'file', name: 'data/kept/f', data: 'x' }, { type: 'file', name: 'data/gone', data: 'x' },
    { type: 'directory', name: 'data/again' }, { type: 'file', name: 'data/again/old', data: 'x' }, { type: 'file', name: 'data/file', data: 'x' }, { type: 'file', name: 'data/renamed', data: 'x' },
  ]) });
  const archive = path.join(subject.engine.scratch, 'diff-image.tar');
  await subject.output('export', '-o', archive, id);
  await subject.output('import', '--change', 'CMD ["sh"]', archive, 'diffed');
}

async function changes(id: string): Promise<string[]> {
  return (await subject.output('diff', id)).split('\n').filter((line) => line !== '').sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1));
}

it('tells what was added, changed and deleted, running or not', async () => {
  await makeImage();
  const script = [
    'rm data/gone', 'rm -r data/again', 'mkdir data/again', 'touch data/again/new', 'echo more >> data/file', 'mv data/renamed data/name', 'mkdir -p fresh/inner', 'echo x > fresh/inner/f',
    'chmod 700 data/kept/f', 'touch same', 'rm same',
  ].join(' && ');
  const id = await subject.output('run', '-d', '--network', 'none', '--tmpfs', '/memory', '-v', '/volume', 'diffed', 'sh', '-c', `cd / && ${script} && touch volume/v memory/m; echo ready; sleep 1000`);
  while ((await subject.output('logs', id)) !== 'ready');
  const expected = [
    'C /data', 'C /data/again', 'A /data/again/new', 'D /data/again/old', 'C /data/file', 'D /data/gone', 'C /data/kept', 'C /data/kept/f', 'A /data/name', 'D /data/renamed',
    'A /fresh', 'A /fresh/inner', 'A /fresh/inner/f', 'A /memory', 'A /volume',
  ];
  expect(await changes(id)).toEqual(expected);
  await subject.output('kill', id);
  expect(await changes(id)).toEqual(expected);
});

it('tells of nothing when nothing was changed', async () => {
  const id = await subject.output('run', '-d', '--network', 'none', 'busybox', 'sleep', '1000');
  expect(await changes(id)).toEqual([]);
  expect((await subject.api.request('GET', `/containers/${id}/changes`)).body.toString()).toBe('null\n');
  expect((await subject.api.request('GET', '/containers/nope/changes')).status).toBe(404);
});

it('exports the layers without what is mounted over them', async () => {
  const bound = path.join(subject.engine.scratch, 'export-bound');
  mkdirSync(bound);
  writeFileSync(path.join(bound, 'hidden'), '');
  const id = await subject.output('run', '-d', '--network', 'none', '-v', `${bound}:/bound`, '--tmpfs', '/memory', 'busybox', 'sh', '-c', 'echo own > /own; touch /memory/m; echo ready; sleep 1000');
  while ((await subject.output('logs', id)) !== 'ready');
  for (let round = 0; round < 2; round++) {
    const { status, headers, body } = await subject.api.request('GET', `/containers/${id}/export`);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/octet-stream');
    const names = execFileSync('tar', ['-tPf', '-'], { input: body, encoding: 'utf8' }).trimEnd().split('\n');
    for (const name of ['own', 'bin/busybox', 'bound/', 'memory/', 'proc/', 'dev/', 'etc/hosts']) expect(names).toContain(name);
    for (const name of ['./', '/', 'bound/hidden', 'memory/m', 'proc/self', 'dev/null']) expect(names).not.toContain(name);
    await subject.output('kill', id).catch(() => undefined);
  }
});

leavesNothingBehind(subject);
