/** Build checks, `test/checks.txt`: what BuildKit warns of, with its lines. `CORPUS_RECORD=1` with a dockerd writes down what it says. */
import { expect } from 'bun:test';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../support/command.ts';
import { type CorpusCase, readCorpus, recordCorpus } from '../support/corpus.ts';
import { dockerCommand } from '../support/docker-command.ts';
import { caissonCommand } from '../support/engine.ts';
import { checkout } from '../support/paths.ts';
import { installPlugins } from '../support/plugins.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine();
const throughBuildx = requires(...needs, 'caisson', 'buildx');
const fixture = path.join(checkout, 'test/checks.txt');

interface Warning {
  readonly ruleName: string;
  readonly detail: string;
  readonly location: { readonly ranges: readonly { readonly start: { readonly line: number }; readonly end: { readonly line: number } }[] };
}

/** `--call=check,format=json` is what both print. */
async function check({ dockerfile, buildArgs }: CorpusCase, context: string, buildx = subject.isDockerd): Promise<string> {
  const args = Object.entries(buildArgs).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  const command = buildx
    ? [dockerCommand() as string, 'buildx', 'build', '--call=check,format=json']
    : [...caissonCommand(), '--host', subject.engine.host, 'build', '--check', '--format=json'];
  const { stdout, stderr } = await run([...command, ...args, '-f', '-', context], { env: subject.environment, stdin: dockerfile });
  const text = stdout.slice(stdout.indexOf('{'));
  if (text === '' || !stdout.includes('{')) return `error ${stderr.trim().split('\n').at(-1)}`;
  const { warnings } = JSON.parse(text) as { warnings: Warning[] | null };
  return (warnings ?? []).map(({ ruleName, detail, location }) => `${ruleName} ${location.ranges.map(({ start, end }) => `${start.line}-${end.line}`).join(' ')} ${detail}`).join('\n');
}

function makeContext(): string {
  const context = path.join(subject.engine.scratch, 'checks');
  if (existsSync(context)) return context;
  mkdirSync(path.join(context, 'more'), { recursive: true });
  for (const name of ['one', 'ignored', 'more/ignored']) writeFileSync(path.join(context, name), '');
  writeFileSync(path.join(context, '.dockerignore'), '**/ignored\n');
  installPlugins(subject.environment['DOCKER_CONFIG']!);
  return context;
}

it('warns of what BuildKit warns of', async () => {
  const context = makeContext();
  const cases = readCorpus(fixture);
  const results = new Map<string, string>();
  for (const each of cases) results.set(each.name, await check(each, context));
  if (process.env['CORPUS_RECORD'] && subject.isDockerd) recordCorpus(fixture, results);
  const differences = cases.filter((each) => results.get(each.name) !== each.expected);
  expect(Object.fromEntries(differences.map((each) => [each.name, results.get(each.name)]))).toEqual(Object.fromEntries(differences.map((each) => [each.name, each.expected])));
}, 300_000);

throughBuildx('tells BuildKit’s clients the same, and a build what there is to say', async () => {
  const context = makeContext();
  const some = readCorpus(fixture).filter(({ name }) => ['StageNameCasing', 'UndefinedVar', 'CopyIgnoredFile', 'several lines of one instruction', 'all checks are passed over'].includes(name));
  for (const each of some) expect([each.name, await check(each, context, true)]).toEqual([each.name, each.expected]);
  const command = [dockerCommand() as string, 'buildx', 'build', '--progress=plain', '-f', '-', context];
  const built = await run(command, { env: subject.environment, stdin: 'FROM busybox AS Base\nCMD a\n' });
  expect(built.code).toBe(0);
  expect(built.stderr).toContain("WARN: StageNameCasing: Stage name 'Base' should be lowercase (line 1)\n#1 WARN: JSONArgsRecommended: JSON arguments recommended for CMD");
  const strict = await run(command, { env: subject.environment, stdin: '# check=error=true\nFROM busybox\nCMD a\n' });
  expect([strict.code, strict.stderr]).toEqual([1, expect.stringContaining('lint violation found for rules: JSONArgsRecommended')]);
});

leavesNothingBehind(subject);
