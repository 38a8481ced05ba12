/** docker build, the classic way: what the stream says, what is in the images, what is refused. */
import { expect } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build, buildArchive, type BuildAnswer, buildUntil, directory, file, link, shown } from '../support/build.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar, type TarEntry } from '../support/tar.ts';

const { subject, it, needs } = useEngine();
const itHere = requires(...needs, 'caisson');

type Parameters = globalThis.Parameters<typeof build>[3];
const make = (dockerfile: string, files: readonly TarEntry[] = [], parameters: Parameters = {}) => build(subject.engine.socket, dockerfile, files, parameters);

/** The output of the last RUN. */
const output = ({ status, message, records, error }: BuildAnswer): string => {
  expect([status, message, error]).toEqual([200, '', undefined]);
  const from = records.findLastIndex((record) => record.startsWith(' ---> Running in'));
  const to = records.findIndex((record, index) => index > from && record.startsWith(' ---> Removed'));
  return records.slice(from + 1, to).join('');
};

const failure = async (dockerfile: string, files: readonly TarEntry[] = [], parameters: Parameters = {}): Promise<string> => {
  const answer = await make(dockerfile, files, parameters);
  return answer.error?.message ?? answer.message;
};

const inspect = (name: string) => subject.api.json<{ Id: string; Author: string; Config: Record<string, unknown>; RootFS: { Layers: string[] } }>('GET', `/images/${name}/json`);
const history = async (name: string) => (await subject.api.json<{ CreatedBy: string }[]>('GET', `/images/${name}/history`) as unknown as { CreatedBy: string }[]).map(({ CreatedBy }) => CreatedBy);

const context = [
  directory('dir', 0o700), file('dir/a', 'A', 0o600), directory('dir/sub'), file('dir/sub/b', 'B'), link('dir/link', 'a'),
  link('to-file', 'dir/a'), link('to-dir', 'dir'), file('one', '1', 0o755), file('two', '2'),
];

it('tells each step, and takes it from the cache the next time', async () => {
  const dockerfile = 'FROM busybox\nRUN echo hi; sleep 0.1; echo err >&2\nCOPY one /d/f\nENV A=1 B="2 3"\nCMD ["sh"]\n';
  const first = await make(dockerfile, context, { t: 'one:1' });
  expect(shown(first)).toBe([
    'Step 1/5 : FROM busybox', ' ---> ID',
    'Step 2/5 : RUN echo hi; sleep 0.1; echo err >&2', ' ---> Running in ID', 'hi', '\u001b[91merr', '\u001b[0m ---> Removed intermediate container ID', ' ---> ID',
    'Step 3/5 : COPY one /d/f', ' ---> ID',
    'Step 4/5 : ENV A=1 B="2 3"', ' ---> Running in ID', ' ---> Removed intermediate container ID', ' ---> ID',
    'Step 5/5 : CMD ["sh"]', ' ---> Running in ID', ' ---> Removed intermediate container ID', ' ---> ID',
    'aux sha256:IDSuccessfully built ID', 'Successfully tagged one:1', '',
  ].join('\n'));
  const second = await make(dockerfile, context, { t: 'one:1' });
  expect(second.records.filter((record) => record === ' ---> Using cache\n')).toHaveLength(4);
  expect(second.image).toBe(first.image);
  const third = await make(dockerfile, [...context.slice(0, -2), file('one', '3', 0o755)], { t: 'one:1' });
  expect(third.records.filter((record) => record === ' ---> Using cache\n')).toHaveLength(1);
  expect((await make(dockerfile, context, { nocache: '1' })).records).not.toContain(' ---> Using cache\n');
});

it('makes an image of each step, on the image of the step before', async () => {
  const answer = await make('FROM busybox\nENV A=1\nRUN touch /x\n', [], { t: 'parents:1' });
  const ids = answer.records.filter((record) => /^ ---> [0-9a-f]{12}\n$/.test(record)).map((record) => record.slice(6, 18));
  expect(await subject.output('run', '--rm', ids[1] as string, 'sh', '-c', 'echo $A; ls /x 2>&1; true')).toContain('1\nls: /x');
  expect((await subject.api.json<{ Parent: string }>('GET', '/images/parents:1/json')).Parent).toStartWith(`sha256:${ids[1]}`);
});

