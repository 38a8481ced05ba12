/** A daemon that is killed while images change: nothing half-made, nothing lost. */
import { expect } from 'bun:test';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Client } from '../support/http.ts';
import { dockerArchive, baseLayer, imageConfig } from '../support/archives.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar, type TarEntry } from '../support/tar.ts';

const { subject, it } = useEngine({}, 'caisson');

const files = (count: number, seed: string): TarEntry[] =>
  Array.from({ length: count }, (_, index) => ({ type: 'file', name: `f/${seed}-${index}`, data: `${seed} ${index}`.repeat(50) }));
const base = baseLayer();
const large = tar([{ type: 'directory', name: 'f/' }, ...files(4000, 'large')]);
const archive = dockerArchive([{ tags: ['crash:1'], layers: [base, large], config: imageConfig([base, large]) }]);

interface LayerLists { readonly layers: readonly string[]; readonly temporary: readonly string[] }

function onDisk(): LayerLists {
  const names = (directory: string) => (existsSync(directory) ? readdirSync(directory) : []).toSorted();
  return {
    layers: names(path.join(subject.engine.dataRoot, 'layers')).filter((name) => name !== 'init'),
    temporary: names(path.join(subject.engine.dataRoot, 'tmp')),
  };
}

/** Waits until the disk shows what is wanted: the sweep goes on after the start. */
async function settled(wanted: (now: LayerLists) => boolean): Promise<LayerLists> {
  for (;;) {
    const now = onDisk();
    if (wanted(now)) return now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Sends a request and kills the daemon as soon as `reached` says so; then starts it again. */
async function killDuring(send: (client: Client) => Promise<unknown>, reached: () => boolean): Promise<void> {
  const client = new Client(subject.engine.socket);
  const sent = send(client).then(() => 'done', () => 'cut');
  while (!reached() && (await Promise.race([sent, new Promise((resolve) => setImmediate(resolve, 'going'))])) === 'going');
  await subject.engine.endDaemon('SIGKILL');
  await sent;
  client.close();
  await subject.engine.startDaemon();
}

const isPresent = async (name: string) => (await subject.docker('image', 'inspect', name)).code === 0;

it('leaves nothing of a load that was cut short', async () => {
  const before = onDisk();
  await killDuring(
    (client) => client.request('POST', '/images/load', archive),
    () => onDisk().layers.some((name) => name.startsWith('tmp-')) && existsSync(path.join(subject.engine.dataRoot, 'layers', onDisk().layers.find((name) => name.startsWith('tmp-')) ?? '-', 'diff', 'f')),
  );
  expect(await isPresent('crash:1')).toBe(false);
  expect(await settled(({ layers, temporary }) => layers.length === before.layers.length && temporary.length === 0)).toEqual(before);
  expect(await subject.output('run', '--rm', 'busybox', 'echo', 'alive')).toBe('alive');
  await subject.output('load', { stdin: archive });
  expect(await subject.output('run', '--rm', 'crash:1', 'sh', '-c', 'ls /f | wc -l')).toBe('4000');
});

it('leaves nothing of an import that was cut short', async () => {
  const before = onDisk();
  await killDuring(
    (client) => client.request('POST', '/images/create?fromSrc=-&repo=imported', large),
    () => onDisk().layers.some((name) => name.startsWith('tmp-')),
  );
  const present = await isPresent('imported');
  const after = await settled(({ layers }) => layers.every((name) => !name.startsWith('tmp-')) && layers.length === before.layers.length + Number(present));
  expect(after.temporary).toEqual([]);
  if (present) await subject.output('rmi', 'imported');
});

it('leaves nothing of a commit that was cut short, and the container goes on', async () => {
  const id = await subject.output('run', '-d', 'crash:1', 'sh', '-c', 'for i in $(seq 2000); do echo $i > /n$i; done; touch /done; while :; do date +%N > /tick; sleep 0.05; done');
  while ((await subject.docker('exec', id, 'ls', '/done')).code !== 0);
  const before = onDisk();
  await killDuring(
    (client) => client.request('POST', `/commit?container=${id}&repo=cut`),
    () => onDisk().layers.some((name) => name.startsWith('tmp-')),
  );
  const present = await isPresent('cut');
  await settled(({ layers }) => layers.every((name) => !name.startsWith('tmp-')) && layers.length === before.layers.length + Number(present));
  // It was frozen for the commit.
  while ((await subject.inspect(id, '{{.State.Status}}')) !== 'running');
  const tick = () => subject.output('exec', id, 'cat', '/tick');
  const first = await tick();
  while ((await tick()) === first);
  await subject.output('rm', '-f', id);
  if (present) await subject.output('rmi', 'cut');
});

it('either removes an image or does not', async () => {
  const before = onDisk();
  await killDuring(
    (client) => client.request('DELETE', '/images/crash:1'),
    () => onDisk().layers.some((name) => name.startsWith('tmp-')),
  );
  const present = await isPresent('crash:1');
  await settled(({ layers }) => layers.every((name) => !name.startsWith('tmp-')) && layers.length === before.layers.length - (present ? 0 : 2));
  const images = JSON.parse(await subject.output('images', '-a', '--format', '{{json .Repository}}').then((lines) => `[${lines.split('\n').join(',')}]`)) as string[];
  expect(images).not.toContain('<none>');
  if (present) {
    expect(await subject.output('run', '--rm', 'crash:1', 'sh', '-c', 'ls /f | wc -l')).toBe('4000');
    await subject.output('rmi', 'crash:1');
  }
});

it('leaves nothing that is not as it should be, whatever it was doing', async () => {
  const check = async (query = '') => (await subject.api.json<{ Findings: unknown[] }>('POST', `/system/check?${query}`)).Findings;
  for (const [round, moment] of [20, 70, 150, 260].entries()) {
    const id = await subject.output('run', '-d', '--network', 'none', 'busybox', 'sh', '-c', 'for i in $(seq 500); do echo $i >/n$i; done; sleep 1000');
    await subject.output('load', { stdin: dockerArchive([{ tags: [`gone:${round}`], layers: [base, large], config: imageConfig([base, large]) }]) });
    const requests: ((client: Client) => Promise<unknown>)[] = [
      (client) => client.request('POST', '/images/load', dockerArchive([{ tags: [`killed:${round}`], layers: [base, tar(files(1000, `killed-${round}`))], config: imageConfig([base, tar(files(1000, `killed-${round}`))]) }])),
      (client) => client.request('DELETE', `/images/gone:${round}`),
      (client) => client.request('POST', `/commit?container=${id}&repo=committed-${round}`),
      (client) => client.request('POST', `/build?networkmode=none&t=built:${round}`, tar([{ type: 'file', name: 'Dockerfile', data: `FROM busybox\nCOPY . /f\nRUN echo ${round} >/x\n` }, ...files(300, `built-${round}`)])),
      async () => subject.docker('run', '--rm', '--network', 'none', '-v', '/anonymous', 'busybox', 'touch', '/anonymous/x'),
    ];
    const sent = requests.map((request) => {
      const client = new Client(subject.engine.socket);
      return request(client).catch(() => undefined).finally(() => client.close());
    });
    await new Promise((resolve) => setTimeout(resolve, moment));
    await subject.engine.endDaemon('SIGKILL');
    await Promise.all(sent);
    await subject.engine.startDaemon();
    // What is left is swept in the background.
    while ((await check()).length > 0);
    expect(await check('verify=1')).toEqual([]);
    await subject.clear();
  }
});

leavesNothingBehind(subject);
