/** docker buildx build: what a person sees, what is in the images, what the client is asked for. */
import { beforeAll, expect } from 'bun:test';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { CommandOptions } from '../support/command.ts';
import { installPlugins } from '../support/plugins.ts';
import { missing, requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

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
  const syntax = await build(context('FROM busybox\nBAD x'));
  expect(syntax.log.slice(-6)).toEqual([
    'Dockerfile:2', '--------------------', '   1 |     FROM busybox', '   2 | >>> BAD x', '--------------------',
    'ERROR: failed to build: failed to solve: dockerfile parse error on line 2: unknown instruction: BAD (did you mean ADD?)',
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
  const last = ofStep(built, '[stage-0 5/5] RUN ls -A /run; env');
  expect(last.join('\n')).not.toContain('s3cret');
  const required = await build(context('FROM busybox\nRUN --mount=type=secret,id=nope,required true\n'));
  expect(required.log.at(-1)).toBe('ERROR: failed to build: failed to solve: secret nope: not found');
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

leavesNothingBehind(subject, ...needs);
