/** One instruction: its arguments and flags, checked as far as that goes without knowing any variable. Errors are in Docker's words. */
import { parseHealthcheck } from '../../images/healthcheck-change.ts';
import type { Arguments } from './arguments.ts';
import { Flags, type FlagKind } from './flags.ts';
import { heredocText, parseHeredocWord } from './heredoc.ts';
import type { CopyInstruction, Instruction, InstructionBody, InstructionKind, KeyValue } from './instruction.ts';
import type { SourceInstruction } from './lines.ts';
import { splitInstruction } from './split.ts';
import { suggestion } from './suggest.ts';
import { instructionFailure } from './syntax-error.ts';

type Parse = (source: SourceInstruction, args: Arguments) => InstructionBody;

/** Throws invalid-parameter: `dockerfile parse error on line 3: …`. */
export function parseInstruction(source: SourceInstruction, args: Arguments): Instruction {
  try {
    const parse = Object.hasOwn(instructions, source.name) ? instructions[source.name as InstructionKind] : undefined;
    if (parse === undefined) throw new Error(unknownInstruction(source.name));
    return { ...parse(source, args), original: source.original.trim(), line: source.startLine, endLine: source.endLine };
  } catch (error) {
    throw instructionFailure((error as Error).message, source.startLine);
  }
}

const unknownInstruction = (name: string): string =>
  `unknown instruction: ${name.toUpperCase()}${suggestion(name, Object.keys(instructions).map((each) => each.toUpperCase()))}`;

const copyFlags = { chown: 'string', chmod: 'string', link: 'bool', exclude: 'strings', parents: 'bool' } as const satisfies Record<string, FlagKind>;

const copyOnlyFlags: Readonly<Record<string, FlagKind>> = { from: 'string' };
const addOnlyFlags: Readonly<Record<string, FlagKind>> = { 'keep-git-dir': 'bool', checksum: 'string', unpack: 'bool' };

const instructions: Readonly<Record<InstructionKind, Parse>> = {
  from: parseFrom,
  arg: parseArg,
  env: (source, args) => ({ kind: 'env', pairs: pairsOf(source, args) }),
  label: (source, args) => ({ kind: 'label', pairs: pairsOf(source, args) }),
  maintainer: (source, args) => ({ kind: 'maintainer', author: exactlyOne(source, args) }),
  copy: (source, args) => parseCopy('copy', source, args),
  add: (source, args) => parseCopy('add', source, args),
  run: parseRun,
  cmd: (source, args) => ({ kind: 'cmd', command: commandOf(source, args) }),
  entrypoint: (source, args) => ({ kind: 'entrypoint', command: commandOf(source, args) }),
  shell: parseShell,
  expose: (source, args) => ({ kind: 'expose', ports: [...atLeastOne(source, args)].sort() }),
  user: (source, args) => ({ kind: 'user', user: exactlyOne(source, args) }),
  volume: parseVolume,
  workdir: (source, args) => ({ kind: 'workdir', path: exactlyOne(source, args) }),
  stopsignal: (source, args) => ({ kind: 'stopsignal', signal: exactlyOne(source, args) }),
  healthcheck: (source, args) => {
    atLeastOne(source, args, false);
    return { kind: 'healthcheck', health: parseHealthcheck([...source.flags, source.rest].join(' ')) };
  },
  onbuild: parseOnbuild,
};

const shown = ({ name }: SourceInstruction): string => name.toUpperCase();
const noFlags = ({ flags }: SourceInstruction): Flags => new Flags(flags, {});

function exactlyOne(source: SourceInstruction, { words }: Arguments): string {
  if (words.length !== 1) throw new Error(`${shown(source)} requires exactly one argument`);
  noFlags(source);
  return words[0]!;
}

function atLeastOne(source: SourceInstruction, { words }: Arguments, checkFlags = true): readonly string[] {
  if (words.length === 0) throw new Error(`${shown(source)} requires at least one argument`);
  if (checkFlags) noFlags(source);
  return words;
}

const stageName = /^[a-z][a-z0-9-_.]*$/;

function parseFrom(source: SourceInstruction, { words }: Arguments): InstructionBody {
  let stage = '';
  if (words.length === 3 && words[1]!.toLowerCase() === 'as') {
    stage = words[2]!.toLowerCase();
    if (!stageName.test(stage))
      throw new Error(`invalid name for build stage: ${JSON.stringify(words[2])}, name can't start with a number or contain symbols`);
  } else if (words.length !== 1) throw new Error('FROM requires either one or three arguments');
  const flags = new Flags(source.flags, { platform: 'string' });
  return { kind: 'from', base: words[0]!, stage, platform: flags.string('platform') };
}

