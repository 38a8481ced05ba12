/** ADD of git repositories, and contexts from them. The server is git's own, beside the engine. */
import { expect } from 'bun:test';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from '../support/build.ts';
import { run } from '../support/command.ts';
import { dockerCommand } from '../support/docker-command.ts';
import { installPlugins } from '../support/plugins.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, needs } = useEngine();
// A classic dockerd takes no repositories for ADD.
const itHere = requires(...needs, 'caisson', 'git');

const url = 'git://127.0.0.1/project';

interface Server {
  readonly first: string;
  readonly second: string;
}

/** A repository with a tag, a branch and a submodule that wants the host's files. */
async function serve(): Promise<Server> {
  const root = path.join(subject.engine.scratch, 'git');
  const work = path.join(root, 'project');
  mkdirSync(path.join(work, 'sub'), { recursive: true });
  const git = async (...args: string[]) => {
    const result = await run(['git', '-c', 'user.name=T', '-c', 'user.email=t@t', '-c', 'init.defaultBranch=main', ...args], { cwd: work, env: { HOME: root, GIT_CONFIG_NOSYSTEM: '1' } });
    if (result.code !== 0) throw new Error(result.stderr);
    return result.stdout.trim();
  };
  const commit = async (text: string) => {
    writeFileSync(path.join(work, 'file'), text);
    await git('add', '-A');
    await git('commit', '-qm', text);
    return git('rev-parse', 'HEAD');
  };
  await git('init', '-q');
  writeFileSync(path.join(work, 'sub/Dockerfile'), 'FROM busybox\nCOPY inner /\n');
  writeFileSync(path.join(work, 'sub/inner'), 'inner');
  const first = await commit('one');
  await git('tag', 'v1');
  const second = await commit('two');
  await git('checkout', '-qb', 'other');
  await run(['ln', '-s', '/etc', path.join(work, 'out')]);
  writeFileSync(path.join(work, '.gitmodules'), `[submodule "own"]\n\tpath = own\n\turl = file://${root}/project\n`);
  await git('add', '.gitmodules', 'out');
  await git('update-index', '--add', '--cacheinfo', `160000,${first},own`);
  await git('commit', '-qm', 'three');
  await git('checkout', '-q', 'main');
  const [command = '', ...args] = subject.engine.namespaces.enter(['git', 'daemon', '--export-all', '--reuseaddr', '--listen=127.0.0.1', `--base-path=${root}`]);
  const daemon = spawn(command, args, { stdio: 'ignore', detached: true });
  subject.companions.push(async () => {
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    process.kill(-daemon.pid!, 'SIGTERM');
    await ended;
  });
  const listening = subject.engine.namespaces.enter(['sh', '-c', 'until git ls-remote git://127.0.0.1/project >/dev/null 2>&1; do :; done']);
  expect((await run(listening)).code).toBe(0);
  return { first, second };
}

let server: Promise<Server> | undefined;
const served = (): Promise<Server> => (server ??= serve());

const added = async (line: string): Promise<string> => {
  const answer = await build(subject.engine.socket, `FROM busybox\nADD ${line} /r\nRUN cd /r && ls -A && cat file 2>/dev/null; true\n`, [], { nocache: '1' });
  if (answer.error || answer.status !== 200) return `error ${answer.error?.message ?? answer.message}`;
  const from = answer.records.findLastIndex((record) => record.startsWith(' ---> Running in'));
  return answer.records.slice(from + 1).filter((record) => !record.startsWith(' --->') && !record.startsWith('aux') && !record.startsWith('Success')).join('').replaceAll('\n', ' ').trim();
};

itHere('adds repositories: branches, tags, commits, directories, with and without git’s own', async () => {
  const { first, second } = await served();
  expect(await added(url)).toBe('file sub two');
  expect(await added(`${url}#v1`)).toBe('file sub one');
  expect(await added(`${url}#${first}`)).toBe('file sub one');
  expect(await added(`${url}?tag=v1`)).toBe('file sub one');
  expect(await added(`--keep-git-dir ${url}`)).toBe('.git file sub two');
  expect(await added(`${url}#main:sub`)).toBe('Dockerfile inner');
  expect(await added(`--checksum=${second} ${url}`)).toBe('file sub two');
  expect(await added(`--checksum=${first} ${url}`)).toBe(`error expected checksum to match ${first}, got ${second}`);
  expect(await added(`${url}#main:none`)).toBe('error subdir not pointing to a directory: none');
  expect(await added(`${url}#none`)).toMatch(/^error git fetch: .*couldn't find remote ref none/);
  expect(await added('git://127.0.0.1/none')).toStartWith('error git fetch: ');
});

itHere('follows nothing of a repository to the host', async () => {
  await served();
  expect(await added(`${url}?branch=other`)).toMatch(/^error git submodule: .*transport 'file' not allowed/);
  expect(await added(`${url}?branch=other&submodules=false`)).toBe('.gitmodules file out own sub two');
  expect(await added(`${url}?branch=other&submodules=false&subdir=out`)).toStartWith('error subdir not pointing to a directory');
  expect(await added(`file://${subject.engine.scratch}/git/project/.git`)).toStartWith('error ADD failed');
  expect(await added('git://127.0.0.1/project#--upload-pack=touch')).toStartWith('error invalid git ref');
});

itHere('builds what a repository holds', async () => {
  await served();
  const answer = await build(subject.engine.socket, '', [], { remote: `${url}#main:sub`, t: 'from-git:1' });
  expect([answer.status, answer.message, answer.error]).toEqual([200, '', undefined]);
  expect(await subject.output('run', '--rm', 'from-git:1', 'cat', '/inner')).toBe('inner');
});

requires(...needs, 'caisson', 'git', 'buildx')('is where BuildKit’s clients get contexts from, too', async () => {
  await served();
  installPlugins(subject.environment['DOCKER_CONFIG']!);
  const context = path.join(subject.engine.scratch, 'empty');
  mkdirSync(context);
  const buildx = async (words: readonly string[], stdin = '') => {
    const { code, stderr } = await run([dockerCommand() as string, 'buildx', 'build', '-t', 'from-git:2', ...words], { env: subject.environment, stdin });
    expect([code, stderr]).toEqual([0, expect.anything()]);
  };
  await buildx([`${url}#main:sub`]);
  expect(await subject.output('run', '--rm', 'from-git:2', 'cat', '/inner')).toBe('inner');
  await buildx(['--build-context', `other=${url}#v1`, '-f', '-', context], 'FROM busybox\nCOPY --from=other file /\n');
  expect(await subject.output('run', '--rm', 'from-git:2', 'cat', '/file')).toBe('one');
});

leavesNothingBehind(subject);