it('writes the configuration and the history as Docker does', async () => {
  const dockerfile = [
    'FROM busybox', 'MAINTAINER me', 'ARG X=def', 'ENV A=1 B="2 3" C=${A}x', 'LABEL x=y "q z"=\'$A\' $A=b', 'WORKDIR /w/x', 'WORKDIR y', 'USER nobody',
    'RUN echo hi $X', 'USER root', 'COPY one two /d/', 'COPY --chown=33:33 dir /p/q/r', 'EXPOSE 80 90-91/udp $A', 'VOLUME /v', 'STOPSIGNAL SIGUSR1',
    'HEALTHCHECK --interval=1s CMD echo x', 'HEALTHCHECK NONE', 'SHELL ["/bin/sh", "-ec"]', 'RUN echo shell', 'ONBUILD RUN echo trigger',
    'ENTRYPOINT echo ep', 'CMD echo cmd', 'ENTRYPOINT ["x"]',
  ].join('\n');
  const answer = await make(dockerfile, context, { t: 'big' });
  expect(shown(answer)).toContain('Step 17/23 : HEALTHCHECK NONE\nNote: overriding previous HEALTHCHECK: [CMD-SHELL echo x]\n');
  expect(await inspect('big')).toMatchObject({
    Author: 'me',
    Config: {
      Cmd: ['/bin/sh', '-ec', 'echo cmd'], Entrypoint: ['x'], Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'A=1', 'B=2 3', 'C=x'],
      ExposedPorts: { '1/tcp': {}, '80/tcp': {}, '90/udp': {}, '91/udp': {} }, Healthcheck: { Interval: 1e9, Test: ['NONE'] },
      Labels: { 1: 'b', 'q z': '$A', x: 'y' }, OnBuild: ['RUN echo trigger'], Shell: ['/bin/sh', '-ec'], StopSignal: 'SIGUSR1', User: 'root',
      Volumes: { '/v': {} }, WorkingDir: '/w/x/y',
    },
  });
  expect((await history('big')).slice(0, -1).map((text) => text.replace(/:[0-9a-f]{64}/, ':HASH'))).toEqual([
    '/bin/sh -ec #(nop)  ENTRYPOINT ["x"]', '/bin/sh -ec #(nop)  CMD ["/bin/sh" "-ec" "echo cmd"]', '/bin/sh -ec #(nop)  ENTRYPOINT ["/bin/sh" "-ec" "echo ep"]',
    '/bin/sh -ec #(nop)  ONBUILD RUN echo trigger', '|1 X=def /bin/sh -ec echo shell', '/bin/sh -ec #(nop)  SHELL [/bin/sh -ec]',
    '/bin/sh -c #(nop)  HEALTHCHECK &{[NONE] 0s 0s 0s 0s 0}', '/bin/sh -c #(nop)  HEALTHCHECK &{[CMD-SHELL echo x] 1s 0s 0s 0s 0}',
    '/bin/sh -c #(nop)  STOPSIGNAL SIGUSR1', '/bin/sh -c #(nop)  VOLUME [/v]', '/bin/sh -c #(nop)  EXPOSE 1 80 90-91/udp',
    '/bin/sh -c #(nop) COPY --chown=33:33 dir:HASH in /p/q/r ', '/bin/sh -c #(nop) COPY multi:HASH in /d/ ', '/bin/sh -c #(nop)  USER root',
    '|1 X=def /bin/sh -c echo hi $X', '/bin/sh -c #(nop)  USER nobody', '/bin/sh -c #(nop) WORKDIR /w/x/y', '/bin/sh -c #(nop) WORKDIR /w/x',
    '/bin/sh -c #(nop)  LABEL x=y q z=$A 1=b', '/bin/sh -c #(nop)  ENV A=1 B=2 3 C=x', '/bin/sh -c #(nop)  ARG X=def', '/bin/sh -c #(nop)  MAINTAINER me',
  ]);
  const child = await make('FROM big\nENV z=1\n', [], { t: 'child' });
  expect(shown(child)).toStartWith('Step 1/2 : FROM big\n# Executing 1 build trigger\n ---> Running in ID\ntrigger\n ---> Removed intermediate container ID\n ---> ID\n');
  expect((await inspect('child')).Config).toMatchObject({ OnBuild: null, Cmd: ['/bin/sh', '-ec', 'echo cmd'] });
});

