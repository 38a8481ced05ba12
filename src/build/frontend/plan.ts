/** The frontend: from a Dockerfile to stages of steps whose trees are vertices of the build graph. */
import { CaissonError, invalidParameter } from '../../errors.ts';
import { parsePlatform, type Platform } from '../../images/platform.ts';
import type { ProgressRecord } from '../../images/service.ts';
import { expand } from '../../images/shell-words.ts';
import type { Dockerfile, Instruction } from '../dockerfile/instruction.ts';
import { parseTriggers } from '../dockerfile/parse.ts';
import { imageVertex, scratch, vertex, type Vertex } from '../graph/vertex.ts';
import type { ArgScope, BuildArgs } from './build-args.ts';
import type { FrontendOptions, ResolveContext, ResolveImage } from './options.ts';
import { StagePlanner } from './plan-stage.ts';
import { type RunConfig, runConfigOf, withPath } from './run-config.ts';
import { findStage } from './stage-selection.ts';
import type { PlannedStage, StageBase, Step } from './step.ts';

export interface PlanInput {
  readonly dockerfile: Dockerfile;
  readonly options: FrontendOptions;
  readonly args: BuildArgs;
  readonly host: Platform;
  readonly resolveImage: ResolveImage;
  /** Undefined: no name means something else. */
  readonly resolveContext?: ResolveContext;
}

export class Planner {
  readonly #input: PlanInput;
  readonly #context: Vertex = vertex({ kind: 'context', name: '' });
  readonly #planned = new Map<number, PlannedStage>();
  readonly #scopes = new Map<number, ArgScope>();

  constructor(input: PlanInput) {
    this.#input = input;
  }

  /**
   * Plans a stage; those it needs must have been planned. What is wrong with it is part of the plan: what comes before runs.
   * `last`: the stage that the build is for, which gets the labels asked for.
   */
  async plan(index: number, last: boolean, progress: (record: ProgressRecord) => void): Promise<PlannedStage> {
    const stage = await this.#plan(index, last, progress);
    this.#planned.set(index, stage);
    return stage;
  }

  async #plan(index: number, last: boolean, progress: (record: ProgressRecord) => void): Promise<PlannedStage> {
    const { dockerfile, options, args } = this.#input;
    const { from, instructions } = dockerfile.stages[index]!;
    const known = { index, name: from.stage, text: from.original };
    let base: StageBase;
    try {
      this.#checkName(index, from.stage);
      base = await this.#base(index, from, progress);
    } catch (error) {
      return { ...known, base: { kind: 'scratch' }, triggers: [], steps: [], tree: scratch, config: runConfigOf(), failure: { text: from.original, line: from.line, endLine: from.endLine, error, at: 'from' } };
    }
    const { tree, config, onBuild } = beginning(base);
    const scope = args.scope(base.kind === 'stage' ? this.#scopes.get(base.stage.index) : undefined);
    this.#scopes.set(index, scope);
    const planner = this.#stagePlanner(index, scope, { tree, config, isScratch: base.kind === 'scratch' }, progress);
    const labels = last ? labelInstructions(options.labels) : [];
    const triggers: Step[] = [];
    const steps: Step[] = [];
    let { original: text, line, endLine } = from;
    try {
      for (const instruction of parseTriggers(onBuild, dockerfile.escape)) triggers.push({ ...await planner.plan(instruction), text: '' });
      for (const instruction of [...instructions, ...labels]) {
        ({ original: text, line, endLine } = instruction);
        steps.push(await planner.plan(instruction, labels.includes(instruction)));
      }
    } catch (error) {
      const at = text === from.original && steps.length === 0 ? 'from' : 'step';
      return { ...known, base, triggers, steps, tree: planner.tree, config: planner.config, failure: { text, line, endLine, error, at } };
    }
    return { ...known, base, triggers, steps, tree: planner.tree, config: planner.config, failure: undefined };
  }

