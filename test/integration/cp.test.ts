/** Files into containers and out of them: `docker cp` and the archive endpoints. */
import { expect } from 'bun:test';
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { run as runCommand } from '../support/command.ts';
import { caissonCommand } from '../support/engine.ts';
import { Client } from '../support/http.ts';
import { busybox } from '../support/paths.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar, type TarEntry } from '../support/tar.ts';

const { subject, it, needs } = useEngine();
const onlyCaisson = requires(...needs, 'caisson');

/** Docker Engine answers 500 for some mistakes of the client; the engine should say whose they are. */
const clientMistake = () => (subject.isDockerd ? 500 : 400);

interface Created {
  readonly Id: string;
}

async function create(hostConfig: object = {}, more: object = {}): Promise<string> {
  const body = { Image: 'busybox', Cmd: ['sleep', '1000'], ...more, HostConfig: { NetworkMode: 'none', ...hostConfig } };
  return (await subject.api.json<Created>('POST', '/containers/create', body)).Id;
}

async function run(hostConfig: object = {}, more: object = {}): Promise<string> {
  const id = await create(hostConfig, more);
  await subject.api.json('POST', `/containers/${id}/start`);
  return id;
}

const at = (id: string, where: string, more = '') => `/containers/${id}/archive?path=${encodeURIComponent(where)}${more}`;
const put = (id: string, where: string, bytes: Uint8Array, more = '') => subject.api.request('PUT', at(id, where, more), bytes);
const file = (name: string, data = 'x', mode = 0o644): TarEntry => ({ type: 'file', name, data, mode });
const messageOf = ({ body }: { body: Buffer }) => (JSON.parse(body.toString()) as { message: string }).message;

/** Directory on the host for one test. */
function scratch(name: string): string {
  const directory = path.join(subject.engine.scratch, name);
  mkdirSync(directory, { recursive: true });
  return directory;
}

function listing(archive: Uint8Array): string[] {
  return execFileSync('tar', ['-tPf', '-'], { input: archive, encoding: 'utf8' }).trimEnd().split('\n').sort();
}

interface PathStat {
  readonly name: string;
  readonly size: number;
  readonly mode: number;
  readonly mtime: string;
  readonly linkTarget: string;
}

async function stat(id: string, where: string): Promise<PathStat> {
  const { status, headers } = await subject.api.request('HEAD', at(id, where));
  expect(status).toBe(200);
  return JSON.parse(Buffer.from(headers['x-docker-container-path-stat'] ?? '', 'base64').toString()) as PathStat;
}

it('tells what is at a path', async () => {
  const id = await create();
  await put(id, '/tmp', tar([file('plain', 'four', 0o640), file('special', '', 0o6755), { type: 'symlink', name: 'link', target: '../etc/./passwd' }, { type: 'symlink', name: 'astray', target: '/not/there' }]));
  expect(await stat(id, '/tmp/plain')).toEqual({ name: 'plain', size: 4, mode: 0o640, mtime: '2023-11-14T22:13:20Z', linkTarget: '' });
  expect((await stat(id, '/tmp/special')).mode).toBe(0o755 + 0x00c0_0000);
  expect(await stat(id, '/tmp/link')).toMatchObject({ name: 'link', mode: 0o777 + 0x0800_0000, linkTarget: '/etc/passwd' });
  expect((await stat(id, 'tmp/astray')).linkTarget).toBe('/not/there');
  expect(await stat(id, '/etc/')).toMatchObject({ name: 'etc', mode: 0o755 + 0x8000_0000 });
  expect((await stat(id, '/etc/.')).name).toBe('.');
  expect((await stat(id, '/')).name).toBe('/');
});

