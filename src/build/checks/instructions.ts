/** What instructions of a stage do that is better done otherwise. */
import { rawWords } from '../../images/shell-words.ts';
import type { Dockerfile, Instruction, Stage } from '../dockerfile/instruction.ts';
import { findStage } from '../frontend/stage-selection.ts';
import type { CheckInput } from './check.ts';
import { type CheckWarning, rangesOf, warningOf } from './rules.ts';

export function checkInstructions({ dockerfile, isIgnored }: CheckInput): CheckWarning[] {
  const absolute = new Set<number>();
  return dockerfile.stages.flatMap((stage, index) => [
    ...checkShellForms(stage),
    ...checkRepeated(stage),
    ...checkDirectories(dockerfile, stage, index, absolute),
    ...stage.instructions.flatMap((instruction) => [...checkForm(instruction, dockerfile), ...checkIgnored(instruction, isIgnored)]),
  ]);
}

/** Who has chosen the shell wants one. */
function checkShellForms({ instructions }: Stage): CheckWarning[] {
  let hasShell = false;
  return instructions.flatMap((instruction) => {
    if (instruction.kind === 'shell') hasShell = true;
    if ((instruction.kind !== 'cmd' && instruction.kind !== 'entrypoint') || instruction.command.form === 'exec' || hasShell) return [];
    const detail = `JSON arguments recommended for ${instruction.kind.toUpperCase()} to prevent unintended behavior related to OS signals`;
    return [warningOf('JSONArgsRecommended', detail, rangesOf(instruction))];
  });
}

/** All but the last one are in vain. */
function checkRepeated({ instructions }: Stage): CheckWarning[] {
  return (['cmd', 'entrypoint', 'healthcheck'] as const).flatMap((kind) => {
    const same = instructions.filter((instruction) => instruction.kind === kind);
    const detail = `Multiple ${kind.toUpperCase()} instructions should not be used in the same stage because only the last one will be used`;
    return same.slice(0, -1).map((instruction) => warningOf('MultipleInstructionsDisallowed', detail, rangesOf(instruction)));
  });
}

/** The first relative directory of a stage, unless a stage below has chosen one. `absolute`: the stages that have. */
function checkDirectories({ stages }: Dockerfile, { from, instructions }: Stage, index: number, absolute: Set<number>): CheckWarning[] {
  const below = findStage(stages, index, from.base);
  if (below !== undefined && absolute.has(below)) absolute.add(index);
  return instructions.flatMap((instruction) => {
    if (instruction.kind !== 'workdir') return [];
    const isFirst = !absolute.has(index);
    absolute.add(index);
    if (!isFirst || /^["']?[/$]/.test(instruction.path)) return [];
    const detail = `Relative workdir ${JSON.stringify(instruction.path)} can have unexpected results if the base image changes`;
    return [warningOf('WorkdirRelativePath', detail, rangesOf(instruction))];
  });
}

const isSecret = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const isPublic = /(?:_|^)public(?:_|$)/i;

function checkForm(instruction: Instruction, { escape }: Dockerfile): CheckWarning[] {
  const ranges = rangesOf(instruction);
  switch (instruction.kind) {
    case 'maintainer': return [warningOf('MaintainerDeprecated', 'Maintainer instruction is deprecated in favor of using label', ranges)];
    case 'arg': return secrets('ARG', instruction.args.map(({ key }) => key), ranges);
    case 'env': return [...checkLegacy('ENV', instruction, escape), ...secrets('ENV', instruction.pairs.map(({ key }) => key), ranges)];
    case 'label': return checkLegacy('LABEL', instruction, escape);
    case 'expose': return instruction.ports.flatMap((port) => checkPort(port, ranges));
    default: return [];
  }
}

const secrets = (name: string, keys: readonly string[], ranges: CheckWarning['ranges']): CheckWarning[] =>
  keys.filter((key) => isSecret.test(key) && !isPublic.test(key)).map((key) =>
    warningOf('SecretsUsedInArgOrEnv', `Do not use ARG or ENV instructions for sensitive data (${name} ${JSON.stringify(key)})`, ranges));

function checkLegacy(name: string, instruction: Instruction, escape: Dockerfile['escape']): CheckWarning[] {
  const [, first = '='] = rawWords(instruction.original, escape);
  if (first.includes('=')) return [];
  return [warningOf('LegacyKeyValueFormat', `"${name} key=value" should be used instead of legacy "${name} key value" format`, rangesOf(instruction))];
}

function checkPort(port: string, ranges: CheckWarning['ranges']): CheckWarning[] {
  const [numbers = '', protocol = ''] = port.split('/');
  const warnings: CheckWarning[] = [];
  if (!protocol.includes('$') && protocol !== protocol.toLowerCase())
    warnings.push(warningOf('ExposeProtoCasing', `Defined protocol '${port}' in EXPOSE instruction should be lowercase`, ranges));
  if (numbers.replaceAll(/\$\{[^}]*\}/g, '').includes(':'))
    warnings.push(warningOf('ExposeInvalidFormat', `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`, ranges));
  return warnings;
}

function checkIgnored(instruction: Instruction, isIgnored: CheckInput['isIgnored']): CheckWarning[] {
  if ((instruction.kind !== 'copy' && instruction.kind !== 'add') || instruction.from !== '') return [];
  return instruction.sources.filter((source) => !/[$*?[]|^\w+:\/\//.test(source) && isIgnored(source.replace(/^\.?\/+|\/+$/g, ''))).map((source) =>
    warningOf('CopyIgnoredFile', `Attempting to ${instruction.kind === 'copy' ? 'Copy' : 'Add'} file ${JSON.stringify(source)} that is excluded by .dockerignore`, rangesOf(instruction)));
}
