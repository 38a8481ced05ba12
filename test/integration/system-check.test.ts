/** `caisson system check`: what is wrong in a data root is found, explained and repaired; a daemon that is well has nothing to tell. */
import { Database } from 'bun:sqlite';
import { expect } from 'bun:test';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { baseLayer, dockerArchive, imageConfig } from '../support/archives.ts';
import { build } from '../support/build.ts';
import { run } from '../support/command.ts';
import { caissonCommand } from '../support/engine.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar } from '../support/tar.ts';

const { subject, it } = useEngine({}, 'caisson');

interface Finding {
  readonly Kind: string;
  readonly Object: string;
  readonly Problem: string;
  readonly Repaired: boolean;
  readonly Error?: string;
}

const check = async (query = ''): Promise<readonly Finding[]> => (await subject.api.json<{ Findings: readonly Finding[] }>('POST', `/system/check?${query}`)).Findings;
const dataRoot = (...names: string[]) => path.join(subject.engine.dataRoot, ...names);
const kinds = (findings: readonly Finding[]) => findings.map(({ Kind }) => Kind);

/** Finds what `damage` did, repairs it, and finds nothing more. */
async function foundAndRepaired(query = ''): Promise<readonly Finding[]> {
  const found = await check(query);
  const repaired = await check(`${query}&repair=1`);
  expect(repaired.map(({ Error }) => Error)).toEqual(repaired.map(() => undefined));
  expect(repaired.map(({ Object, Repaired }) => [Object, Repaired])).toEqual(found.map(({ Object }) => [Object, true]));
  expect(await check(query)).toEqual([]);
  return found;
}

const files = tar([{ type: 'directory', name: 'd/' }, { type: 'file', name: 'd/f', data: 'content' }]);
const archive = (name: string) => dockerArchive([{ tags: [name], layers: [baseLayer(), files], config: imageConfig([baseLayer(), files]) }]);
const load = (name: string) => subject.output('load', { stdin: archive(name) });

async function whileStopped(change: (database: Database) => void): Promise<void> {
  await subject.engine.endDaemon('SIGTERM');
  const database = new Database(dataRoot('caisson.db'));
  change(database);
  database.close();
  await subject.engine.startDaemon();
}

async function layerOf(image: string): Promise<string> {
  return (await subject.output('image', 'inspect', '--format', '{{.GraphDriver.Data.UpperDir}}', image)).replace(/\/diff$/, '');
}

it('has nothing to tell of a store that is well', async () => {
  await load('well:1');
  await subject.output('run', '-d', '-v', 'kept:/v', '--network', 'none', 'well:1', 'sleep', '1000');
  expect(await check('verify=1')).toEqual([]);
  const { code, stdout } = await run([...caissonCommand(), '--host', subject.engine.host, 'system', 'check']);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^Checked 2 images, 3 layers, 1 containers, 1 volumes: nothing is wrong\.\n$/)]);
});

it('finds a layer whose files are gone, and the images that it was of', async () => {
  rmSync(await layerOf('well:1'), { recursive: true });
  const found = await check('repair=1');
  expect(found).toEqual([expect.objectContaining({ Kind: 'layer', Problem: expect.stringContaining('Images that have it: well:1.'), Repaired: false, Error: expect.stringMatching(/^container \w+ is made of it: remove that first$/) })]);
  const { code, stdout } = await run([...caissonCommand(), '--host', subject.engine.host, 'system', 'check']);
  expect([code, stdout]).toEqual([1, expect.stringMatching(/^layer sha256:\w+\n {2}what: .*\n {2}why: .*\n {2}repair: .*\nChecked .*: 1 found, 0 repaired\.\n$/)]);
  await subject.clear();
  expect(kinds(await foundAndRepaired())).toEqual(['layer']);
  expect((await subject.docker('image', 'inspect', 'well:1')).code).toBe(1);
  await load('well:1');
  expect(await subject.output('run', '--rm', '--network', 'none', 'well:1', 'cat', '/d/f')).toBe('content');
});

it('finds a layer whose record is gone, also where building has kept it', async () => {
  const { error, image } = await build(subject.engine.socket, 'FROM well:1\nCOPY x /x\n', [{ type: 'file', name: 'x', data: 'x' }], { t: 'built:1' });
  expect([error, image]).toEqual([undefined, expect.stringContaining('sha256:')]);
  rmSync(path.join(await layerOf('built:1'), 'tar-record'));
  expect(kinds(await foundAndRepaired())).toEqual(['layer']);
  expect((await subject.docker('image', 'inspect', 'built:1')).code).toBe(1);
  expect((await subject.docker('image', 'inspect', 'well:1')).code).toBe(0);
});

it('finds files that were changed, when it reads them', async () => {
  writeFileSync(path.join(await layerOf('well:1'), 'diff/d/f'), 'CONTENT');
  expect(await check()).toEqual([]);
  expect(kinds(await foundAndRepaired('verify=1'))).toEqual(['layer']);
  await load('well:1');
});

