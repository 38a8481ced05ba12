/** How things are written: the case of instructions, and the names of stages. */
import type { Dockerfile } from '../dockerfile/instruction.ts';
import type { Source, SourceInstruction } from '../dockerfile/lines.ts';
import { type CheckWarning, rangesOf, warningOf } from './rules.ts';

type Casing = 'lower' | 'upper' | 'mixed';

function casingOf(word: string): Casing {
  if (word === word.toLowerCase()) return 'lower';
  return word === word.toUpperCase() ? 'upper' : 'mixed';
}

const commandOf = ({ original }: SourceInstruction): string => /^\S+/.exec(original)?.[0] ?? '';

/** Of as many in either case the upper one is the usual one. */
export function checkCasing({ instructions }: Source): CheckWarning[] {
  const commands = instructions.map((instruction) => ({ instruction, command: commandOf(instruction) }));
  const count = (casing: Casing) => commands.filter(({ command }) => casingOf(command) === casing).length;
  const majority = count('lower') > count('upper') ? 'lower' : 'upper';
  return commands.filter(({ command }) => casingOf(command) !== majority).map(({ instruction, command }) =>
    warningOf('ConsistentInstructionCasing', `Command '${command}' should match the case of the command majority (${majority}case)`, rangesOf(instruction)));
}

const reserved: ReadonlySet<string> = new Set(['context', 'scratch']);

export function checkStageNames({ stages }: Dockerfile, { instructions }: Source): CheckWarning[] {
  const sources = instructions.filter(({ name }) => name === 'from');
  const known = new Set<string>();
  return stages.flatMap(({ from }, index) => {
    const ranges = rangesOf(from);
    const [, as = '', written = ''] = sources[index]!.rest.split(/\s+/);
    const warnings: CheckWarning[] = [];
    if (written !== written.toLowerCase()) warnings.push(warningOf('StageNameCasing', `Stage name '${written}' should be lowercase`, ranges));
    if (reserved.has(from.stage)) warnings.push(warningOf('ReservedStageName', `Stage name should not use the same name as reserved stage ${JSON.stringify(from.stage)}`, ranges));
    const command = commandOf(sources[index]!);
    if (as !== '' && casingOf(command) !== 'mixed' && casingOf(as) !== casingOf(command))
      warnings.push(warningOf('FromAsCasing', `'${as}' and '${command}' keywords' casing do not match`, ranges));
    if (from.stage !== '' && known.has(from.stage)) warnings.push(warningOf('DuplicateStageName', `Duplicate stage name ${JSON.stringify(from.stage)}, stage names should be unique`, ranges));
    known.add(from.stage);
    return warnings;
  });
}