it('answers for a path that is not there, or not what it should be', async () => {
  const id = await create();
  for (const method of ['GET', 'PUT'] as const) {
    const body = method === 'PUT' ? tar([]) : undefined;
    const ask = (where: string) => subject.api.request(method, at(id, where), body);
    expect(await ask('/dne')).toMatchObject({ status: 404 });
    expect(messageOf(await ask('/dne'))).toBe(`Could not find the file /dne in container ${id}`);
    expect(await ask('/etc/passwd/')).toMatchObject({ status: clientMistake() });
    expect(messageOf(await ask('/etc/passwd/'))).toContain('not a directory');
    expect(messageOf(await subject.api.request(method, `/containers/${id}/archive`, body))).toBe('bad parameter: pathcannot be empty');
    expect(messageOf(await subject.api.request(method, '/containers/nope/archive?path=/', body))).toBe('No such container: nope');
  }
  expect((await subject.api.request('HEAD', at(id, '/dne'))).status).toBe(404);
  const refused = await put(id, '/etc/passwd', tar([]));
  expect(messageOf(refused)).toBe('extraction point is not a directory');
});

it('names what comes out by what was asked for', async () => {
  const id = await create();
  await put(id, '/', tar([
    { type: 'directory', name: 'bar' }, { type: 'directory', name: 'bar/quux' }, file('bar/quux/baz', 'world'), { type: 'symlink', name: 'bar/root', target: '/' },
    { type: 'symlink', name: 'bar/dirlink', target: 'quux' }, { type: 'symlink', name: 'bar/filelink', target: 'quux/baz' }, { type: 'symlink', name: 'bar/nowhere', target: 'gone' },
  ]));
  const names = async (where: string) => listing((await subject.api.request('GET', at(id, where))).body);
  expect(await names('bar/quux')).toEqual(['quux/', 'quux/baz']);
  expect(await names('/bar/quux/')).toEqual(['quux/', 'quux/baz']);
  expect(await names('bar/quux/.')).toEqual(['./', './baz']);
  expect(await names('bar/quux/baz')).toEqual(['baz']);
  expect(await names('bar/dirlink')).toEqual(['dirlink']);
  expect(await names('bar/dirlink/')).toEqual(['dirlink/', 'dirlink/baz']);
  expect(await names('bar/dirlink/.')).toEqual(['./', './baz']);
  expect(await names('bar/filelink')).toEqual(['filelink']);
  expect(await names('bar/nowhere')).toEqual(['nowhere']);
  expect(await names('/bar/root')).toEqual(['root']);
  expect(await names('/')).toContain('/bar/quux/baz');
  expect(await names('.')).toContain('./bar/quux/baz');
  expect(await names('/bar/root/')).toContain('root/bar/quux/baz');
});

it('keeps links, modes and times', async () => {
  const id = await run();
  await subject.output('exec', id, 'sh', '-c', 'mkdir /made && cd /made && echo one > a && ln a b && ln -s a c && mkfifo d && mknod e c 1 3 && chown 7:8 a && chmod 4750 a && touch -d "2001-02-03 04:05:06" a');
  const { body } = await subject.api.request('GET', at(id, '/made'));
  const lines = execFileSync('tar', ['-tvf', '-', '--numeric-owner', '--utc', '--full-time'], { input: body, encoding: 'utf8' }).trimEnd().split('\n').map((line) => line.replace(/\s+/g, ' '));
  expect(lines).toContain('-rwsr-x--- 7/8 4 2001-02-03 04:05:06 made/a');
  expect(lines).toContain('hrwsr-x--- 7/8 0 2001-02-03 04:05:06 made/b link to made/a');
  expect(lines.find((line) => line.includes('made/c'))).toContain('made/c -> a');
  expect(lines.find((line) => line.includes('made/d'))).toMatch(/^p/);
  expect(lines.find((line) => line.includes('made/e'))).toMatch(/^crw-r--r-- 0\/0 1,3 /);
  expect((await put(id, '/tmp', body)).status).toBe(200);
  expect(await subject.output('exec', id, 'sh', '-c', 'cd /tmp/made && stat -c "%a %u:%g %h %Y" a && readlink c && test -p d && stat -c %t:%T e')).toBe('4750 7:8 2 981173106\na\n1:3');
});