it('copies files, directories, links and what wildcards mean', async () => {
  const answer = await make([
    'FROM busybox', 'RUN mkdir -p /real && ln -s /real /ln && ln -s /nope /dangling && mkdir -m 700 /keep && chown 5:6 /keep',
    'COPY --chown=33:34 dir /p/q', 'COPY one /d/new/', 'COPY dir/sub /e/z', 'COPY to-file /o/', 'COPY to-dir /linked', 'COPY --chown=www-data one two /t/',
    'COPY --chown=33:34 one /owned/new/file', 'COPY one /ln/', 'COPY two /ln', 'COPY one /dangling', 'COPY dir /ln/deep', 'COPY dir /keep', 'COPY o* t*o /g/', 'COPY di*/* /m/',
    'COPY [ "one", "/sp ace/" ]', 'WORKDIR /work/here', 'COPY two .', 'COPY two sub/',
    'RUN stat -c "%n %a %u:%g %F" $(find /p /d /e /o /linked /t /owned /real /nope /keep /g /m /work | sort) "/sp ace/one"',
  ].join('\n'), context);
  expect(output(answer).trim().split('\n')).toEqual([
    '/d 755 0:0 directory', '/d/new 755 0:0 directory', '/d/new/one 755 0:0 regular file', '/e 755 0:0 directory', '/e/z 755 0:0 directory',
    '/e/z/b 644 0:0 regular file', '/g 755 0:0 directory', '/g/one 755 0:0 regular file', '/g/two 644 0:0 regular file',
    '/keep 700 5:6 directory', '/keep/a 600 0:0 regular file', '/keep/link 777 0:0 symbolic link', '/keep/sub 755 0:0 directory', '/keep/sub/b 644 0:0 regular file',
    '/linked 755 0:0 directory', '/linked/a 600 0:0 regular file', '/linked/link 777 0:0 symbolic link', '/linked/sub 755 0:0 directory', '/linked/sub/b 644 0:0 regular file',
    '/m 755 0:0 directory', '/m/a 600 0:0 regular file', '/m/b 644 0:0 regular file', '/m/link 600 0:0 regular file', '/nope 755 0:0 regular file',
    '/o 755 0:0 directory', '/o/to-file 600 0:0 regular file',
    '/owned 755 33:34 directory', '/owned/new 755 33:34 directory', '/owned/new/file 755 33:34 regular file',
    '/p 755 0:0 directory', '/p/q 755 33:34 directory', '/p/q/a 600 33:34 regular file', '/p/q/link 777 33:34 symbolic link', '/p/q/sub 755 33:34 directory',
    '/p/q/sub/b 644 33:34 regular file', '/real 755 0:0 directory', '/real/deep 755 0:0 directory', '/real/deep/a 600 0:0 regular file',
    '/real/deep/link 777 0:0 symbolic link', '/real/deep/sub 755 0:0 directory', '/real/deep/sub/b 644 0:0 regular file', '/real/one 755 0:0 regular file',
    '/real/two 644 0:0 regular file', '/t 755 33:33 directory', '/t/one 755 33:33 regular file', '/t/two 644 33:33 regular file',
    '/work 755 0:0 directory', '/work/here 755 0:0 directory', '/work/here/sub 755 0:0 directory', '/work/here/sub/two 644 0:0 regular file',
    '/work/here/two 644 0:0 regular file', '/sp ace/one 755 0:0 regular file',
  ]);
});

it('adds archives unpacked, through the links that are there', async () => {
  const archive = tar([file('lib/q', 'Q', 0o640), link('lib/l', 'q'), directory('own', 0o750), file('own/o', 'O')]);
  const answer = await make('FROM busybox\nRUN mkdir -p /u/usr/lib && ln -s usr/lib /u/lib && ln -s usr /u/own\nADD a.tar /u\nADD a.tar /v\nCOPY a.tar /plain\nADD one /w/\n'
    + 'RUN stat -c "%n %a %u:%g %F" /u/lib /u/usr/lib/* /u/own /u/own/o /v/lib/q /plain /w/one; cat /u/usr/lib/l', [...context, file('a.tar', archive)]);
  expect(output(answer)).toBe([
    '/u/lib 777 0:0 symbolic link', '/u/usr/lib/l 777 0:0 symbolic link', '/u/usr/lib/q 640 0:0 regular file', '/u/own 750 0:0 directory', '/u/own/o 644 0:0 regular file',
    '/v/lib/q 640 0:0 regular file', '/plain 644 0:0 regular file', '/w/one 755 0:0 regular file', 'Q',
  ].join('\n'));
});

