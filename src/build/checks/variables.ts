/** Variables that nobody has set, and what `FROM` makes of arguments. */
import { parseReference } from '../../images/reference.ts';
import { expand } from '../../images/shell-words.ts';
import type { Dockerfile, Instruction, Stage } from '../dockerfile/instruction.ts';
import { suggestion } from '../dockerfile/suggest.ts';
import { findStage } from '../frontend/stage-selection.ts';
import type { CheckInput } from './check.ts';
import { type CheckWarning, rangesOf, warningOf } from './rules.ts';

export function checkVariables(input: CheckInput): CheckWarning[] {
  const scopes: (Scope | undefined)[] = [];
  return [
    ...input.dockerfile.stages.flatMap((stage) => checkFrom(input, stage)),
    ...input.dockerfile.stages.flatMap((stage, index) => checkStage(input, stage, index, scopes)),
  ];
}

/** The names that an expansion looks for and does not find. What cannot be expanded is told of by the build. */
function unsetNames(text: string, escape: Dockerfile['escape'], isSet: (name: string) => boolean, ignoreQuotes = false): string[] {
  const unset = new Set<string>();
  const lookup = (name: string): string | undefined => {
    if (isSet(name)) return 'x';
    unset.add(name);
    return undefined;
  };
  try {
    expand(text, lookup, { escape, ignoreQuotes });
  } catch {
    return [];
  }
  return [...unset];
}

function checkFrom({ dockerfile, platformArgs }: CheckInput, { from }: Stage): CheckWarning[] {
  const ranges = rangesOf(from);
  const globals = dockerfile.globalArgs.flatMap(({ args }) => args);
  const known = [...globals.map(({ key }) => key), ...Object.keys(platformArgs)];
  const warnings = [from.base, from.platform].flatMap((text) => unsetNames(text, dockerfile.escape, (name) => known.includes(name))).map((name) =>
    warningOf('UndefinedArgInFrom', `FROM argument '${name}' is not declared${suggestion(name, known)}`, ranges));
  const defaults = new Map<string, string | undefined>(Object.entries(platformArgs));
  for (const { key, value } of globals) defaults.set(key, value);
  if (isInvalidByDefault(from.base, dockerfile.escape, defaults))
    warnings.push(warningOf('InvalidDefaultArgInFrom', `Default value for ARG ${from.base} results in empty or invalid base image name`, ranges));
  if (/^\$(?:TARGETPLATFORM|\{TARGETPLATFORM\})$/.test(from.platform)) {
    warnings.push(warningOf('RedundantTargetPlatform',
      `Setting platform to predefined ${from.platform} in FROM is redundant as this is the default behavior`, ranges));
  } else if (from.platform !== '' && !from.platform.includes('$') && !from.platform.split('/').slice(0, 2).some((part) => from.stage.includes(part)))
    // A stage that is called by its platform is one of several.
    warnings.push(warningOf('FromPlatformFlagConstDisallowed', `FROM --platform flag should not use constant value ${JSON.stringify(from.platform)}`, ranges));
  return warnings;
}

function isInvalidByDefault(base: string, escape: Dockerfile['escape'], defaults: ReadonlyMap<string, string | undefined>): boolean {
  try {
    const name = expand(base, (key) => defaults.get(key), { escape });
    parseReference(name);
    return name === '';
  } catch {
    return true;
  }
}

/** What a stage knows so far. */
interface Scope {
  readonly environment: Set<string>;
  readonly args: Set<string>;
}

function checkStage(input: CheckInput, stage: Stage, index: number, scopes: (Scope | undefined)[]): CheckWarning[] {
  const { dockerfile } = input;
  const { instructions } = stage;
  const scope = firstScope(input, stage, index, scopes);
  scopes[index] = scope;
  // Nobody knows what an image has set that is not here.
  if (scope === undefined) return [];
  return instructions.flatMap((instruction) => {
    const isSet = (name: string) => scope.environment.has(name) || scope.args.has(name);
    const unset = wordsOf(instruction).flatMap(({ text, ignoreQuotes }) => unsetNames(text, dockerfile.escape, isSet, ignoreQuotes));
    const names = [...scope.environment, ...scope.args];
    if (instruction.kind === 'env') for (const { key } of instruction.pairs) scope.environment.add(key);
    else if (instruction.kind === 'arg') for (const { key } of instruction.args) scope.args.add(key);
    return [...new Set(unset)].map((name) => {
      const hint = suggestion(name, names).replace('(did you mean ', '(did you mean $');
      return warningOf('UndefinedVar', `Usage of undefined variable '$${name}'${hint}`, rangesOf(instruction));
    });
  });
}

function firstScope({ dockerfile, environmentOf, baseName }: CheckInput, { from }: Stage, index: number, scopes: readonly (Scope | undefined)[]): Scope | undefined {
  let base: string;
  try {
    base = baseName(from.base);
  } catch {
    return undefined;
  }
  const below = findStage(dockerfile.stages, index, base);
  return below === undefined ? scopeOf(base === 'scratch' ? [] : environmentOf(base)) : copyOf(scopes[below]);
}

function scopeOf(environment: readonly string[] | undefined): Scope | undefined {
  return environment && { environment: new Set(['PATH', ...environment.map((entry) => entry.split('=', 1)[0]!)]), args: new Set() };
}

const copyOf = (scope: Scope | undefined): Scope | undefined => scope && { environment: new Set(scope.environment), args: new Set(scope.args) };

interface Word {
  readonly text: string;
  readonly ignoreQuotes?: boolean;
}

/** The words of an instruction in which variables are replaced, and looked at: those of EXPOSE are not. */
function wordsOf(instruction: Instruction): Word[] {
  const plain = (...texts: readonly string[]): Word[] => texts.map((text) => ({ text }));
  switch (instruction.kind) {
    case 'arg': return plain(...instruction.args.flatMap(({ value }) => value ?? []));
    case 'env': case 'label': return instruction.pairs.flatMap(({ key, value }) => plain(key, value));
    case 'copy': case 'add': return [
      ...plain(instruction.chown, instruction.chmod, ...instruction.excludes, ...instruction.sources, instruction.destination),
      ...instruction.inlineFiles.filter(({ expand: expanded }) => expanded).map(({ text }) => ({ text, ignoreQuotes: true })),
    ];
    case 'user': return plain(instruction.user);
    case 'workdir': return plain(instruction.path);
    case 'stopsignal': return plain(instruction.signal);
    case 'volume': return plain(...instruction.paths);
    case 'run': return plain(...instruction.mounts);
    default: return [];
  }
}
