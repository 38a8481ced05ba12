/** What steps are called while they run, as BuildKit's Dockerfile frontend names them: `[base 2/4] RUN make`. */
import type { Dockerfile, Instruction } from '../dockerfile/instruction.ts';
import { findStage } from '../frontend/stage-selection.ts';
import type { PlannedStage, Step } from '../frontend/step.ts';

/** Hands out the numbers of one stage. */
export class StepNames {
  readonly #stage: string;
  readonly #total: number;
  #number = 0;

  constructor(stage: string, total: number) {
    this.#stage = stage;
    this.#total = total;
  }

  /** The next step's. */
  next(text: string): string {
    if (this.#total === 0) return text;
    const number = String(++this.#number).padStart(String(this.#total).length);
    return `[${this.#stage === '' ? '' : `${this.#stage} `}${number}/${this.#total}] ${text}`;
  }
}

export function namesOf(dockerfile: Dockerfile, { index, name, base, triggers, steps }: PlannedStage): StepNames {
  const layered = [...triggers, ...steps].filter(({ kind }) => kind !== 'config').length;
  const total = layered + (base.kind === 'image' || base.kind === 'tree' ? 1 : 0);
  return new StepNames(hasSeveralTrees(dockerfile) ? name || `stage-${index}` : '', total);
}

/** An image that files come from counts like a stage, and so does whatever a mount shows. */
function hasSeveralTrees({ stages }: Dockerfile): boolean {
  return stages.length > 1 || stages.some(({ instructions }, index) => instructions.some((instruction) => usesOther(instruction, stages, index)));
}

function usesOther(instruction: Instruction, stages: Dockerfile['stages'], index: number): boolean {
  switch (instruction.kind) {
    case 'run': return instruction.mounts.length > 0;
    case 'copy': case 'add': return instruction.from !== '' && findStage(stages, index, instruction.from) === undefined;
    default: return false;
  }
}

/** The instruction's name in capitals, whatever it is written in. */
export const stepText = ({ shown }: Step): string => shown.replace(/^\S+/, (word) => word.toUpperCase());
