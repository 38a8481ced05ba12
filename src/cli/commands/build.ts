import * as fs from 'node:fs';
import * as path from 'node:path';
import { buildContext } from '../build-context.ts';
import { isGitUrl } from '../../build/git/url.ts';
import { blamedLines, type CheckWarning, type Dockerfile, fullReport, shortReport } from '../build-report.ts';
import type { Command } from '../command.ts';
import { parseUlimits } from '../create/limits.ts';
import { readLabels } from '../create/key-values.ts';
import { ExitError } from '../errors.ts';
import { flag } from '../flags/spec.ts';
import type { Flags } from '../flags/values.ts';
import { parseBytes } from '../format/quantity.ts';
import { jsonLines } from '../io/json-lines.ts';
import { readDescriptor } from '../io/input.ts';
import { print } from '../io/output.ts';
import type { ProgressMessage } from '../io/progress.ts';

export const command: Command = {
  usage: '[OPTIONS] PATH | URL | -',
  summary: 'Build an image from a Dockerfile',
  flags: [
    flag('build-arg', 'list', 'Set a build argument', { value: 'NAME=VALUE' }),
    flag('check', 'bool', 'Show what is better avoided in the Dockerfile; build nothing'),
    flag('explain', 'bool', 'Show what would run, what is known already, and why not; build nothing'),
    flag('f,file', 'string', 'The Dockerfile (default PATH/Dockerfile; - for standard input)'),
    flag('format', 'string', 'How --check prints: text or json', { initial: 'text' }),
    flag('force-rm', 'bool', 'Remove containers of commands that fail, too'),
    flag('iidfile', 'string', "Write the image's id to this file"),
    flag('label', 'list', 'Set a label of the image', { value: 'NAME=VALUE' }),
    flag('m,memory', 'string', 'Memory limit of the commands'),
    flag('network', 'string', 'Network of the commands'),
    flag('no-cache', 'bool', 'Run everything, whatever is known'),
    flag('platform', 'string', 'Platform to build for'),
    flag('pull', 'bool', 'Ask the registries for newer base images'),
    flag('q,quiet', 'bool', "Print the image's id only"),
    flag('rm', 'bool', 'Remove the containers of the commands', { initial: true }),
    flag('shm-size', 'string', 'Size of /dev/shm'),
    flag('t,tag', 'list', 'Name of the image', { value: 'NAME[:TAG]' }),
    flag('target', 'string', 'Stage to build'),
    flag('ulimit', 'list', 'Limits of the commands (nofile=1024:2048)'),
  ],
  least: 1,
  most: 1,
  notes: 'Exits with the exit code of the command that failed.',
  async run(context, flags, args) {
    const source = args[0] as string;
    const sent = contextOf(source, flags.string('file'));
    const engine = await context.engine();
    const request = engine.request('POST', '/build', {
      query: { ...query(flags), remote: sent.remote, dockerfile: sent.dockerfile },
      headers: { 'content-type': 'application/x-tar' },
      ...(sent.archive === undefined ? {} : { stream: sent.archive }),
    });
    const answer = await request.catch((error: unknown) => {
      throw withLines(error, sent.file);
    });
    const told = await show(answer.body(), flags.bool('check'), sent.file);
    if (flags.bool('check')) return reportChecks(told.warnings, flags.string('format'), sent.file);
    const { image } = told;
    print(shortReport(told.warnings), 2);
    if (flags.string('iidfile') !== '') fs.writeFileSync(flags.string('iidfile'), image);
    return 0;
  },
};

interface SentContext {
  readonly archive: AsyncIterable<Uint8Array> | undefined;
  readonly remote: string;
  readonly dockerfile: string;
  /** Where it is known here. */
  readonly file: Dockerfile | undefined;
}