it('takes archives that are compressed, empty, or nothing at all', async () => {
  const id = await create();
  for (const bytes of [Buffer.alloc(0), tar([]), gzipSync(tar([file('zipped')]))]) expect((await put(id, '/tmp', bytes)).status).toBe(200);
  expect((await stat(id, '/tmp/zipped')).size).toBe(1);
});

it('merges directories, replaces all else, and leaves the directory it extracts to alone', async () => {
  const id = await create();
  await put(id, '/tmp', tar([{ type: 'directory', name: 'both', mode: 0o700 }, file('both/old'), file('turns'), { type: 'directory', name: 'goes' }, file('goes/with')]));
  const second = tar([{ type: 'directory', name: '.', mode: 0o700 }, { type: 'directory', name: 'both', mode: 0o711 }, file('both/new'), { type: 'directory', name: 'turns' }, file('goes')]);
  expect((await put(id, '/tmp', second)).status).toBe(200);
  expect(listing((await subject.api.request('GET', at(id, '/tmp'))).body)).toEqual(['tmp/', 'tmp/both/', 'tmp/both/new', 'tmp/both/old', 'tmp/goes', 'tmp/turns/']);
  expect((await stat(id, '/tmp/both')).mode & 0o777).toBe(0o711);
  expect((await stat(id, '/tmp')).mode & 0o777).toBe(0o777);
});

it('does not let a directory replace a file or be replaced by one when told not to', async () => {
  const id = await create();
  await put(id, '/tmp', tar([{ type: 'directory', name: 'd' }, file('f')]));
  const over = async (entry: TarEntry) => {
    const answer = await put(id, '/tmp', tar([entry]), '&noOverwriteDirNonDir=1');
    expect(answer.status).toBe(clientMistake());
    return messageOf(answer);
  };
  expect(await over(file('d'))).toMatch(/cannot overwrite directory "(\/tmp\/)?d" with non-directory "\/tmp"/);
  expect(await over({ type: 'directory', name: 'f' })).toMatch(/cannot overwrite non-directory "(\/tmp\/)?f" with directory "\/tmp"/);
  expect((await stat(id, '/tmp/d')).mode).toBeGreaterThan(0x8000_0000);
});

it('works the same whether the container runs, is paused, has stopped or never ran', async () => {
  const never = await create();
  const running = await run();
  const paused = await run();
  await subject.output('pause', paused);
  const stopped = await run();
  await subject.output('exec', stopped, 'sh', '-c', 'echo written > /tmp/by-itself');
  await subject.output('kill', stopped);
  for (const id of [never, running, paused, stopped]) {
    expect((await put(id, '/tmp', tar([file('from-outside', 'hello')]))).status).toBe(200);
    expect((await stat(id, '/tmp/from-outside')).size).toBe(5);
    expect((await subject.api.request('GET', at(id, '/tmp/from-outside'))).body.subarray(512, 517).toString()).toBe('hello');
  }
  expect((await stat(stopped, '/tmp/by-itself')).size).toBe(8);
  expect(await subject.output('exec', running, 'cat', '/tmp/from-outside')).toBe('hello');
  await subject.output('unpause', paused);
  await subject.output('start', never, stopped);
  for (const id of [never, paused, stopped]) expect(await subject.output('exec', id, 'cat', '/tmp/from-outside')).toBe('hello');
  expect(await subject.output('exec', stopped, 'cat', '/tmp/by-itself')).toBe('written');
});

