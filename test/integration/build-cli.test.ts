/** caisson build: the context that it sends, what it explains; SDKs that build; a daemon that is killed meanwhile. */
import { expect } from 'bun:test';
import Docker from 'dockerode';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { build, buildUntil, file } from '../support/build.ts';
import { run, type CommandOptions } from '../support/command.ts';
import { caissonCommand } from '../support/engine.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar } from '../support/tar.ts';

const { subject, it, needs } = useEngine();
const itHere = requires(...needs, 'caisson');

const own = (words: readonly string[], options: CommandOptions = {}) => run([...caissonCommand(), '--host', subject.engine.host, ...words], options);

function contextOf(name: string, files: Readonly<Record<string, string>>): string {
  const root = path.join(subject.engine.scratch, name);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  }
  return root;
}

itHere('sends a directory without what .dockerignore names, and a Dockerfile from anywhere', async () => {
  const root = contextOf('own', {
    Dockerfile: 'FROM busybox\nARG A\nCOPY . /c\nRUN echo $A; find /c -type f | sort\n', '.dockerignore': 'skip\nsub\n!sub/keep\n*ile\n', keep: 'k', skip: 's', 'sub/keep': 'k', 'sub/no': 'n',
  });
  const built = await own(['build', '-t', 'own:1', '--build-arg', 'A=given', '--iidfile', path.join(root, '../own-id'), root]);
  expect([built.code, built.stderr]).toEqual([0, '']);
  expect(built.stdout).toContain('\ngiven\n/c/.dockerignore\n/c/keep\n/c/sub/keep\n');
  expect(readFileSync(path.join(root, '../own-id'), 'utf8')).toBe(await subject.output('inspect', '-f', '{{.Id}}', 'own:1'));
  const piped = await own(['build', '-q', '-f', '-', root], { stdin: 'FROM busybox\nCOPY . /c\nRUN ! ls -A /c | grep dockerfile\n' });
  expect([piped.code, piped.stdout]).toEqual([0, expect.stringMatching(/^sha256:[0-9a-f]{64}\n$/)]);
  const failed = await own(['build', '-f', '-', root], { stdin: 'FROM busybox\nRUN exit 5\n' });
  expect([failed.code, failed.stderr]).toEqual([5, expect.stringContaining('returned a non-zero code: 5')]);
  expect((await own(['build', path.join(root, 'nothing')])).stderr).toContain('unable to prepare context');
});

itHere('shows the lines that an error is about, with a caret', async () => {
  const blamed = async (dockerfile: string) => {
    const { code, stderr } = await own(['build', '-f', '-', contextOf('blamed', { a: '1' })], { stdin: dockerfile });
    return [code, ...stderr.split('\n').filter((line) => /^ *\d* \|/.test(line))];
  };
  expect(await blamed('FROM busybox\nENV A=1\nCOPY --form=x a /\nRUN x\n')).toEqual(
    [1, ' 1 |     FROM busybox', ' 2 |     ENV A=1', ' 3 | >>> COPY --form=x a /', '   |          ^^^^^^', ' 4 |     RUN x']);
  expect(await blamed('FROM busybox\nENV A\n')).toEqual([1, ' 1 |     FROM busybox', ' 2 | >>> ENV A']);
  expect(await blamed('FROM busybox\nRUN true\nRUN false \\\n  || exit 3\n')).toEqual(
    [3, ' 1 |     FROM busybox', ' 2 |     RUN true', ' 3 | >>> RUN false \\', ' 4 | >>>   || exit 3']);
  expect(await blamed('FROM busybox\nCOPY a /\nCOPY a none /d/\nCOPY a /\n')).toEqual(
    [1, ' 1 |     FROM busybox', ' 2 |     COPY a /', ' 3 | >>> COPY a none /d/', '   |            ^^^^', ' 4 |     COPY a /']);
});

