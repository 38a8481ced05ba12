/**
 * What a client may ask of a Dockerfile instead of a build (`docker buildx build --call`): its arguments and secrets, its targets, what is
 * to be said against it. The answers are JSON in the shape of BuildKit's frontend/subrequests.
 */
import { invalidParameter } from '../../errors.ts';
import type { CheckWarning } from '../checks/rules.ts';
import { warningsJson } from '../checks/run.ts';
import type { Dockerfile, Instruction, Stage } from '../dockerfile/instruction.ts';
import { parseRunMount } from '../dockerfile/run-mount.ts';
import type { SourceFile } from './build-error.ts';

export interface SubrequestInput {
  readonly dockerfile: Dockerfile;
  readonly file: SourceFile;
  /** Indexes of the stages that are needed, the one asked for last. */
  readonly needed: readonly number[];
  readonly buildArgs: Readonly<Record<string, string | null>>;
  readonly warnings: readonly CheckWarning[];
}

interface Lines {
  readonly line: number;
  readonly endLine: number;
}

/** Metadata of an answer, by its names. Throws invalid-parameter for what is not known. */
export function answerSubrequest(request: string, input: SubrequestInput): Map<string, Uint8Array> {
  const answer = answers[request];
  if (answer === undefined) throw invalidParameter(`unsupported request ${request}`, { object: request });
  const json = JSON.stringify(answer(input), null, '  ');
  return new Map([['result.json', json], ['result.txt', json], ['version', '1.0.0']].map(([name, text]) => [name!, Buffer.from(text!)]));
}

const answers: Readonly<Record<string, (input: SubrequestInput) => object>> = {
  'frontend.outline': outline,
  'frontend.targets': targets,
  'frontend.lint': ({ file, warnings }) => ({ warnings: warnings.length === 0 ? null : warningsJson(warnings), sources: [{ filename: file.name, data: encoded(file), language: 'Dockerfile' }] }),
  'frontend.subrequests.describe': () => Object.keys(answers).map((name) => ({ name, version: '1.0.0', type: 'rpc' })),
};

const encoded = ({ text }: SourceFile): string => Buffer.from(text).toString('base64');
const location = ({ line, endLine }: Lines): object => ({ location: { ranges: [{ start: { line }, end: { line: endLine } }] } });
/** Go leaves out what is empty. */
const unlessEmpty = (name: string, value: string | boolean | undefined): object => (value ? { [name]: value } : {});

function outline({ dockerfile, file, needed, buildArgs }: SubrequestInput): object {
  const stages = needed.map((index) => dockerfile.stages[index]!);
  const { from } = stages.at(-1)!;
  const bases = stages.map((stage) => stage.from.base).join(' ');
  const used = (key: string): boolean => new RegExp(`\\$\\{?${RegExp.escape(key)}\\b`).test(bases);
  const globalArgs = dockerfile.globalArgs.flatMap((instruction) => argsOf(instruction, file, buildArgs).filter(({ name }) => used(name)));
  const own = stages.flatMap(({ instructions }) => instructions.flatMap((each) => (each.kind === 'arg' ? argsOf(each, file, buildArgs) : [])));
  const mounts = stages.flatMap(mountsOf);
  const list = (name: string, items: readonly object[]): object => (items.length === 0 ? {} : { [name]: items });
  return {
    ...unlessEmpty('name', from.stage),
    ...unlessEmpty('description', from.stage === '' ? '' : comment(file, from, from.stage)),
    ...list('args', [...globalArgs, ...own]),
    ...list('secrets', mounts.flatMap(({ type, ...mount }) => (type === 'secret' ? [mount] : []))),
    ...list('ssh', mounts.flatMap(({ type, ...mount }) => (type === 'ssh' ? [mount] : []))),
    sources: [encoded(file)],
  };
}

function argsOf(instruction: Instruction<'arg'>, file: SourceFile, given: SubrequestInput['buildArgs']): { readonly name: string }[] {
  return instruction.args.map(({ key, value }) => ({
    name: key, ...unlessEmpty('description', comment(file, instruction, key)), ...unlessEmpty('value', given[key] ?? value), ...location(instruction),
  }));
}

function mountsOf({ instructions }: Stage): { readonly type: string; readonly name: string }[] {
  return instructions.flatMap((instruction) => (instruction.kind !== 'run' ? [] : instruction.mounts.flatMap((text) => {
    const mount = readMount(text);
    if (mount === undefined || (mount.type !== 'secret' && mount.type !== 'ssh')) return [];
    const name = mount.id || (mount.type === 'ssh' ? 'default' : mount.source || (mount.target.split('/').at(-1) ?? ''));
    return [{ type: mount.type, name, ...unlessEmpty('required', mount.required), ...location(instruction) }];
  })));
}

/** What is wrong with a mount is told by the build. */
function readMount(text: string): ReturnType<typeof parseRunMount> | undefined {
  try {
    return parseRunMount(text, (value) => value);
  } catch {
    return undefined;
  }
}

function targets({ dockerfile: { stages }, file }: SubrequestInput): object {
  return {
    targets: stages.map(({ from }, index) => ({
      ...unlessEmpty('name', from.stage), ...unlessEmpty('description', from.stage === '' ? '' : comment(file, from, from.stage)),
      ...unlessEmpty('default', index === stages.length - 1), base: from.base, ...unlessEmpty('platform', from.platform), ...location(from),
    })),
    sources: [encoded(file)],
  };
}

/** Comments right above an instruction that begin with the name of what it defines. */
function comment({ text }: SourceFile, { line }: Lines, name: string): string {
  const lines = text.split('\n');
  const found: string[] = [];
  for (let at = line - 2; at >= 0; at--) {
    const said = /^\s*#\s*(.*?)\s*$/.exec(lines[at]!)?.[1];
    if (said === undefined) break;
    if (said.toLowerCase().startsWith(`${name.toLowerCase()} `)) found.unshift(said.slice(name.length + 1));
  }
  return found.join('\n');
}