function contextOf(source: string, file: string): SentContext {
  if (/^https?:\/\//.test(source) || isGitUrl(source)) return { archive: undefined, remote: source, dockerfile: file, file: undefined };
  if (source === '-') return { archive: readDescriptor(0, 256 * 1024), remote: '', dockerfile: file, file: undefined };
  const name = file || path.join(source, 'Dockerfile');
  const given = file === '-' ? fs.readFileSync(0, 'utf8') : undefined;
  const context = buildContext(source, file === '-' ? '' : file, given);
  return { ...context, remote: '', file: { name: file === '-' || file === '' ? 'Dockerfile' : file, text: given ?? fs.readFileSync(name, 'utf8') } };
}

function query(flags: Flags): Record<string, string | boolean | number | readonly string[] | undefined> {
  const json = (value: object) => (Object.keys(value).length === 0 ? undefined : JSON.stringify(value));
  const bytes = (name: string) => (flags.string(name) === '' ? undefined : parseBytes(flags.string(name)));
  return {
    t: flags.list('tag'), q: flags.bool('quiet'), nocache: flags.bool('no-cache'), pull: flags.bool('pull'), rm: flags.bool('rm') ? '1' : '0',
    forcerm: flags.bool('force-rm'), target: flags.string('target'), platform: flags.string('platform'), networkmode: flags.string('network'),
    explain: flags.bool('explain'), check: checkMode(flags), buildargs: json(buildArgs(flags.list('build-arg'))), labels: json(readLabels([], flags.list('label'))),
    ulimits: json(parseUlimits(flags.list('ulimit'))), memory: bytes('memory'), shmsize: bytes('shm-size'),
  };
}

function checkMode(flags: Flags): string | undefined {
  if (flags.bool('check')) return 'only';
  return flags.bool('quiet') || flags.bool('explain') ? undefined : 'also';
}

/** Exits with 1 when there is something to say, as a linter does. */
function reportChecks(warnings: readonly CheckWarning[], format: string, file: Dockerfile | undefined): number {
  if (format === 'json') print(`${JSON.stringify({ warnings }, undefined, 2)}\n`);
  else print(fullReport(warnings, file));
  return warnings.length === 0 ? 0 : 1;
}

function withLines(error: unknown, file: Dockerfile | undefined): unknown {
  const lines = error instanceof Error ? blamedLines(file, error.message, []) : '';
  return lines === '' ? error : new ExitError(1, `${(error as Error).message}\n${lines.trimEnd()}`);
}

/** A name alone takes our own variable of that name. */
function buildArgs(options: readonly string[]): Record<string, string | null> {
  return Object.fromEntries(options.map((option) => {
    const equals = option.indexOf('=');
    return equals === -1 ? [option, process.env[option] ?? null] : [option.slice(0, equals), option.slice(equals + 1)];
  }));
}

type BuildMessage = ProgressMessage & {
  readonly aux?: { readonly ID?: string };
  readonly errorDetail?: { readonly code?: number };
  readonly checks?: readonly CheckWarning[];
};

/** Shows what is told; `silent`: but warnings. Throws ExitError with the exit code of the command that failed. */
async function show(body: AsyncIterable<Uint8Array>, silent: boolean, file: Dockerfile | undefined): Promise<{ image: string; warnings: readonly CheckWarning[] }> {
  let image = '';
  let warnings: readonly CheckWarning[] = [];
  const steps: string[] = [];
  for await (const { stream, aux, error, errorDetail, checks, id, status } of jsonLines<BuildMessage>(body)) {
    if (error !== undefined) {
      if (silent) print(fullReport(warnings, file));
      const lines = blamedLines(file, error, steps).trimEnd();
      throw new ExitError(errorDetail?.code || 1, lines === '' || silent ? error : `${error}\n${lines}`);
    }
    if (checks !== undefined) warnings = checks;
    const step = /^Step \d+\/\d+ : ([^]*)$/.exec(stream ?? '')?.[1];
    if (step !== undefined) steps.push(step);
    if (stream !== undefined) print(stream);
    else if (status !== undefined) print(`${id === undefined ? '' : `${id}: `}${status}\n`);
    image = aux?.ID ?? (/^(sha256:[0-9a-f]{64})\n$/.exec(stream ?? '')?.[1] || image);
  }
  return { image, warnings };
}