it('finds what a crash has left', async () => {
  const strays = ['layers/tmp-x/diff', 'layers/99999/diff', 'tmp/load-x', 'containers/abc', 'overlay/abc/diff', 'overlay/.removed-def', 'volumes/empty/_data'];
  for (const stray of strays) mkdirSync(dataRoot(stray), { recursive: true });
  expect(kinds(await foundAndRepaired())).toEqual(strays.map(() => 'leftover'));
  expect(strays.filter((stray) => existsSync(dataRoot(stray)))).toEqual([]);
});

it('finds layers that nothing needs', async () => {
  const own = tar([{ type: 'file', name: 'lost', data: 'lost' }]);
  await subject.output('load', { stdin: dockerArchive([{ tags: ['lost:1'], layers: [own], config: imageConfig([own]) }]) });
  const [id, layer] = [await subject.output('image', 'inspect', '--format', '{{.Id}}', 'lost:1'), await layerOf('lost:1')];
  await whileStopped((database) => {
    database.run('DELETE FROM image_references WHERE image = ?', [id]);
    database.run('DELETE FROM images WHERE id = ?', [id]);
  });
  // The daemon sweeps them itself when it starts, in the background.
  while ((await check()).length > 0);
  expect(existsSync(layer)).toBe(false);
});

it('finds an image whose configuration was changed', async () => {
  await load('well:1');
  const id = await subject.output('image', 'inspect', '--format', '{{.Id}}', 'well:1');
  await whileStopped((database) => database.run("UPDATE images SET config = CAST(replace(CAST(config AS TEXT), '\"created\"', '\"creaded\"') AS BLOB) WHERE id = ?", [id]));
  const found = await foundAndRepaired();
  expect([kinds(found), found[0]?.Object]).toEqual([['image'], 'well:1']);
  await load('well:1');
});

it('finds what a container has lost', async () => {
  const id = await subject.output('create', '--network', 'none', 'well:1', 'cat', '/d/f');
  rmSync(dataRoot('overlay', id), { recursive: true });
  expect(kinds(await foundAndRepaired())).toEqual(['container']);
  expect(await subject.output('start', '-a', id)).toBe('content');
  rmSync(dataRoot('containers', id), { recursive: true });
  expect(kinds(await foundAndRepaired())).toEqual(['container']);
  expect((await subject.docker('inspect', id)).code).toBe(1);
});

it('finds volumes without a directory, and directories without a volume, whose files it keeps', async () => {
  await subject.output('volume', 'create', 'gone');
  rmSync(dataRoot('volumes/gone'), { recursive: true });
  mkdirSync(dataRoot('volumes/copied/_data'), { recursive: true });
  writeFileSync(dataRoot('volumes/copied/_data/file'), 'precious');
  expect(kinds(await foundAndRepaired())).toEqual(['volume', 'volume']);
  expect(await subject.output('run', '--rm', '-v', 'copied:/v', '-v', 'gone:/w', 'busybox', 'sh', '-c', 'cat /v/file; ls /w')).toBe('precious');
});

it('finds mounts of containers that do not run', async () => {
  const id = await subject.output('create', '--network', 'none', 'busybox', 'true');
  const mount = (...words: string[]) => expect(Bun.spawnSync(subject.engine.namespaces.enter(['mount', '-t', 'tmpfs', 'none', ...words])).exitCode).toBe(0);
  mount(dataRoot('overlay', id, 'merged'));
  await subject.output('volume', 'create', 'mounted');
  mount(dataRoot('volumes/mounted/_data'));
  expect(kinds(await foundAndRepaired())).toEqual(['mount', 'mount']);
});

it('has nothing to tell while everything is going on', async () => {
  const enough = new AbortController();
  const loop = async (action: (round: number) => Promise<unknown>) => { for (let round = 0; !enough.signal.aborted; round++) await action(round); };
  const work = Promise.all([
    loop(() => subject.output('run', '--rm', '-v', '/anonymous', '--network', 'none', 'busybox', 'touch', '/x', '/anonymous/x')),
    loop(async (round) => { await load(`busy:${round}`); await subject.output('rmi', `busy:${round}`); }),
    loop(async (round) => {
      const built = await build(subject.engine.socket, `FROM busybox\nRUN echo ${round} >/x\nRUN echo ${round} >/y\n`, [], { networkmode: 'none', t: 'busy-built' });
      expect(built.error).toBeUndefined();
      if (round % 2 === 1) await subject.output('builder', 'prune', '-af');
    }),
    loop(async (round) => {
      const id = await subject.output('run', '-d', '--network', 'none', 'busybox', 'sh', '-c', 'echo x >/x; sleep 1000');
      await subject.output('commit', id, `busy-committed:${round}`);
      await subject.output('rm', '-f', id);
      await subject.output('rmi', `busy-committed:${round}`);
      await subject.output('volume', 'create', `busy-${round}`);
      await subject.output('volume', 'rm', `busy-${round}`);
    }),
  ]);
  try {
    for (let round = 0; round < 50; round++) expect(await check()).toEqual([]);
  } finally {
    enough.abort();
    await work;
  }
  expect(await check('verify=1')).toEqual([]);
});

leavesNothingBehind(subject);