it('takes files of other stages and images, with their owners', async () => {
  const answer = await make([
    'ARG BASE=busybox', 'FROM ${BASE} AS First', 'RUN mkdir /out && echo made > /out/f && chown -R 33:34 /out && ln -s f /out/l', 'ENV FROM_FIRST=1',
    'FROM first AS second', 'RUN echo $FROM_FIRST > /out/g', 'FROM scratch', 'COPY --from=busybox /bin/ /bin/', 'COPY --from=second /out /out', 'COPY --from=0 /out/l /one',
    'COPY --from=1 --chown=1:2 /out/g /two', 'RUN stat -c "%n %u:%g %F" /out /out/* /one /two; cat /out/g',
  ].join('\n'));
  expect(output(answer)).toBe('/out 0:0 directory\n/out/f 33:34 regular file\n/out/g 0:0 regular file\n/out/l 0:0 symbolic link\n/one 33:34 regular file\n/two 1:2 regular file\n1\n');
  expect(answer.records.filter((record) => record.startsWith('aux'))).toHaveLength(3);
});

it('gives arguments to those who ask for them', async () => {
  const answer = await make('ARG T=latest\nFROM busybox:$T\nARG T\nARG A=a B\nENV B=$B-$A\nENV C=env\nARG C=arg\nRUN echo $T $A $B $C $HTTP_PROXY $D', [], {
    buildargs: { A: 'given', C: 'ignored', HTTP_PROXY: 'proxy', D: 'unused', E: null, B: 'b' },
  });
  expect(output(answer)).toBe('latest given b-given env proxy\n');
  expect(answer.records).toContain('[Warning] One or more build-args [D E] were not consumed\n');
  const other = await make('FROM busybox\nARG A\nRUN echo $A > /a', [], { buildargs: { A: '1' } });
  expect((await make('FROM busybox\nARG A\nRUN echo $A > /a', [], { buildargs: { A: '2' } })).image).not.toBe(other.image);
});

it('stops at the target, labels, and keeps to itself when told to', async () => {
  const dockerfile = 'FROM busybox AS a\nRUN true\nFROM busybox AS b\nRUN false\n';
  expect(shown(await make(dockerfile, [], { target: 'A', labels: { l: 'v', a: '$w' } }))).toContain('Step 3/4 : LABEL a=$w\n');
  const quiet = await make('FROM busybox\nLABEL q=1', [], { q: '1', t: ['q:1', 'q:2'] });
  expect(quiet.records).toEqual([`${(await inspect('q:2')).Id}\n`]);
  const failed = await make(dockerfile, [], { q: '1', target: 'b' });
  expect(shown(failed)).toEndWith("error The command '/bin/sh -c false' returned a non-zero code: 1");
  expect(failed.error).toEqual({ code: 1, message: "The command '/bin/sh -c false' returned a non-zero code: 1" });
});

it('runs steps with the limits that are asked for', async () => {
  const answer = await make('FROM busybox\nRUN ulimit -n; df /dev/shm | tail -1 | awk \'{print $2}\'; tail -1 /etc/hosts', [], {
    shmsize: '1048576', extrahosts: 'foo:1.2.3.4', memory: '67108864', ulimits: [{ Name: 'nofile', Soft: 99, Hard: 100 }], networkmode: 'none',
  });
  expect(output(answer)).toBe('99\n1024\n1.2.3.4\tfoo\n');
});

it('refuses in Docker’s words', async () => {
  expect(await failure('')).toBe('the Dockerfile (Dockerfile) cannot be empty');
  for (const [parameters, message] of [
    [{ target: 'zz' }, 'target stage "zz" could not be found'],
    [{ t: 'Bad' }, 'invalid reference format: repository name (library/Bad) must be lowercase'],
    [{ dockerfile: 'other' }, 'Cannot locate specified Dockerfile: other'],
    [{ dockerfile: '../other' }, 'forbidden path outside the build context: ../other ()'],
    [{ squash: '1' }, 'squash is only supported with experimental mode'],
    [{ buildargs: 'x' }, "error reading build args: invalid character 'x' looking for beginning of value"],
    [{ labels: 'x' }, "error reading labels: invalid character 'x' looking for beginning of value"],
    [{ ulimits: 'x' }, "error reading ulimit settings: invalid character 'x' looking for beginning of value"],
    [{ cachefrom: 'x' }, "error reading cache-from: invalid character 'x' looking for beginning of value"],
    [{ platform: 'nosuch' }, '"nosuch": unknown operating system or architecture: invalid argument'],
    [{ remote: 'http://127.0.0.1:1/x' }, 'error downloading remote context http://127.0.0.1:1/x: Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused'],
  ] as const) expect([parameters, await failure('FROM busybox', [], parameters)]).toEqual([parameters, message]);
});

