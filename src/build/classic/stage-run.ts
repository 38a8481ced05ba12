/** One stage of a classic build: each step solved, told and made an image, one after the other. */
import { randomBytes } from 'node:crypto';
import { StringDecoder } from 'node:string_decoder';
import type { ProgressRecord } from '../../images/service.ts';
import type { PlannedStage, Step } from '../frontend/step.ts';
import type { Observer, Session } from '../solver/session.ts';
import type { Solver } from '../solver/solver.ts';
import type { Channel } from './ordered-output.ts';
import { noImage, type StepImage, type StepImages } from './step-images.ts';
import { errorLine, line, removedContainer, runningIn, stageResult, stepLines, stepResult, triggers, usingCache } from './stream.ts';

export interface StageRunParts {
  readonly solver: Solver;
  readonly session: Session;
  readonly stepImages: StepImages;
  readonly channel: Channel<ProgressRecord>;
  /** Of the stage's first instruction after FROM. */
  readonly firstNumber: number;
  readonly total: number;
  /** Settles with the image of another stage, when it has one. */
  readonly imageOf: (stage: PlannedStage) => Promise<StepImage>;
  /** The stages whose files a step needs. */
  readonly stagesUsed: (step: Step) => readonly PlannedStage[];
}

/** Returns the stage's image. FROM has been told already, but for its result. */
export async function runStage(parts: StageRunParts, stage: PlannedStage): Promise<StepImage> {
  const { channel } = parts;
  let image = await baseImage(parts, stage);
  if (stage.failure?.at === 'from' && stage.triggers.length === 0) throw stage.failure.error;
  if (stage.triggers.length > 0) for (const record of triggers(stage.triggers.length)) void channel.write(record);
  for (const step of stage.triggers) image = await runStep(parts, image, step);
  if (stage.failure?.at === 'from') throw stage.failure.error;
  void channel.write(stepResult(image.id));
  let number = parts.firstNumber;
  for (const step of stage.steps) {
    for (const record of stepLines(number++, parts.total, step.text)) void channel.write(record);
    image = await runStep(parts, image, step);
    void channel.write(stepResult(image.id));
  }
  if (stage.failure) {
    for (const record of stepLines(number, parts.total, stage.failure.text)) void channel.write(record);
    throw stage.failure.error;
  }
  if (image.id !== '') void channel.write(stageResult(image.id));
  channel.close();
  return image;
}

async function baseImage({ imageOf }: StageRunParts, { base }: PlannedStage): Promise<StepImage> {
  if (base.kind === 'scratch') return noImage;
  if (base.kind === 'stage') return imageOf(base.stage);
  if (base.kind === 'tree') throw new TypeError('clients of the classic builder give no contexts names');
  return { id: base.image.id, config: base.image.config, topLayer: base.image.topLayer };
}

async function runStep(parts: StageRunParts, parent: StepImage, step: Step): Promise<StepImage> {
  for (const note of step.notes) void parts.channel.write(line(note));
  return step.kind === 'config' ? configure(parts, parent, step) : changeTree(parts, parent, step);
}

/** Docker makes a container for a step that runs nothing, too, and tells of it; here it is only told. */
function configure({ session, stepImages, channel }: StageRunParts, parent: StepImage, step: Step): StepImage {
  const { createdAt, cached } = stepImages.timeOf(parent, step, session.options.noCache);
  if (cached) void channel.write(usingCache);
  else tellContainer(session, channel);
  return stepImages.add(parent, step, { topLayer: parent.topLayer, createdAt, content: '' });
}

function tellContainer({ options }: Session, channel: Channel<ProgressRecord>): void {
  const container = randomBytes(6).toString('hex');
  void channel.write(runningIn(container));
  if (options.removeContainers) void channel.write(removedContainer(container));
}

async function changeTree(parts: StageRunParts, parent: StepImage, step: Step): Promise<StepImage> {
  const { solver, session, stepImages, channel, imageOf, stagesUsed } = parts;
  await Promise.all(stagesUsed(step).map(imageOf));
  const observer = tellingObserver(channel, parent.id);
  session.observe(step.tree, step.text, observer);
  const solved = await solver.solve(session, step.tree);
  // Another stage has the same step, and has told of it.
  if (solved.cached || session.observerOf(step.tree) !== observer) void channel.write(usingCache);
  else if (step.kind === 'directory') tellContainer(session, channel);
  if (solved.result.kind !== 'layers') throw new TypeError('a step gives layers');
  return stepImages.add(parent, step, { topLayer: solved.result.topLayer, createdAt: solved.createdAt, content: solved.content });
}

function tellingObserver(channel: Channel<ProgressRecord>, base: string): Observer {
  const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  return {
    base,
    started: (container) => void channel.write(runningIn(container)),
    output: (stream, data) => {
      const text = decoders[stream].write(Buffer.from(data));
      return text === '' ? undefined : channel.write(stream === 'stdout' ? line(text) : errorLine(text));
    },
    removed: (container) => void channel.write(removedContainer(container)),
  };
}