function parseArg(source: SourceInstruction, args: Arguments): InstructionBody {
  const words = atLeastOne(source, args);
  return {
    kind: 'arg',
    args: words.map((word) => {
      const equals = word.indexOf('=');
      if (equals === 0) throw new Error('ARG names can not be blank');
      return equals === -1 ? { key: word, value: undefined } : { key: word.slice(0, equals), value: word.slice(equals + 1) };
    }),
  };
}

function pairsOf(source: SourceInstruction, args: Arguments): KeyValue[] {
  noFlags(source);
  const words = atLeastOne(source, args);
  const pairs: KeyValue[] = [];
  for (let at = 0; at < words.length; at += 2) {
    if (words[at] === '') throw new Error(`${shown(source)} names can not be blank`);
    pairs.push({ key: words[at]!, value: words[at + 1]! });
  }
  return pairs;
}

function parseCopy(kind: 'copy' | 'add', source: SourceInstruction, { words }: Arguments): CopyInstruction {
  const name = shown(source);
  if (words.length < 2)
    throw new Error(`${name} requires at least two arguments, but only one was provided. Destination could not be determined`);
  const flags = new Flags(source.flags, { ...copyFlags, ...(kind === 'copy' ? copyOnlyFlags : addOnlyFlags) });
  const destination = words.at(-1)!;
  if (parseHeredocWord(destination)) throw new Error(`${name} cannot accept a heredoc as a destination`);
  const sources = words.slice(0, -1);
  return {
    kind,
    sources: sources.filter((word) => parseHeredocWord(word) === undefined),
    inlineFiles: source.heredocs.map((heredoc) => ({ name: heredoc.name, text: heredocText(heredoc), expand: heredoc.expand })),
    destination,
    from: flags.string('from'),
    chown: flags.string('chown'),
    chmod: flags.string('chmod'),
    link: flags.bool('link'),
    parents: flags.bool('parents'),
    excludes: flags.strings('exclude'),
    keepGitDir: flags.bool('keep-git-dir'),
    checksum: flags.string('checksum'),
    unpack: flags.string('unpack') === '' ? undefined : flags.bool('unpack'),
  };
}

const commandOf = (source: SourceInstruction, args: Arguments) => {
  noFlags(source);
  return commandLine(args);
};

const commandLine = ({ words, json }: Arguments) => ({ form: json ? 'exec' : 'shell', words } as const);

function parseRun(source: SourceInstruction, args: Arguments): InstructionBody {
  const flags = new Flags(source.flags, { mount: 'strings', network: 'string', security: 'string', device: 'strings' });
  const network = flags.string('network');
  if (!['', 'default', 'none', 'host'].includes(network)) throw new Error(`invalid network mode ${JSON.stringify(network)}`);
  return {
    kind: 'run', command: commandLine(args), heredocs: source.heredocs,
    mounts: flags.strings('mount'), network, security: flags.string('security'), devices: flags.strings('device'),
  };
}

function parseShell(source: SourceInstruction, args: Arguments): InstructionBody {
  noFlags(source);
  if (args.words.length === 0) throw new Error('SHELL requires at least one argument');
  if (!args.json) throw new Error('SHELL requires the arguments to be in JSON form');
  return { kind: 'shell', shell: args.words };
}

function parseVolume(source: SourceInstruction, args: Arguments): InstructionBody {
  const paths = atLeastOne(source, args).map((path) => path.trim());
  if (paths.includes('')) throw new Error('VOLUME specified can not be an empty string');
  return { kind: 'volume', paths };
}

function parseOnbuild(source: SourceInstruction, args: Arguments): InstructionBody {
  atLeastOne(source, args);
  const trigger = splitInstruction(source.rest).name.toUpperCase();
  if (trigger === 'ONBUILD') throw new Error("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (trigger === 'FROM' || trigger === 'MAINTAINER') throw new Error(`${trigger} isn't allowed as an ONBUILD trigger`);
  const heredocs = source.heredocs.map(({ name, content }) => `\n${content}${name}`);
  return { kind: 'onbuild', trigger: source.original.replace(/^\s*ONBUILD\s*/i, '') + heredocs.join('') };
}