  #stagePlanner(
    index: number, scope: ArgScope, base: { tree: Vertex; config: RunConfig; isScratch: boolean }, progress: (record: ProgressRecord) => void,
  ): StagePlanner {
    const { dockerfile, options } = this.#input;
    return new StagePlanner({
      escape: dockerfile.escape, network: options.network, runSettings: options.runSettings, context: this.#context,
      source: (name) => this.#source(index, name, progress),
    }, scope, base);
  }

  #checkName(index: number, name: string): void {
    if (name === '') return;
    const others = this.#input.dockerfile.stages.slice(0, index);
    if (others.some(({ from }) => from.stage === name)) throw invalidParameter(`${name} stage name already used`);
  }

  async #base(index: number, from: Instruction<'from'>, progress: (record: ProgressRecord) => void): Promise<StageBase> {
    const { dockerfile, args, options, host, resolveImage } = this.#input;
    const lookup = (name: string) => args.global(name);
    const name = expand(from.base, lookup, { escape: dockerfile.escape });
    if (name === '') throw invalidParameter(`base name (${from.base}) should not be blank`);
    const platform = this.#platform(expand(from.platform, lookup, { escape: dockerfile.escape }), host) ?? options.platform;
    const named = await this.#input.resolveContext?.(name, platform);
    if (named) return named;
    const stage = /^\d+$/.test(name) ? undefined : findStage(dockerfile.stages, index, name);
    if (stage !== undefined) return { kind: 'stage', stage: this.#planned.get(stage)! };
    if (name === 'scratch') return { kind: 'scratch' };
    return { kind: 'image', image: await resolveImage(name, platform, progress) };
  }

  #platform(text: string, host: Platform): Platform | undefined {
    if (text === '') return undefined;
    try {
      return parsePlatform(text, host);
    } catch (error) {
      throw invalidParameter(`failed to parse platform ${text}: ${(error as Error).message}`, { cause: error });
    }
  }

  /** What `--from` names. */
  async #source(index: number, name: string, progress: (record: ProgressRecord) => void): Promise<Vertex> {
    const { dockerfile, options, resolveImage } = this.#input;
    const named = await this.#input.resolveContext?.(name, options.platform);
    if (named) return named.kind === 'image' ? imageVertex(named.image.topLayer) : named.files;
    const stage = findStage(dockerfile.stages, index, name);
    if (stage !== undefined) return this.#planned.get(stage)!.tree;
    const wrong = (why: string) => invalidParameter(`invalid from flag value ${name}: ${why}`, { object: name });
    if (/^-?\d+$/.test(name) && Number(name) <= dockerfile.stages.length)
      throw wrong(Number(name) === index ? 'refers to current build stage' : 'index out of bounds');
    try {
      return imageVertex((await resolveImage(name, options.platform, progress)).topLayer);
    } catch (error) {
      throw error instanceof CaissonError ? new CaissonError(error.class, `invalid from flag value ${name}: ${error.message}`, { cause: error }) : error;
    }
  }
}

/** Triggers of an image run in the stage that is made from it, and never again. */
function beginning(base: StageBase): { tree: Vertex; config: RunConfig; onBuild: readonly string[] } {
  const [tree, whole] = beneath(base);
  return { tree, config: withPath({ ...whole, OnBuild: null }), onBuild: whole.OnBuild ?? [] };
}

function beneath(base: StageBase): readonly [Vertex, RunConfig] {
  switch (base.kind) {
    case 'image': return [imageVertex(base.image.topLayer), runConfigOf(base.image.config.config)];
    case 'tree': return [base.tree, runConfigOf(base.config?.config)];
    case 'stage': return [base.stage.tree, base.stage.config];
    case 'scratch': return [scratch, runConfigOf()];
  }
}

function labelInstructions(labels: Readonly<Record<string, string>>): Instruction[] {
  return Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => ({
    kind: 'label', pairs: [{ key, value }], original: `LABEL ${key}=${value}`, line: 0, endLine: 0,
  }));
}