it('sees volumes and binds, not what only the processes have', async () => {
  const bound = scratch('bound');
  writeFileSync(path.join(bound, 'given'), 'from the host');
  const hostConfig = { Binds: [`${bound}:/deep/bind`, `cp-volume:/volume`, `${bound}:/readonly:ro`], Tmpfs: { '/memory': '' } };
  for (const id of [await create(hostConfig), await run(hostConfig)]) {
    expect((await subject.api.request('GET', at(id, '/deep/bind/given'))).body.subarray(512, 525).toString()).toBe('from the host');
    expect((await put(id, '/', tar([{ type: 'directory', name: 'volume' }, file(`volume/${id}`), file(`deep/bind/${id}`)]))).status).toBe(200);
    expect(existsSync(path.join(bound, id))).toBe(true);
    const refused = await put(id, '/readonly', tar([file('no')]));
    expect(refused.status).toBe(400);
    expect(messageOf(refused)).toBe('mounted volume is marked read-only');
    for (const missing of ['/proc/cpuinfo', '/dev/null', '/sys/kernel']) expect((await subject.api.request('HEAD', at(id, missing))).status).toBe(404);
  }
  const other = await create({ Binds: ['cp-volume:/volume'] });
  expect(listing((await subject.api.request('GET', at(other, '/volume/.'))).body)).toHaveLength(3);
});

it('fills a new volume from the image before it is looked at', async () => {
  const id = await create({ Binds: ['cp-filled:/etc'] });
  expect((await stat(id, '/etc/passwd')).size).toBeGreaterThan(0);
});

it('refuses to write to a read-only root, but not to its volumes', async () => {
  const id = await run({ ReadonlyRootfs: true, Binds: ['cp-writable:/volume'] });
  const refused = await put(id, '/tmp', tar([file('no')]));
  expect(refused.status).toBe(400);
  expect(messageOf(refused)).toBe('container rootfs is marked read-only');
  expect((await put(id, '/volume', tar([file('yes')]))).status).toBe(200);
  expect(await subject.output('exec', id, 'ls', '/volume')).toBe('yes');
});

it('gives everything to the container\'s user with copyUIDGID', async () => {
  const owner = async (user: string) => {
    const id = await create({}, { User: user });
    const answer = await put(id, '/tmp', tar([file('mine')]), '&copyUIDGID=1');
    if (answer.status !== 200) return messageOf(answer);
    const { body } = await subject.api.request('GET', at(id, '/tmp/mine'));
    return `${parseInt(body.toString('latin1', 108, 115), 8)}:${parseInt(body.toString('latin1', 116, 123), 8)}`;
  };
  expect(await owner('')).toBe('0:0');
  expect(await owner('nobody')).toBe('65534:65534');
  expect(await owner('7777')).toBe('7777:0');
  expect(await owner(':5')).toBe('0:5');
  expect(await owner('7:8')).toBe('7:8');
  expect(await owner('ghost')).toBe('failed to look up user "ghost" in container: no matching entries in passwd file');
  expect(await owner('1:ghosts')).toBe('failed to look up group "ghosts" in container: no matching entries in group file');
});

it('follows no link out of the container', async () => {
  const secret = path.join(scratch('outside'), 'secret');
  writeFileSync(secret, 'secret');
  const bytes = tar([{ type: 'symlink', name: 'up', target: '../../../../../../../..' }, { type: 'symlink', name: 'host', target: path.dirname(secret) }]);
  for (const id of [await create(), await run()]) {
    expect((await put(id, '/tmp', bytes)).status).toBe(200);
    expect((await subject.api.request('GET', at(id, `/tmp/host/secret`))).status).toBe(404);
    expect((await subject.api.request('GET', at(id, `/tmp/up${secret}`))).status).toBe(404);
    expect((await put(id, '/tmp/host', tar([file('planted')]))).status).toBe(404);
    expect(existsSync(path.join(path.dirname(secret), 'planted'))).toBe(false);
  }
});

