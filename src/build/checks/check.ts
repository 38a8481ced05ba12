/** What is allowed in a Dockerfile and better avoided: a pure function of what is parsed, with the lines that are to blame. */
import type { Dockerfile } from '../dockerfile/instruction.ts';
import type { Source } from '../dockerfile/lines.ts';
import { checkDescriptions } from './descriptions.ts';
import { checkInstructions } from './instructions.ts';
import { checkCasing, checkStageNames } from './names.ts';
import { type CheckWarning, warningOf } from './rules.ts';
import { checkVariables } from './variables.ts';

export interface CheckInput {
  readonly text: string;
  readonly source: Source;
  readonly dockerfile: Dockerfile;
  /** What every build knows of its platforms. */
  readonly platformArgs: Readonly<Record<string, string>>;
  /** What `FROM` names, its arguments replaced. Throws for what cannot be. */
  readonly baseName: (text: string) => string;
  /** `KEY=value` of an image; undefined where the image is not known. */
  readonly environmentOf: (image: string) => readonly string[] | undefined;
  /** Whether `.dockerignore` excludes a path of the context. */
  readonly isIgnored: (path: string) => boolean;
}

/** All warnings, in the order of the lines; `isWanted` says which of them count. */
export function checkDockerfile(input: CheckInput): CheckWarning[] {
  const { source, dockerfile } = input;
  const warnings = [
    ...source.emptyContinuations.map((line) => warningOf('NoEmptyContinuation', 'Empty continuation line', [{ start: line, end: line }])),
    ...checkStageNames(dockerfile, source),
    ...checkCasing(source),
    ...checkInstructions(input),
    ...checkVariables(input),
    ...checkDescriptions(input),
  ];
  return warnings.sort((a, b) => a.ranges[0]!.start - b.ranges[0]!.start);
}