it('leaves containers behind when told to, and those that failed unless told not to', async () => {
  const containers = async () => (await subject.output('ps', '-aq')).split('\n').filter((id) => id !== '').length;
  const before = await containers();
  await make('FROM busybox\nRUN exit 3', [], { forcerm: '1' });
  expect(await containers()).toBe(before);
  await make('FROM busybox\nRUN exit 3');
  await make('FROM busybox\nRUN echo kept', [], { rm: '0' });
  expect(await containers()).toBe(before + 2);
  await subject.clear();
});

it('serves docker build: a directory, a Dockerfile from elsewhere, .dockerignore, an id in a file', async () => {
  const root = path.join(subject.engine.scratch, 'context');
  mkdirSync(path.join(root, 'sub'), { recursive: true });
  writeFileSync(path.join(root, 'sub/Dockerfile'), 'FROM busybox\nCOPY . /c\nRUN find /c -type f | sort\n');
  for (const name of ['keep', 'skip.log', 'sub/skip.log', 'sub/keep.log']) writeFileSync(path.join(root, name), name);
  writeFileSync(path.join(root, '.dockerignore'), '**/*.log\n!**/keep.log\n.dockerignore\nsub/Dockerfile\n');
  const env = { DOCKER_BUILDKIT: '0' };
  const text = await subject.output('build', '-t', 'cli:1', '-f', path.join(root, 'sub/Dockerfile'), '--iidfile', path.join(root, '../iid'), root, { env });
  expect(text).toContain('\n/c/keep\n/c/sub/keep.log\n');
  expect(await Bun.file(path.join(root, '../iid')).text()).toBe((await inspect('cli:1')).Id);
  expect(await subject.output('build', '-q', '-f', '-', root, { env, stdin: 'FROM busybox\nCOPY keep /k\n' })).toStartWith('sha256:');
  expect((await subject.docker('build', root, { env })).stderr).toContain('Dockerfile: no such file or directory');
  const failed = await subject.docker('build', '-', { env, stdin: 'FROM busybox\nRUN exit 4\n' });
  expect([failed.code, failed.stderr]).toEqual([4, expect.stringContaining("The command '/bin/sh -c exit 4' returned a non-zero code: 4")]);
});

it('lets nothing of a hostile context out of it', async () => {
  const outside = path.join(subject.engine.scratch, 'outside');
  writeFileSync(outside, 'secret');
  const climbing = await buildArchive(subject.engine.socket, tar([file('Dockerfile', 'FROM busybox\nCOPY . /c\n'), file('../../../../outside', 'overwritten')]));
  expect(climbing.error?.message ?? climbing.message).not.toBe('');
  const through = await buildArchive(subject.engine.socket, tar([file('Dockerfile', 'FROM busybox\n'), link('up', subject.engine.scratch), file('up/outside', 'overwritten')]));
  expect(await Bun.file(outside).text()).toBe('secret');
  expect([200, 400, 500]).toContain(through.status);
  for (const source of ['absolute', 'relative', 'relative/outside', 'broken'])
    expect(await failure(`FROM busybox\nCOPY ${source} /o`, [link('absolute', outside), link('relative', '../../../../../..'), link('broken', 'nope')]))
      .toMatch(source === 'relative' ? /^$/ : /file does not exist$/);
  const copied = await make('FROM busybox\nCOPY . /c\nRUN readlink /c/absolute; ls /c/loop 2>&1 | head -1', [link('absolute', '/etc/shadow'), link('loop', 'loop')]);
  expect(output(copied)).toStartWith('/etc/shadow\n');
  expect(await failure('FROM busybox\nCOPY loop /x', [link('loop', 'loop')])).not.toBe('');
  const dockerfile = await buildArchive(subject.engine.socket, tar([link('Dockerfile', '/etc/passwd')]));
  expect(dockerfile.status).not.toBe(200);
  expect((await buildArchive(subject.engine.socket, Buffer.from('no archive'))).status).not.toBe(200);
});

