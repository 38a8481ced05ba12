/** Which stages a build needs: the target, and whatever it takes files or its base from. */
import { invalidParameter } from '../../errors.ts';
import { expand } from '../../images/shell-words.ts';
import type { Dockerfile, Stage } from '../dockerfile/instruction.ts';
import type { BuildArgs } from './build-args.ts';

/** Index of the stage to build. Throws invalid-parameter in Docker's words. */
export function targetStage({ stages }: Dockerfile, target: string): number {
  if (target === '') return stages.length - 1;
  const named = stages.findIndex(({ from }) => from.stage === target.toLowerCase());
  if (named !== -1) return named;
  const number = /^\d+$/.test(target) ? Number(target) : -1;
  if (number < 0 || number >= stages.length) throw invalidParameter(`target stage ${JSON.stringify(target)} could not be found`, { object: target });
  return number;
}

/** Indexes of the stages that are needed for `target`, it among them, in the order they stand. */
export function neededStages(dockerfile: Dockerfile, target: number, args: BuildArgs): number[] {
  const needed = new Set<number>();
  const visit = (index: number): void => {
    if (needed.has(index)) return;
    needed.add(index);
    for (const name of namesUsed(dockerfile.stages[index]!, dockerfile, args)) {
      const other = findStage(dockerfile.stages, index, name);
      if (other !== undefined) visit(other);
    }
  };
  visit(target);
  return [...needed].sort((a, b) => a - b);
}

/** An earlier stage by its name, or by its number where a number is one; undefined for what must be an image. */
export function findStage(stages: readonly Stage[], before: number, name: string): number | undefined {
  const named = stages.findIndex(({ from }, index) => index < before && from.stage !== '' && from.stage === name.toLowerCase());
  if (named !== -1) return named;
  return /^\d+$/.test(name) && Number(name) < before ? Number(name) : undefined;
}

function namesUsed({ from, instructions }: Stage, { escape }: Dockerfile, args: BuildArgs): string[] {
  const copied = instructions.flatMap((instruction) => (instruction.kind === 'copy' && instruction.from !== '' ? [instruction.from] : []));
  const mounts = instructions.flatMap((instruction) => (instruction.kind === 'run' ? instruction.mounts : []));
  const mounted = mounts.flatMap((mount) => /(?:^|,)from=([^,]*)/i.exec(mount)?.[1] ?? []);
  return [baseName(from.base, escape, args), ...copied, ...mounted];
}

/** What cannot be expanded is told when the stage is planned. */
function baseName(base: string, escape: Dockerfile['escape'], args: BuildArgs): string {
  try {
    // A base is never found by its number.
    const name = expand(base, (key) => args.global(key), { escape });
    return /^\d+$/.test(name) ? '' : name;
  } catch {
    return '';
  }
}