it('refuses archives that climb out, and goes on', async () => {
  const id = await run();
  const hostile: TarEntry[][] = [
    [file('../out')], [file('a/../../out')], [{ type: 'link', name: 'h', target: '../etc/passwd' }], [file('f'), file('f/below')],
  ];
  for (const entries of hostile) expect(await put(id, '/tmp', tar(entries))).toMatchObject({ status: clientMistake() });
  expect(await put(id, '/tmp', Buffer.alloc(2048, 'no archive'))).toMatchObject({ status: clientMistake() });
  expect(await put(id, '/tmp', tar([file('cut', 'x'.repeat(4000))]).subarray(0, 2000))).toMatchObject({ status: clientMistake() });
  expect((await subject.api.request('HEAD', at(id, '/out'))).status).toBe(404);
  expect((await put(id, '/tmp', tar([file('.wh.plain'), { type: 'symlink', name: 'absolute', target: '/etc' }]))).status).toBe(200);
  expect(await subject.output('exec', id, 'sh', '-c', 'ls -a /tmp | grep .wh; readlink /tmp/absolute')).toBe('.wh.plain\n/etc');
});

it('copies with the docker command as cp would', async () => {
  const id = await run();
  const source = path.join(scratch('cp'), 'source');
  mkdirSync(path.join(source, 'inner'), { recursive: true });
  writeFileSync(path.join(source, 'inner', 'file'), 'content', { mode: 0o600 });
  symlinkSync('inner/file', path.join(source, 'link'));
  await subject.output('cp', source, `${id}:/new`);
  await subject.output('cp', `${source}/.`, `${id}:/tmp`);
  await subject.output('cp', source, `${id}:/tmp`);
  expect(await subject.output('exec', id, 'sh', '-c', 'cd / && find new tmp | sort && readlink /new/link && cat /tmp/source/inner/file')).toBe(
    'new\nnew/inner\nnew/inner/file\nnew/link\ntmp\ntmp/inner\ntmp/inner/file\ntmp/link\ntmp/source\ntmp/source/inner\ntmp/source/inner/file\ntmp/source/link\ninner/file\ncontent');
  const back = path.join(scratch('cp'), 'back');
  await subject.output('cp', `${id}:/new`, back);
  expect(readFileSync(path.join(back, 'inner', 'file'), 'utf8')).toBe('content');
  expect(readlinkSync(path.join(back, 'link'))).toBe('inner/file');
  await subject.output('cp', '-L', `${id}:/new/link`, path.join(scratch('cp'), 'followed'));
  expect(lstatSync(path.join(scratch('cp'), 'followed')).isFile()).toBe(true);
  expect((await subject.docker('cp', `${id}:/new/inner/file`, path.join(scratch('cp'), 'no', 'such'))).code).toBe(1);
  expect((await subject.docker('cp', source, `${id}:/etc/passwd`)).stderr).toContain('cannot copy directory');
  expect(readdirSync(scratch('cp')).sort()).toEqual(['back', 'followed', 'source']);
});

