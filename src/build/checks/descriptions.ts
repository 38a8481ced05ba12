/** Comments above `FROM` and `ARG`, which tools show as what a stage or an argument is for. */
import type { SourceInstruction } from '../dockerfile/lines.ts';
import type { CheckInput } from './check.ts';
import { type CheckWarning, rangesOf, warningOf } from './rules.ts';

export function checkDescriptions({ text, source }: CheckInput): CheckWarning[] {
  const lines = text.split('\n');
  let after = 0;
  return source.instructions.flatMap((instruction) => {
    const comments = lines.slice(after, instruction.startLine - 1).flatMap((line) => /^\s*#\s*(.*?)\s*$/.exec(line)?.[1] ?? []);
    after = instruction.endLine;
    const name = describedName(instruction);
    if (name === '' || comments.length === 0 || comments.some((comment) => comment.startsWith(`${name} `))) return [];
    return [warningOf('InvalidDefinitionDescription',
      `Comment for ${instruction.name.toUpperCase()} should follow the format: \`# ${name} <description>\``, rangesOf(instruction))];
  });
}

/** Of several arguments nobody knows which one is meant. */
function describedName({ name, rest }: SourceInstruction): string {
  const words = rest.split(/\s+/);
  if (name === 'arg') return words.length === 1 ? words[0]!.split('=', 1)[0]! : '';
  return name === 'from' && words.length === 3 ? words[2]! : '';
}
