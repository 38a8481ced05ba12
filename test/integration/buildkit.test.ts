/** docker buildx build: what a person sees, what is in the images, what the client is asked for. */
import { beforeAll, expect } from 'bun:test';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, type Stats, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Docker from 'dockerode';
import { sha256 } from '../support/archives.ts';
import { run, type CommandOptions } from '../support/command.ts';
import { buildArchive, file } from '../support/build.ts';
import { installPlugins } from '../support/plugins.ts';
import { RealRegistry } from '../support/registry.ts';
import { missing, requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar } from '../support/tar.ts';

const { subject, it, needs } = useEngine({}, 'buildx', 'engine-28');
const itHere = requires(...needs, 'caisson');

if (missing(...needs) === undefined) beforeAll(() => installPlugins(subject.environment.DOCKER_CONFIG as string));

let contexts = 0;

/** A directory with files; their names may have slashes. */
function context(dockerfile: string, files: Readonly<Record<string, string>> = {}): string {
  const directory = path.join(subject.engine.scratch, `context-${++contexts}`);
  for (const [name, text] of Object.entries({ Dockerfile: dockerfile, ...files })) {
    mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
    writeFileSync(path.join(directory, name), text);
  }
  return directory;
}

interface Built {
  readonly code: number;
  /** Without times, sizes and ids. */
  readonly log: string[];
  readonly text: string;
}

async function build(directory: string, ...words: readonly (string | CommandOptions)[]): Promise<Built> {
  const { code, stdout, stderr } = await subject.docker('buildx', 'build', '--progress=plain', '--network=none', directory, ...words);
  const text = stdout + stderr;
  return { code: code ?? -1, text, log: text.split('\n').flatMap(plain) };
}

