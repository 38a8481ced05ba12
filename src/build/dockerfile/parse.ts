/** From the text of a Dockerfile to its stages. */
import { invalidParameter } from '../../errors.ts';
import { argumentsOf } from './arguments.ts';
import type { EscapeCharacter } from './directives.ts';
import type { Dockerfile, Instruction, InstructionKind, Stage } from './instruction.ts';
import { readSource } from './lines.ts';
import { parseInstruction } from './parse-instruction.ts';

/** Throws invalid-parameter in Docker's words, with the line where there is one. */
export function parseDockerfile(text: string): Dockerfile {
  const { directives, instructions, warnings } = readSource(text);
  // What cannot be taken apart is told before what is no instruction, wherever they stand.
  const taken = instructions.map((source) => ({ source, args: argumentsOf(source, directives.escape) }));
  const globalArgs: Instruction<'arg'>[] = [];
  const stages: (Stage & { readonly instructions: Instruction[] })[] = [];
  for (const { source, args } of taken) {
    const instruction = parseInstruction(source, args);
    if (isKind(instruction, 'from')) stages.push({ from: instruction, instructions: [] });
    else if (stages.length > 0) stages.at(-1)!.instructions.push(instruction);
    else if (isKind(instruction, 'arg')) globalArgs.push(instruction);
    else throw invalidParameter('no build stage in current context', { operation: 'parse Dockerfile', object: `line ${instruction.line}` });
  }
  return { globalArgs, stages, escape: directives.escape, syntax: directives.syntax, warnings };
}

/** The instructions that an image's ONBUILD triggers stand for. Throws invalid-parameter. */
export function parseTriggers(triggers: readonly string[], escape: EscapeCharacter): Instruction[] {
  return triggers.flatMap((trigger) => {
    const { instructions } = readSource(trigger);
    return instructions.map((source) => parseInstruction(source, argumentsOf(source, escape)));
  });
}

const isKind = <Kind extends InstructionKind>(instruction: Instruction, kind: Kind): instruction is Instruction<Kind> =>
  instruction.kind === kind;