itHere('bounds what a hostile Dockerfile may ask for', async () => {
  const growing = `FROM busybox\nENV A=${'x'.repeat(1000)}\n${'ENV A=$A$A$A$A$A$A$A$A\n'.repeat(20)}`;
  expect(await failure(growing)).toContain('the result is longer than 1048576 characters');
  const stars = '*a'.repeat(60);
  expect(await failure(`FROM busybox\nCOPY ${stars}b /\n`, [file('a'.repeat(90), '')])).toBe('COPY failed: no source files were specified');
  expect((await make(`FROM busybox\nENV L=${'a'.repeat(5000)}\nENV M=\${L##${stars}b}\n`)).error).toBeUndefined();
  expect(await failure(`FROM busybox\nRUN ${'y'.repeat(70_000)}`)).toContain('dockerfile line greater than max allowed size of 65535');
  const deep = `${'d/'.repeat(40)}f`;
  expect(output(await make(`FROM busybox\nCOPY d /d\nRUN cat /${deep}`, [file(deep, 'deep')]))).toBe('deep');
  expect((await buildArchive(subject.engine.socket, tar([file('Dockerfile', `FROM busybox\n#${'x'.repeat(3_000_000)}`)]))).message).toContain('larger than 1 MiB');
  expect(await failure('FROM busybox\nCOPY <<../../x /y\nhi\n../../x\n')).toContain('a here-document cannot be named');
  const climbing = tar([file('../../../escaped', 'x')]);
  expect(await failure('FROM busybox\nADD a.tar /u\n', [file('a.tar', climbing)])).toContain('outside of the root directory');
});

it('ends when its client leaves', async () => {
  const socket = await buildUntil(subject.engine.socket, 'FROM busybox\nRUN echo begun; sleep 1000\n', '{"stream":"begun');
  const [id] = (await subject.output('ps', '-q', '--no-trunc')).split('\n');
  const wait = subject.api.request('POST', `/containers/${id}/wait?condition=not-running`);
  socket.destroy();
  expect([200, 404]).toContain((await wait).status);
  expect(await subject.output('ps', '-q')).toBe('');
});

itHere('has the language of BuildKit: here-documents, permissions, excludes, parents, links', async () => {
  const answer = await make([
    '# syntax=docker/dockerfile:1', 'FROM busybox', 'ARG WHO=world', 'RUN <<EOF', 'echo one > /one', 'echo two >> /one', 'EOF', 'COPY <<here <<\'there\' /h/', 'hello $WHO', 'here',
    'hello $WHO', 'there', 'COPY --chmod=0751 --chown=1:2 one /m/', 'COPY --exclude=sub --exclude=link dir /x', 'COPY --parents dir/sub/b /y/', 'COPY --link two /l/two',
    'RUN <<-S', '\tcat /one /h/here /h/there', '\tstat -c "%n %a %u:%g" /m/one; find /x /y /l | sort', '\tS',
  ].join('\n'), context);
  expect(output(answer)).toBe('one\ntwo\nhello world\nhello $WHO\n/m/one 751 1:2\n/l\n/l/two\n/x\n/x/a\n/y\n/y/dir\n/y/dir/sub\n/y/dir/sub/b\n');
});

itHere('mounts caches, binds and memory for a step, and leaves nothing of them in the image', async () => {
  const dockerfile = (text: string) => `FROM busybox AS other\nRUN mkdir /o && echo other > /o/f\nFROM busybox\nRUN --mount=type=cache,target=/deep/cache --mount=type=tmpfs,target=/memory `
    + `--mount=target=/ctx --mount=from=other,source=/o,target=/other ls /deep/cache; echo ${text} >> /deep/cache/log; cat /deep/cache/log /ctx/one /other/f; touch /memory/x; touch /ctx/x 2>&1; true\n`
    + 'RUN ls -d /deep /memory /ctx /other 2>&1; true';
  const first = await make(dockerfile('a'), context);
  expect(first.error).toBeUndefined();
  expect(output(first)).toBe('ls: /deep: No such file or directory\nls: /memory: No such file or directory\nls: /ctx: No such file or directory\nls: /other: No such file or directory\n');
  expect(shown(await make(dockerfile('b'), context))).toContain('log\na\nb\n1other\ntouch: /ctx/x: Read-only file system');
  expect(await failure('FROM busybox\nRUN --mount=type=secret,id=s,required true')).toContain('secret s: not found');
});

