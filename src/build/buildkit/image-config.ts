/** The configuration of an image as BuildKit's Dockerfile frontend writes it: one for the last stage, with the history of all below it. */
import type { ImageConfigJson } from '../../images/service.ts';
import type { Platform } from '../../images/platform.ts';
import type { Digest, StorageDriver } from '../../storage/driver.ts';
import type { RunConfig } from '../frontend/run-config.ts';
import type { PlannedStage, Step } from '../frontend/step.ts';
import type { Result } from '../solver/result.ts';
import type { Session } from '../solver/session.ts';
import type { Solver } from '../solver/solver.ts';

const comment = 'buildkit.dockerfile.v0';

type History = NonNullable<ImageConfigJson['history']>;

export interface StageImageParts {
  readonly solver: Solver;
  readonly session: Session;
  readonly storage: StorageDriver;
}

/** What a stage has become. */
export interface StageImage {
  readonly config: ImageConfigJson;
  readonly topLayer: Digest | null;
  /** The topmost layer of the image that it was built on. */
  readonly baseLayer: Digest | null;
}

/** What is known before anything has been made. */
export const describeImage = ({ config }: PlannedStage, { architecture, os }: Platform): object => ({
  architecture, os, rootfs: { type: 'layers', diff_ids: null }, config: runConfig(config),
});

const runConfig = (config: RunConfig) => ({ ...config, WorkingDir: config.WorkingDir === '' ? '/' : config.WorkingDir, ArgsEscaped: true });

/** All of the stage must have been solved. */
export async function stageImage(parts: StageImageParts, stage: PlannedStage, platform: Platform): Promise<StageImage> {
  const { history, topLayer, baseLayer, createdAt, author } = await historyOf(parts, stage);
  const config: ImageConfigJson = {
    architecture: platform.architecture,
    ...(platform.variant === '' ? {} : { variant: platform.variant }),
    ...(author === '' ? {} : { author }),
    config: runConfig(stage.config),
    created: createdAt,
    history,
    os: platform.os,
    rootfs: { type: 'layers', diff_ids: diffIds(parts.storage, topLayer) },
  };
  return { config, topLayer, baseLayer };
}

interface Past {
  readonly history: History;
  readonly topLayer: Digest | null;
  readonly baseLayer: Digest | null;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly author: string;
}

async function historyOf(parts: StageImageParts, stage: PlannedStage): Promise<Past> {
  let past = await baseOf(parts, stage);
  for (const step of [...stage.triggers, ...stage.steps]) past = await afterStep(parts, past, step);
  return past;
}

async function baseOf(parts: StageImageParts, { base }: PlannedStage): Promise<Past> {
  switch (base.kind) {
    case 'stage': return historyOf(parts, base.stage);
    case 'scratch': return { history: [], topLayer: null, baseLayer: null, createdAt: new Date().toISOString(), author: '' };
    case 'image': {
      const { history = [], created = new Date(0).toISOString(), author = '' } = base.image.config;
      const { topLayer } = base.image;
      return { history, topLayer, baseLayer: topLayer, createdAt: created, author };
    }
    case 'tree': {
      const { history = [], created, author = '' } = base.config ?? {};
      const solved = await parts.solver.solve(parts.session, base.tree);
      const topLayer = layerOf(solved.result);
      return { history, topLayer, baseLayer: topLayer, createdAt: created ?? new Date(solved.createdAt || Date.now()).toISOString(), author };
    }
  }
}

/** A step that was known before happened when it was made: the same build gives the same image. */
async function afterStep({ solver, session, storage }: StageImageParts, past: Past, step: Step): Promise<Past> {
  const { result, createdAt } = await solver.solve(session, step.tree);
  const topLayer = layerOf(result);
  const created = step.kind === 'config' ? past.createdAt : new Date(createdAt).toISOString();
  const added = diffIds(storage, topLayer).length - diffIds(storage, past.topLayer).length;
  const entry = { created, created_by: step.summary, comment, ...(added > 0 ? {} : { empty_layer: true }) };
  return { ...past, history: [...past.history, entry], topLayer, createdAt: created, author: step.author || past.author };
}

function layerOf(result: Result): Digest | null {
  if (result.kind !== 'layers') throw new TypeError('a step gives layers');
  return result.topLayer;
}

function diffIds(storage: StorageDriver, topLayer: Digest | null): Digest[] {
  const ids: Digest[] = [];
  for (let next = topLayer; next !== null;) {
    const layer = storage.layer(next)!;
    ids.unshift(layer.diffId);
    next = layer.parent;
  }
  return ids;
}
