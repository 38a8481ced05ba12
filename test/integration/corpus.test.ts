/** A corpus of Dockerfiles with what real Docker makes of each: `test/corpus/`. `CORPUS_RECORD=1` with a dockerd writes down what it says. */
import { expect } from 'bun:test';
import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { buildArchive, directory, file, link } from '../support/build.ts';
import { run } from '../support/command.ts';
import { type CorpusCase, describeImage, readCorpus, recordCorpus, type SavedImage, savedImage } from '../support/corpus.ts';
import { dockerCommand } from '../support/docker-command.ts';
import { checkout } from '../support/paths.ts';
import { installPlugins, pluginPath } from '../support/plugins.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';
import { tar, type TarEntry } from '../support/tar.ts';

const { subject, it } = useEngine();
const folder = path.join(checkout, 'test/corpus');
/** That of `tar()`. */
const contextTime = 1_700_000_000;

const archive = tar([directory('top'), file('top/in', 'archived'), link('top/link', 'in'), file('exec', '#!', 0o750)]);

const context: readonly TarEntry[] = [
  file('one', '1'), file('two', '2', 0o600), file('exec.sh', '#!/bin/sh\n', 0o755), file('setuid', 's', 0o4755), file('with space', 'w'), file('a.txt', 'a'), file('b.txt', 'b'),
  file('c.md', 'c'), file('[x]', 'x'), directory('dir', 0o750), file('dir/a', 'da'), file('dir/b.txt', 'db'), directory('dir/sub', 0o700), file('dir/sub/deep', 'deep'),
  directory('dir/empty'), link('dir/link', 'a'), link('to-file', 'one'), link('to-dir', 'dir'), link('absolute', '/dir/a'), link('dangling', 'nowhere'), file('arch.tar', archive),
  file('arch.tgz', Bun.gzipSync(Uint8Array.from(archive))), file('not.tar', 'no archive'), file('.hidden', 'h'), file('ignored', 'i'), file('more/ignored', 'i'), file('more/kept', 'k'),
  file('.dockerignore', '**/ignored\n!more/never\n'),
];

let base: SavedImage;
const save = async (name: string): Promise<SavedImage> => savedImage((await subject.api.request('GET', `/images/${encodeURIComponent(name)}/get`)).body);

async function byRequest({ dockerfile, buildArgs }: CorpusCase): Promise<string> {
  // What `.dockerignore` excludes is not sent: that is the client's to do.
  const sent = context.filter(({ name }) => !name.endsWith('ignored'));
  const { status, message, error, image } = await buildArchive(subject.engine.socket, tar([file('Dockerfile', dockerfile), ...sent]), { buildargs: buildArgs });
  return status === 200 && !error ? image : `error ${error?.message ?? message}`;
}

/** The last line is what went wrong. */
async function byBuildx({ dockerfile, buildArgs }: CorpusCase): Promise<string> {
  const directoryOfContext = path.join(subject.engine.scratch, 'corpus');
  const iid = path.join(subject.engine.scratch, 'iid');
  const args = Object.entries(buildArgs).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  const { code, stderr } = await run(
    [dockerCommand() as string, 'buildx', 'build', '--progress=plain', '--provenance=false', '--network=none', '--iidfile', iid, ...args, '-f', '-', directoryOfContext],
    { env: subject.environment, stdin: dockerfile },
  );
  return code === 0 ? Bun.file(iid).text() : `error ${stderr.trim().split('\n').findLast((line) => line.startsWith('ERROR: '))?.replace(/^ERROR: (failed to build: )?(failed to solve: )?/, '')}`;
}

/** BuildKit has errors of its own; what it makes is what the classic way in of ours makes. */
const throughBuildx = ({ needsBuildkit, expected }: CorpusCase): boolean => needsBuildkit && (subject.isDockerd || expected.startsWith('error '));

async function outcome(each: CorpusCase): Promise<string> {
  const result = throughBuildx(each) ? await byBuildx(each) : await byRequest(each);
  // Docker shows where it has mounted the root.
  if (result.startsWith('error ')) return result.replace(/\/\S+\/merged(?=\/)/, '');
  const image = await save(result);
  const onBase = image.layers[0]?.equals(base.layers[0]!) === true;
  return describeImage(image, onBase ? base : undefined, contextTime);
}

let prepared: Promise<void> | undefined;
const prepare = (): Promise<void> => (prepared ??= prepareContext());

/** The base image to compare with, buildx, and the context as a directory for it. */
async function prepareContext(): Promise<void> {
  base = await save('busybox');
  installPlugins(subject.environment['DOCKER_CONFIG']!);
  const root = path.join(subject.engine.scratch, 'corpus');
  mkdirSync(root);
  expect(await run(['tar', '-xpf', '-', '-C', root], { stdin: tar(context) })).toMatchObject({ code: 0 });
}

for (const name of readdirSync(folder).filter((each) => each.endsWith('.txt'))) {
  it(`makes of Dockerfiles what Docker does: ${name.replace('.txt', '')}`, async () => {
    await prepare();
    const cases = readCorpus(path.join(folder, name)).filter((each) => !(each.isNewer && subject.isDockerd) && (!throughBuildx(each) || pluginPath('docker-buildx') !== undefined));
    const results = new Map<string, string>();
    for (const each of cases) results.set(each.name, await outcome(each));
    if (process.env['CORPUS_RECORD'] && subject.isDockerd) recordCorpus(path.join(folder, name), results);
    const differences = cases.filter((each) => results.get(each.name) !== each.expected);
    expect(Object.fromEntries(differences.map((each) => [each.name, results.get(each.name)]))).toEqual(Object.fromEntries(differences.map((each) => [each.name, each.expected])));
  }, 600_000);
}

leavesNothingBehind(subject);