const plain = (line: string): string[] => {
  const told = line
    .replace(/^(#\d+) \d+\.\d+ /, '$1 ').replace(/(DONE|CANCELED) ?\d*\.?\d*s?$/, '$1').replace(/ \d+\.\d+s done$/, ' done')
    .replace(/sha256:[0-9a-f]{64}/, 'ID').replace(/ of ref \S+:/, ' of ref REF:');
  return told === '' || /^#\d+ (transferring|exporting layers|writing image ID$)/.test(told) ? [] : [told];
};

/** What was told of one step. */
const ofStep = ({ log }: Built, name: string): string[] => {
  const number = log.find((line) => line.endsWith(` ${name}`))?.split(' ')[0];
  return number === undefined ? [] : log.filter((line) => line.startsWith(`${number} `)).map((line) => line.slice(number.length + 1));
};

it('builds an image step by step, and knows it the next time', async () => {
  const directory = context(
    'FROM busybox AS base\nARG X=1\nENV FOO=bar\nRUN echo hi $FOO $X; echo err >&2\nWORKDIR /w\nCOPY a.txt dir ./\nFROM scratch\nCOPY --from=base /w /out\nCMD ["x"]\n',
    { 'a.txt': 'A', 'dir/b': 'B', unused: 'U' },
  );
  const [metadata, iid] = ['metadata', 'iid'].map((name) => path.join(subject.engine.scratch, name)) as [string, string];
  const first = await build(directory, '-t', 'kit:1', '-t', 'kit:2', '--metadata-file', metadata, '--iidfile', iid);
  expect(first.code).toBe(0);
  expect(ofStep(first, '[base 2/4] RUN echo hi bar 1; echo err >&2')).toEqual(expect.arrayContaining(['hi bar 1', 'err', 'DONE']));
  for (const name of ['[internal] load build definition from Dockerfile', '[internal] load metadata for docker.io/library/busybox:latest', '[internal] load .dockerignore',
    '[internal] load build context', '[base 3/4] WORKDIR /w', '[base 4/4] COPY a.txt dir ./', '[stage-1 1/1] COPY --from=base /w /out'])
    expect(ofStep(first, name)).toContain('DONE');
  expect(first.log.some((line) => line.endsWith(' [base 1/4] FROM docker.io/library/busybox:latest'))).toBe(true);
  expect(ofStep(first, 'exporting to image')).toEqual(['exporting to image', 'writing image ID done', 'naming to docker.io/library/kit:1 done', 'naming to docker.io/library/kit:2 done', 'DONE']);
  const id = readFileSync(iid, 'utf8');
  expect(JSON.parse(readFileSync(metadata, 'utf8'))).toMatchObject({
    'containerimage.digest': id, 'containerimage.config.digest': id, 'image.name': 'docker.io/library/kit:1,docker.io/library/kit:2',
  });
  expect(await subject.inspect('kit:2', '{{.Id}} {{.Config.Cmd}} {{.Config.WorkingDir}} {{.Comment}}')).toBe(`${id} [x] / buildkit.dockerfile.v0`);
  expect(await subject.output('history', '--no-trunc', '--format', '{{.CreatedBy}}', 'kit:1')).toBe('CMD ["x"]\nCOPY /w /out # buildkit');
  const second = await build(directory, '-t', 'kit:3');
  for (const name of ['[base 3/4] WORKDIR /w', '[base 4/4] COPY a.txt dir ./', '[stage-1 1/1] COPY --from=base /w /out']) expect(ofStep(second, name)).toContain('CACHED');
  expect(await subject.inspect('kit:3', '{{.Id}}')).toBe(id);
});

it('shows where a build has failed', async () => {
  const failing = await build(context('FROM busybox\nRUN echo out \\\n  && exit 3'));
  expect(failing.code).toBe(1);
  expect(failing.log.slice(-7)).toEqual([
    'Dockerfile:2', '--------------------', '   1 |     FROM busybox', '   2 | >>> RUN echo out \\', '   3 | >>>   && exit 3', '--------------------',
    'ERROR: failed to build: failed to solve: process "/bin/sh -c echo out   && exit 3" did not complete successfully: exit code: 3',
  ]);
  expect(failing.log.at(-8)).toBe('------');
  const missing = await build(context('FROM busybox\nCOPY nofile /\n'));
  expect(missing.log.at(-1)).toBe('ERROR: failed to build: failed to solve: failed to compute cache key: failed to calculate checksum of ref REF: "/nofile": not found');
  const last = async (dockerfile: string): Promise<string> => (await build(context(dockerfile))).log.at(-1) ?? '';
  expect(await last('FROM busybox\nCOPY --from=9 a b')).toBe('ERROR: failed to build: failed to solve: invalid stage index 9');
  expect(await last('')).toBe('ERROR: failed to build: failed to solve: the Dockerfile cannot be empty');
  expect(await last('FROM scratch\nADD http://127.0.0.1:1/x /')).toBe('ERROR: failed to build: failed to solve: failed to load cache key: Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused');
  const syntax = await build(context('FROM busybox\nRUNN x'));
  expect(syntax.log.slice(-6)).toEqual([
    'Dockerfile:2', '--------------------', '   1 |     FROM busybox', '   2 | >>> RUNN x', '--------------------',
    'ERROR: failed to build: failed to solve: dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)',
  ]);
});

it('gives commands the secrets that the client has', async () => {
  const secret = path.join(subject.engine.scratch, 'secret');
  writeFileSync(secret, 's3cret');
  const built = await build(context([
    'FROM busybox',
    'RUN --mount=type=secret,id=a cat /run/secrets/a; stat -c " %a %u %g" /run/secrets/a',
    'RUN --mount=type=secret,id=a,target=/x/y,mode=0640,uid=3,gid=4 stat -c "%a %u %g" /x/y',
    'RUN --mount=type=secret,id=a,env=SEC echo "env $SEC"; ls /run/secrets 2>&1; true',
    'RUN ls -A /run; env',
  ].join('\n')), '--no-cache', '--secret', `id=a,src=${secret}`);
  expect(built.code).toBe(0);
  expect(built.text).toMatch(/s3cret 400 0 0\n/);
  expect(built.text).toMatch(/640 3 4\n/);
  expect(built.text).toMatch(/env s3cret\n/);
  if (!subject.isDockerd) {
    const written = readdirSync(subject.engine.dataRoot).filter((name) => name.startsWith('caisson.db')).map((name) => readFileSync(path.join(subject.engine.dataRoot, name)));
    expect(written.some((bytes) => bytes.includes('s3cret'))).toBe(false);
  }
  const last = ofStep(built, '[stage-0 5/5] RUN ls -A /run; env');
  expect(last.join('\n')).not.toContain('s3cret');
  const required = await build(context('FROM busybox\nRUN --mount=type=secret,id=nope,required true\n'));
  expect(required.log.at(-1)).toBe('ERROR: failed to build: failed to solve: secret nope: not found');
});

it('keeps caches apart that begin with different files of a context', async () => {
  const extra = context('', { 'a/x': 'X', 'b/y': 'Y' });
  const run = (source: string) => `RUN --mount=type=cache,id=apart,target=/cache,from=extra,source=${source} echo found $(ls /cache); touch /cache/own-${source}`;
  const built = await build(context(['FROM busybox', run('a'), run('b'), run('a')].join('\n')), '--no-cache', '--build-context', `extra=${extra}`);
  expect(built.text.match(/^#\d+ [\d.]+ found .*$/gm)?.map((line) => line.replace(/^.* found /, ''))).toEqual(['x', 'y', 'own-a x']);
});

it('gives images the times of SOURCE_DATE_EPOCH', async () => {
  const directory = context('FROM busybox\nCOPY a /a\nRUN echo b >/b\nCMD ["x"]\n', { a: 'A' });
  const env = { SOURCE_DATE_EPOCH: '1700000000' };
  expect((await build(directory, '--no-cache', '-t', 'epoch:1', { env })).code).toBe(0);
  expect(await subject.inspect('epoch:1', '{{.Created}}')).toMatch(/^2023-11-14T22:13:20(\.000)?Z$/);
  const times = (await subject.output('history', '--human=false', '--format', '{{.CreatedAt}}', 'epoch:1')).split('\n').slice(0, 3);
  expect(times).toEqual(Array.from({ length: 3 }, () => '2023-11-14T22:13:20Z'));
  const wrong = await build(directory, { env: { SOURCE_DATE_EPOCH: 'yesterday' } });
  expect(wrong.code).toBe(1);
  expect(wrong.log.at(-1)).toContain('SOURCE_DATE_EPOCH');
});

itHere('builds the very same image twice, where files have the times of SOURCE_DATE_EPOCH too', async () => {
  const directory = context('FROM busybox\nCOPY a /made/a\nRUN echo b >/b && ln /b /c && mkdir /d && ln -s /b /d/e\n', { a: 'A' });
  const options = ['--no-cache', '--build-arg', 'SOURCE_DATE_EPOCH=1700000000', '--output', 'type=image,name=epoch:same,rewrite-timestamp=true'];
  const ids: string[] = [];
  for (let time = 0; time < 2; time++) {
    expect((await build(directory, ...options)).code).toBe(0);
    ids.push(await subject.inspect('epoch:same', '{{.Id}}'));
  }
  expect(ids[0]).toBe(ids[1] as string);
  const run = await subject.docker('run', '--rm', '--network=none', 'epoch:same', 'stat', '-c', '%Y %h', '/made/a', '/b', '/c', '/d', '/d/e');
  expect(run.stdout).toBe('1700000000 1\n1700000000 2\n1700000000 2\n1700000000 2\n1700000000 1\n');
});

it('writes files to the client: a directory, and an archive', async () => {
  const directory = context([
    'FROM busybox AS made',
    'RUN mkdir -p /r/d && echo x > /r/d/f && ln -s f /r/d/l && ln /r/d/f /r/d/h && chown 5:6 /r/d/f && chmod 4755 /r/d/f && dd if=/dev/zero of=/r/big bs=1M count=3',
    'FROM scratch', 'COPY --from=made /r /',
  ].join('\n'));
  const [out, archive] = [path.join(directory, 'out'), path.join(directory, 'out.tar')];
  const built = await build(directory, '-o', `type=local,dest=${out}`, '-o', `type=tar,dest=${archive}`);
  expect([built.code, built.text]).toEqual([0, expect.any(String)]);
  expect(ofStep(built, 'exporting to client directory')).toContain('DONE');
  expect(ofStep(built, 'exporting to client tarball')).toContain('DONE');
  expect(readdirSync(out).sort()).toEqual(['big', 'd']);
  expect(statSync(path.join(out, 'big')).size).toBe(3 * 1024 * 1024);
  const [own, hard] = ['d/f', 'd/h'].map((name) => statSync(path.join(out, name))) as [Stats, Stats];
  expect([own.mode & 0o7777, own.ino === hard.ino, readlinkSync(path.join(out, 'd/l'))]).toEqual([0o4755, true, 'f']);
  const entries = (await run(['tar', 'tvf', archive])).stdout.split('\n').map((line) => line.split(/ +/)).filter(({ length }) => length > 5);
  expect(entries.map(([mode, owner, , , , ...name]) => `${mode} ${owner} ${name.join(' ')}`)).toEqual([
    '-rw-r--r-- 0/0 big', 'drwxr-xr-x 0/0 d/', '-rwsr-xr-x 5/6 d/f', 'hrwsr-xr-x 5/6 d/h link to d/f', 'lrwxrwxrwx 0/0 d/l -> f',
  ]);
});

it('asks for what has changed', async () => {
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`many/f${index}`, `${index}`.repeat(20_000)]));
  const directory = context('FROM busybox\nCOPY many /many\nCOPY last /last\nRUN cat /last', { ...files, last: 'one', '.dockerignore': 'many/ignored\n', 'many/ignored': 'x'.repeat(3_000_000) });
  const received = (built: Built): number => {
    const [, size, unit] = /transferring context: ([\d.]+)(k?M?)B [\d.]*s? ?done/.exec(built.text.split('[internal] load build context')[1] ?? '') ?? [];
    return Number(size) * ({ k: 1e3, M: 1e6 }[unit ?? ''] ?? 1);
  };
  const first = await build(directory);
  expect(first.code).toBe(0);
  expect(received(first)).toBeGreaterThan(800_000);
  expect(received(first)).toBeLessThan(2_900_000);
  writeFileSync(path.join(directory, 'last'), 'two');
  rmSync(path.join(directory, 'many/f3'));
  const second = await build(directory);
  expect(received(second)).toBeLessThan(20_000);
  expect(ofStep(second, '[4/4] RUN cat /last').join('\n')).toContain('two');
  writeFileSync(path.join(directory, 'many/f3'), files['many/f3'] as string);
  const third = await build(directory);
  expect(ofStep(third, '[2/4] COPY many /many')).toContain('CACHED');
});

it('takes contexts of other names, archives, and Dockerfiles from elsewhere', async () => {
  const named = context('unused', { e: 'E' });
  const built = await build(
    context('FROM base AS x\nCOPY --from=files e /e\nRUN --mount=type=bind,from=files,target=/m cat /m/e /e\nFROM files\n'),
    '--build-context', 'base=docker-image://busybox', '--build-context', `files=${named}`, '--target', 'x',
  );
  expect(built.text).toMatch(/ EE\n/);
  const piped = await build('-', { stdin: 'FROM busybox\nRUN echo piped\n' });
  expect(piped.text).toMatch(/ piped\n/);
  const other = await build(context('unused', { u: 'U' }), '-f', '-', { stdin: 'FROM busybox\nCOPY u /u\nRUN cat /u\n' });
  expect(other.text).toMatch(/ U\n/);
});

it('builds again what --no-cache-filter names', async () => {
  const directory = context('FROM busybox AS a\nRUN true\nFROM a AS b\nRUN true && true\n');
  await build(directory);
  const filtered = await build(directory, '--no-cache-filter', 'b');
  expect(ofStep(filtered, '[a 2/2] RUN true')).toContain('CACHED');
  expect(ofStep(filtered, '[b 1/1] RUN true && true')).toContain('DONE');
});

it('ends with its client', async () => {
  const directory = context('FROM busybox\nRUN echo begun; sleep 98765');
  const terminal = subject.terminal(['buildx', 'build', '--progress=plain', '--network=none', directory]);
  await terminal.shows(/ begun/);
  terminal.type('\x03');
  expect(await terminal.ended()).not.toBe(0);
  // The command goes on until the engine has heard of it.
  while ((await run(['pgrep', '-fx', 'sleep 98765'])).code === 0);
});

it('bakes targets that are made of others', async () => {
  const directory = context('unused', {
    'docker-bake.hcl': [
      'group "default" { targets = ["app", "base"] }',
      'target "base" {', '  dockerfile-inline = "FROM busybox\\nRUN --network=none echo base > /base"', '  tags = ["bake:base"]', '}',
      'target "app" {', '  contexts = { base = "target:base", extra = "./extra" }',
      '  dockerfile-inline = "FROM base\\nCOPY --from=extra x /x\\nCOPY extra/x /y"', '  tags = ["bake:app"]', '}',
    ].join('\n'),
    'extra/x': 'X',
  });
  const { code, stderr } = await subject.docker('buildx', 'bake', '--progress=plain', { cwd: directory });
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  expect(await subject.output('run', '--rm', '--network=none', 'bake:app', 'cat', '/base', '/x', '/y')).toBe('base\nXX');
});

requires(...needs, 'compose')('builds for Compose', async () => {
  const directory = context('FROM busybox\nARG V\nCOPY f /f\nENV V=$V\nCMD ["sh", "-c", "cat /f; echo $V"]', {
    f: 'F', 'compose.yaml': 'name: kit\nservices:\n  one:\n    network_mode: none\n    build: {context: ., args: {V: "1"}}\n  two:\n    network_mode: none\n    image: kit-two:img\n    build: {context: ., args: {V: "2"}}\n',
  });
  const up = await subject.docker('compose', '--progress=plain', 'up', '--build', '--no-color', { cwd: directory });
  expect([up.code, up.stderr]).toEqual([0, expect.any(String)]);
  expect(up.stdout.split('\n').filter((line) => line.includes('|')).map((line) => line.replace(/ +\| /, ': ')).sort()).toEqual(['one-1: F1', 'two-1: F2']);
  expect((await subject.output('images', '--format', '{{.Repository}}:{{.Tag}}', 'kit-*')).split('\n').sort()).toEqual(['kit-one:latest', 'kit-two:img']);
  await subject.output('compose', 'down', '-t', '0', { cwd: directory });
});

it('serves BuildKit to SDKs by Docker’s own API', async () => {
  const directory = context('FROM busybox\nCOPY f /f\nCMD ["cat", "/f"]', { f: 'F' });
  const docker = new Docker({ socketPath: subject.engine.socket });
  const records = async (file: string): Promise<Record<string, unknown>[]> => {
    const stream = await docker.buildImage({ context: directory, src: ['Dockerfile', 'f', file] }, { t: 'sdk:1', version: '2', networkmode: 'none', dockerfile: file });
    return new Promise((resolve, reject) => docker.modem.followProgress(stream, (error, told: Record<string, unknown>[]) => (error ? reject(error) : resolve(told))));
  };
  const told = await records('Dockerfile');
  expect(told.filter(({ id }) => id === 'moby.buildkit.trace').length).toBeGreaterThan(3);
  expect(told.at(-1)).toEqual({ id: 'moby.image.id', aux: { ID: await subject.inspect('sdk:1', '{{.Id}}') } });
  writeFileSync(path.join(directory, 'Bad'), 'FROM busybox\nRUN exit 4');
  const message = 'process "/bin/sh -c exit 4" did not complete successfully: exit code: 4';
  expect((await records('Bad')).at(-1)).toEqual({ errorDetail: { message }, error: message });
});

it('takes a context from one request and builds it for another, as docker commands before 23 do', async () => {
  const { socket } = subject.engine;
  const archive = tar([file('Dockerfile', 'FROM busybox\nCOPY f /f'), file('f', 'F')]);
  const [built, uploaded] = await Promise.all([
    buildArchive(socket, new Uint8Array(0), { version: '2', remote: 'upload-request', buildid: 'one', t: 'uploaded:1' }),
    buildArchive(socket, archive, { version: '2', buildid: 'upload-request:one' }),
  ]);
  expect([built.status, uploaded.status, built.image]).toEqual([200, 200, await subject.inspect('uploaded:1', '{{.Id}}')]);
  const quiet = await buildArchive(socket, archive, { version: '2', q: '1' });
  expect(quiet.records).toEqual([`${built.image}\n`]);
});

it('answers what is asked of a Dockerfile instead of a build', async () => {
  const directory = context([
    '# base is the base', 'ARG G=busybox', 'ARG unused', 'FROM $G AS base', '# X is the x', 'ARG X=1', 'RUN --mount=type=secret,id=sec --mount=type=ssh echo a',
    '# two is the second', 'FROM base AS two', 'ARG Y', 'FROM scratch',
  ].join('\n'));
  const call = async (name: string, ...words: readonly string[]): Promise<string> =>
    (await subject.output('buildx', 'build', '--progress=quiet', `--call=${name}`, ...words, directory)).split('\n').map((line) => line.trimEnd()).join('\n').trim();
  expect(await call('outline', '--target', 'two', '--build-arg', 'Y=2')).toBe([
    'TARGET:      two', 'DESCRIPTION: is the second', '', 'BUILD ARG   VALUE     DESCRIPTION', 'G           busybox', 'X           1         is the x', 'Y           2', '',
    'SECRET   REQUIRED', 'sec', '', 'SSH       REQUIRED', 'default',
  ].join('\n'));
  expect(await call('targets')).toBe(['TARGET    DESCRIPTION', 'base', 'two       is the second', '(default)'].join('\n'));
  const unknown = await subject.docker('buildx', 'build', '--call=nope', directory);
  expect(unknown.stderr).toContain('unsupported request frontend.nope');
});

it('remembers builds, and what they told', async () => {
  const directory = context('FROM busybox\nRUN echo remembered');
  await build(directory, '--no-cache');
  const listed = (await subject.output('buildx', 'history', 'ls', '--format', '{{json .}}')).split('\n').map((line) => JSON.parse(line) as { name: string; status: string; ref: string });
  expect(listed[0]).toMatchObject({ name: path.basename(directory), status: 'Completed' });
  const ref = (listed[0]?.ref ?? '').split('/').at(-1) as string;
  expect((await subject.docker('buildx', 'history', 'logs', '--progress=plain', ref)).stderr).toMatch(/ remembered\n/);
});

// Docker's own daemon dies of it.
itHere('forgets builds when it is told to', async () => {
  await subject.output('buildx', 'history', 'rm', '--all');
  expect(await subject.output('buildx', 'history', 'ls', '--format', '{{.Ref}}')).toBe('');
});

itHere('shows the cache, and prunes it', async () => {
  await build(context('FROM busybox\nRUN echo cached > /cached\nCOPY f /f', { f: 'F'.repeat(1000) }));
  expect(await subject.output('buildx', 'du', '--verbose')).toMatch(/Description: +RUN echo cached > \/cached\n/);
  const kept = path.join(subject.engine.dataRoot, 'build/contexts');
  expect(readdirSync(kept).length).toBeGreaterThan(0);
  expect(await subject.output('buildx', 'prune', '-af')).toMatch(/Total:\s+[\d.]+[kM]B/);
  expect(await subject.output('buildx', 'du')).toMatch(/Total:\s+0B/);
  expect(readdirSync(kept)).toEqual([]);
});

itHere('writes archives to the client, of OCI and for docker load', async () => {
  const directory = context('FROM busybox\nRUN echo hi >/hi\nCMD ["cat", "/hi"]\n');
  const archives = { oci: path.join(directory, 'oci.tar'), docker: path.join(directory, 'docker.tar'), plain: path.join(directory, 'plain.tar') };
  const built = await build(directory, '-o', `type=oci,dest=${archives.oci},name=archived:oci`, '-o', `type=docker,dest=${archives.docker},name=archived:docker,compression=zstd`,
    '-o', `type=oci,dest=${archives.plain},compression=uncompressed,annotation.made.by=test`);
  expect([built.code, built.text]).toEqual([0, expect.any(String)]);
  for (const format of ['oci', 'docker']) expect(ofStep(built, `exporting to ${format} image format`)).toContain('DONE');
  const json = async (archive: string, name: string) => JSON.parse((await run(['tar', 'xOf', archive, name])).stdout) as never;
  for (const [archive, layer] of [[archives.oci, '.tar+gzip'], [archives.docker, '.tar.zstd'], [archives.plain, '.tar']] as const) {
    const { manifests: [first] } = await json(archive, 'index.json') as { manifests: [{ digest: string; size: number }] };
    const manifest = (await run(['tar', 'xOf', archive, `blobs/sha256/${first.digest.slice(7)}`])).stdout;
    expect([Buffer.byteLength(manifest), sha256(manifest)]).toEqual([first.size, first.digest.slice(7)]);
    for (const { mediaType } of (JSON.parse(manifest) as { layers: { mediaType: string }[] }).layers) expect(mediaType.endsWith(layer)).toBe(true);
    if (archive === archives.plain) expect(JSON.parse(manifest)).toMatchObject({ annotations: { 'made.by': 'test' } });
  }
  for (const format of ['oci', 'docker'] as const) {
    expect(await subject.output('load', '-q', '-i', archives[format])).toBe(`Loaded image: archived:${format}`);
    expect((await subject.docker('run', '--rm', '--network=none', `archived:${format}`)).stdout).toBe('hi\n');
  }
  const refused = await build(directory, '-o', `type=oci,tar=false,dest=${path.join(directory, 'layout')}`);
  expect(refused.log.at(-1)).toContain('"tar=false" is not supported');
});

requires(...needs, 'docker-registry')('pushes what was built', async () => {
  const registry = await RealRegistry.start(subject, { port: 5055 });
  const directory = context('FROM busybox\nRUN echo pushed >/pushed\n');
  const name = `${registry.address}/kit/pushed:1`;
  expect((await build(directory, '-t', name, '--push')).code).toBe(0);
  await subject.output('rmi', name);
  await subject.output('pull', '-q', name);
  expect((await subject.docker('run', '--rm', '--network=none', name, 'cat', '/pushed')).stdout).toBe('pushed\n');
  const failing = await build(directory, '-t', 'localhost:1/kit/pushed:1', '--push');
  expect([failing.code, failing.log.at(-1)]).toEqual([1, expect.stringContaining('Get "http://localhost:1/v2/": dial tcp')]);
});

leavesNothingBehind(subject, ...needs);