itHere('passes over stages that nobody needs, and runs those at once that do not need each other', async () => {
  const answer = await make('FROM nosuch:1 AS unused\nFROM busybox AS a\nRUN --network=none echo a; touch /a\nFROM busybox AS b\nRUN touch /b\nFROM busybox\nCOPY --from=a /a /\nCOPY --from=b /b /\n');
  expect(shown(answer)).toContain('Step 1/7 : FROM busybox AS a\n');
  // Each waits for what the other leaves in the shared cache: one after the other they would never end.
  const wait = (own: string, other: string) => `RUN --mount=type=cache,target=/shared touch /shared/${own}; until [ -e /shared/${other} ]; do sleep 0.01; done; echo ${own}`;
  const parallel = await make(`FROM busybox AS a\n${wait('left', 'right')}\nFROM busybox AS b\n${wait('right', 'left')}\nFROM busybox\nCOPY --from=a /bin/sh /1\nCOPY --from=b /bin/sh /2\n`);
  expect(parallel.error).toBeUndefined();
  expect(shown(parallel)).toMatch(/FROM busybox AS a[^]*\nleft\n[^]*FROM busybox AS b[^]*\nright\n/);
});

itHere('keeps a cache of its own, which can be seen and pruned', async () => {
  const dockerfile = 'FROM busybox\nRUN echo cached > /cached-file\nLABEL last=1\n';
  await make(dockerfile, [], { t: 'cached:1' });
  await subject.output('rmi', 'cached:1');
  expect((await make(dockerfile)).records.filter((record) => record === ' ---> Using cache\n')).toHaveLength(2);
  const relabelled = await make(dockerfile.replace('RUN', 'LABEL first=1\nRUN'));
  expect(relabelled.records.filter((record) => record === ' ---> Using cache\n')).toHaveLength(1);
  const usage = await subject.api.json<{ BuildCache: { Description: string; UsageCount: number }[] }>('GET', '/system/df?type=build-cache');
  expect(usage.BuildCache.find(({ Description }) => Description.includes('cached-file'))).toMatchObject({ UsageCount: 2 });
  const pruned = await subject.api.json<{ CachesDeleted: string[] }>('POST', '/build/prune');
  expect(pruned.CachesDeleted.length).toBeGreaterThan(0);
  expect((await make(dockerfile)).records).not.toContain(' ---> Using cache\n');
  expect(await subject.api.json('GET', '/system/df?type=build-cache')).toMatchObject({ BuildCache: [expect.anything()] });
});

it('adds what a URL names, and builds from one: a tar, or a Dockerfile alone', async () => {
  const script = 'mkdir /srv && cd /srv && echo "FROM busybox" >Dockerfile && echo "COPY given /given" >>Dockerfile && echo by-url >given '
    + '&& tar cf context.tar Dockerfile given && echo "FROM busybox" >alone && echo "LABEL alone=yes" >>alone && httpd -f -p 127.0.0.1:8121 -h /srv';
  await subject.output('run', '-d', '--name', 'files', '--network', 'host', 'busybox', 'sh', '-c', script);
  await subject.output('exec', 'files', 'sh', '-c', 'until wget -qO /dev/null http://127.0.0.1:8121/given; do sleep 0.05; done');
  expect(output(await make('FROM busybox\nADD http://127.0.0.1:8121/given /added/\nRUN cat /added/given; stat -c %a /added/given\n'))).toBe('by-url\n600\n');
  expect(await failure('FROM busybox\nADD http://127.0.0.1:8121/none /\n')).toContain('failed to GET http://127.0.0.1:8121/none with status 404 Not Found');
  const remote = async (name: string) => (await subject.api.request('POST', `/build?remote=http://127.0.0.1:8121/${name}&t=${name}:remote`)).status;
  expect([await remote('context.tar'), await remote('alone')]).toEqual([200, 200]);
  expect(await subject.output('run', '--rm', 'context.tar:remote', 'cat', '/given')).toBe('by-url');
  expect((await inspect('alone:remote')).Config).toMatchObject({ Labels: { alone: 'yes' } });
});

leavesNothingBehind(subject);