itHere('says what is better avoided, and builds nothing when that is all that is asked for', async () => {
  const root = contextOf('checked', { Dockerfile: 'FROM busybox AS Base\nCMD a\n' });
  const checked = await own(['build', '--check', root]);
  expect([checked.code, checked.stderr]).toEqual([1, '']);
  expect(checked.stdout).toStartWith("WARNING: StageNameCasing - https://docs.docker.com/go/dockerfile/rule/stage-name-casing/\nStage name 'Base' should be lowercase\nDockerfile:1\n");
  expect(checked.stdout).toEndWith('Check complete, 2 warnings have been found!\n');
  const built = await own(['build', root]);
  expect(built.code).toBe(0);
  expect(built.stderr).toBe('\n 2 warnings found (use --check to expand):\n - StageNameCasing: Stage name \'Base\' should be lowercase (line 1)\n'
    + ' - JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals (line 2)\n');
  const strict = await own(['build', '-f', '-', root], { stdin: '# check=error=true\nFROM busybox\nCMD a\n' });
  expect([strict.code, strict.stdout]).toEqual([1, '']);
  expect(strict.stderr).toContain('lint violation found for rules: JSONArgsRecommended');
  expect((await own(['build', '--check', '-f', '-', root], { stdin: 'FROM busybox\n' })).stdout).toBe('Check complete, no warnings found.\n');
});

itHere('explains what would run, and why', async () => {
  const dockerfile = 'FROM busybox\nRUN echo explained\nCOPY a b /d/\nENV X=1\nRUN echo after\n';
  const root = contextOf('explained', { Dockerfile: dockerfile, a: '1', b: '2' });
  const explain = async () => (await own(['build', '--explain', root])).stdout.split('\n').filter((line) => line.startsWith(' --->')).map((line) => line.replace(/ since .*/, ''));
  expect(await explain()).toEqual([' ---> runs: it has not been run before', ' ---> runs: a step before it runs', ' ---> changes the configuration', ' ---> runs: a step before it runs']);
  expect((await own(['build', root])).code).toBe(0);
  expect(await explain()).toEqual([' ---> cached', ' ---> cached', ' ---> changes the configuration', ' ---> cached']);
  writeFileSync(path.join(root, 'b'), '3');
  expect(await explain()).toEqual([' ---> cached', ' ---> runs: b has changed', ' ---> changes the configuration', ' ---> runs: a step before it runs']);
  expect((await own(['builder', 'prune', '-f'])).stdout).toMatch(/^Deleted build cache objects:\n[^]*Total reclaimed space: /);
  expect((await explain())[0]).toBe(' ---> runs: it has not been run before');
});

it('builds for dockerode', async () => {
  const docker = new Docker({ socketPath: subject.engine.socket });
  const stream = await docker.buildImage(Readable.from([tar([file('Dockerfile', 'FROM busybox\nRUN echo from-dockerode\n')])]), { t: 'dockerode:1' });
  const records = await new Promise<{ stream?: string }[]>((resolve, reject) => {
    docker.modem.followProgress(stream, (error, output) => (error ? reject(error) : resolve(output)));
  });
  expect(records.map(({ stream: text }) => text)).toContain('from-dockerode\n');
  expect((await docker.getImage('dockerode:1').inspect()).RepoTags).toEqual(['dockerode:1']);
});

itHere('a killed daemon leaves the cache whole, and nothing of the build', async () => {
  const client = await buildUntil(subject.engine.socket, 'FROM busybox\nRUN echo kept > /kept\nRUN echo begun; sleep 1000\n', '{"stream":"begun');
  expect((await subject.output('ps', '-q')).split('\n')).toHaveLength(1);
  await subject.engine.endDaemon('SIGKILL');
  client.destroy();
  await subject.engine.startDaemon();
  expect(await subject.output('ps', '-aq')).toBe('');
  const second = await build(subject.engine.socket, 'FROM busybox\nRUN echo kept > /kept\nRUN true\n');
  expect(second.records.filter((record) => record === ' ---> Using cache\n')).toHaveLength(1);
});

leavesNothingBehind(subject);