onlyCaisson('copies with its own command as docker does', async () => {
  const id = await run();
  const area = scratch('own-cp');
  const source = path.join(area, 'source');
  mkdirSync(path.join(source, 'inner'), { recursive: true });
  writeFileSync(path.join(source, 'inner', 'file'), 'content');
  symlinkSync('inner/file', path.join(source, 'link'));
  const own = (...words: string[]) => runCommand([...caissonCommand(), '--host', subject.engine.host, 'cp', ...words]);
  const copy = async (...words: string[]) => expect(await own(...words)).toMatchObject({ code: 0, stdout: '', stderr: '' });
  await copy(source, `${id}:/new`);
  await copy(`${source}/.`, `${id}:/tmp`);
  await copy(source, `${id}:/tmp/`);
  await copy(path.join(source, 'inner/file'), `${id}:/tmp/renamed`);
  await copy('-L', path.join(source, 'link'), `${id}:/tmp`);
  await copy(path.join(source, 'link'), `${id}:/tmp/aslink`);
  expect(await subject.output('exec', id, 'sh', '-c', 'cd / && find new tmp | sort; cat /tmp/renamed /tmp/link; readlink /tmp/aslink')).toBe(
    'new\nnew/inner\nnew/inner/file\nnew/link\ntmp\ntmp/aslink\ntmp/inner\ntmp/inner/file\ntmp/link\ntmp/renamed\ntmp/source\ntmp/source/inner\ntmp/source/inner/file\ntmp/source/link\ncontentcontentinner/file');
  await copy(`${id}:/new`, path.join(area, 'back'));
  await copy(`${id}:/new`, area);
  await copy(`${id}:/new/.`, path.join(area, 'new'));
  await copy(`${id}:/new/inner/file`, path.join(area, 'file'));
  await copy('-L', `${id}:/new/link`, path.join(area, 'followed'));
  expect(readFileSync(path.join(area, 'back/inner/file'), 'utf8')).toBe('content');
  expect(readlinkSync(path.join(area, 'back/link'))).toBe('inner/file');
  expect(lstatSync(path.join(area, 'followed')).isFile()).toBe(true);
  expect(readdirSync(area).sort()).toEqual(['back', 'file', 'followed', 'new', 'source']);
  expect(readdirSync(path.join(area, 'new')).sort()).toEqual(['inner', 'link']);
  const refusals: [string[], string][] = [
    [[source, `${id}:/etc/passwd`], 'cannot copy directory'], [[path.join(area, 'dne'), `${id}:/`], 'no such file or directory'],
    [[path.join(area, 'file'), `${id}:/dne/`], 'no such directory'], [[`${id}:/dne`, area], `Could not find the file /dne in container ${id}`],
    [[`${id}:/new`, path.join(area, 'file')], 'cannot copy directory'], [[`${id}:/new`, path.join(area, 'no/such')], 'does not exist'],
    [[`${id}:/a`, `${id}:/b`], 'copying between containers is not supported'], [['a', 'b'], 'must specify at least one container source'],
  ];
  for (const [words, message] of refusals) {
    const { code, stderr } = await own(...words);
    expect(stderr).toContain(message);
    expect(code).toBe(1);
  }
});

it('streams between the standard streams and the container', async () => {
  const id = await run();
  expect((await subject.docker('cp', '-', `${id}:/tmp`, { stdin: tar([file('streamed', 'in')]) })).code).toBe(0);
  const { stdout } = await subject.docker('cp', `${id}:/tmp/streamed`, '-', { encoding: 'latin1' });
  expect(listing(Buffer.from(stdout, 'latin1'))).toEqual(['streamed']);
});

it('tells of what was copied', async () => {
  const id = await create();
  const since = Math.floor(Date.now() / 1000) - 1;
  await put(id, '/tmp', tar([]));
  await subject.api.request('GET', at(id, '/etc/passwd'));
  const events = await subject.output('events', '--since', String(since), '--until', String(since + 3), '--filter', `container=${id}`, '--format', '{{.Action}}');
  expect(events.split('\n').filter((action) => action !== 'create')).toEqual(['extract-to-dir', 'archive-path']);
});

onlyCaisson('starts while a client reads slowly, and once a writer is done', async () => {
  const id = await create();
  await put(id, '/tmp', tar([file('large', 'x'.repeat(8_000_000))]));
  const reader = new Client(subject.engine.socket);
  const slow = reader.request('GET', at(id, '/tmp'));
  await subject.output('start', id);
  const writing = put(id, '/tmp', tar([file('more', 'y'.repeat(8_000_000))]));
  await subject.output('restart', '-t', '0', id);
  expect((await writing).status).toBe(200);
  expect((await slow).body.length).toBeGreaterThan(8_000_000);
  reader.close();
  expect(await subject.output('exec', id, 'wc', '-c', '/tmp/more')).toBe('8000000 /tmp/more');
});

it('copies a program that runs', async () => {
  const id = await run();
  await subject.output('exec', id, 'mkdir', '/copied');
  await subject.output('cp', '-L', busybox, `${id}:/copied/busybox`);
  expect(await subject.output('exec', id, '/copied/busybox', 'echo', 'copied')).toBe('copied');
});

leavesNothingBehind(subject);
