/** The classic way to build: a context and parameters in, a stream of records out (`POST /build`). */
import { invalidParameter } from '../../errors.ts';
import type { Platform } from '../../images/platform.ts';
import { familiar, nameForNewImage, type Reference } from '../../images/reference.ts';
import type { Credentials } from '../../images/registry/credentials.ts';
import type { ImageService, ProgressRecord } from '../../images/service.ts';
import type { Digest, StorageDriver } from '../../storage/driver.ts';
import type { BuildCacheStore } from '../../store/build-cache.ts';
import { takeDockerfile } from '../context/dockerfile.ts';
import { type ChecksInput, runChecks, warningsJson } from '../checks/run.ts';
import type { ContextPool } from '../context/pool.ts';
import { receiveContext } from '../context/receive.ts';
import { fetchContext } from '../context/remote.ts';
import type { Dockerfile } from '../dockerfile/instruction.ts';
import { parseDockerfile } from '../dockerfile/parse.ts';
import { BuildArgs } from '../frontend/build-args.ts';
import type { FrontendOptions, ResolveImage } from '../frontend/options.ts';
import { Planner } from '../frontend/plan.ts';
import { platformArgs } from '../frontend/platform-args.ts';
import { neededStages, targetStage } from '../frontend/stage-selection.ts';
import type { PlannedStage, Step } from '../frontend/step.ts';
import { Session } from '../solver/session.ts';
import type { Solver } from '../solver/solver.ts';
import { environmentHere, readIgnore } from './checks.ts';
import { explainStep } from './explain.ts';
import { OrderedOutput, type Channel } from './ordered-output.ts';
import { runStage } from './stage-run.ts';
import { type StepImage, StepImages } from './step-images.ts';
import { built, errorLine, failure, line, notConsumed, stepLines, tagged } from './stream.ts';

/** Takes a record; settles when the client is no longer behind. */
export type Send = (record: ProgressRecord) => Promise<void> | undefined;

export interface ClassicBuildRequest extends FrontendOptions {
  /** The archive with the context, compressed or not. */
  readonly archive: AsyncIterable<Uint8Array>;
  /** URL of the context instead; empty for none. */
  readonly remote: string;
  /** Path in the context; empty for the usual one. */
  readonly dockerfile: string;
  /** `name[:tag]` of the image. */
  readonly tags: readonly string[];
  /** Nothing is told but the image's id, or what went wrong. */
  readonly quiet: boolean;
  readonly noCache: boolean;
  readonly removeContainers: boolean;
  readonly removeFailedContainers: boolean;
  /** Nothing is built: it is told what would be, and why (an extension). */
  readonly explain: boolean;
  /** What is better avoided is told first, or is all that is told (an extension). */
  readonly check: 'none' | 'also' | 'only';
  /** Base images are asked for at their registries. */
  readonly pull: boolean;
  /** By the registries' names. */
  readonly credentials: ReadonlyMap<string, Credentials>;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
}

export interface ClassicBuilderParts {
  readonly images: ImageService;
  readonly storage: StorageDriver;
  readonly cache: BuildCacheStore;
  readonly solver: Solver;
  readonly host: Platform;
  /** For what lives as long as a build. */
  readonly temporaryRoot: string;
  readonly contexts: ContextPool;
  readonly resolveImage: (request: ClassicBuildRequest) => ResolveImage;
}

export class ClassicBuilder {
  readonly #parts: ClassicBuilderParts;

  constructor(parts: ClassicBuilderParts) {
    this.#parts = parts;
  }

  /**
   * Rejects for what can be refused before anything is told; what goes wrong later is the last record. Resolves when everything
   * has been told and nothing of the build is left but its images.
   */
  async build(request: ClassicBuildRequest, send: Send): Promise<void> {
    const references = request.tags.map(referenceOf);
    const abort = new AbortController();
    const signal = AbortSignal.any([request.signal, abort.signal]);
    const { noCache, removeContainers, removeFailedContainers } = request;
    const { contexts } = this.#parts;
    // Who builds the same thing again sends much the same files.
    const project = JSON.stringify([request.tags, request.dockerfile]);
    const kept = request.remote === '' ? contexts.take(project) : undefined;
    const session = new Session(this.#parts.temporaryRoot, { noCache, removeContainers, removeFailedContainers, signal }, kept);
    const { contextTree } = session;
    try {
      if (kept) await receiveContext(kept, request.archive);
      else await fetchContext(request.remote, contextTree, request.dockerfile, signal);
      const ignore = readIgnore(contextTree.path);
      const text = takeDockerfile(contextTree.path, request.dockerfile);
      const dockerfile = parseDockerfile(text);
      if (request.check !== 'none' && !this.#passesChecks(request, { text, dockerfile, ignore }, send)) return;
      const target = targetStage(dockerfile, request.target);
      const run = new BuildRun(this.#parts, request, session, abort, dockerfile, target);
      if (request.explain) await run.explain(send).catch((error: unknown) => void send(failure(error)));
      else await tell(request.quiet, send, (each) => run.run(references, each));
    } finally {
      abort.abort();
      await session.end();
      if (kept) await contexts.giveBack(project, kept);
    }
  }

  /** Tells the warnings; false when nothing is to be built. */
  #passesChecks(request: ClassicBuildRequest, source: Pick<ChecksInput, 'text' | 'dockerfile' | 'ignore'>, send: Send): boolean {
    const { images, host } = this.#parts;
    const { buildArgs, platform } = request;
    const { warnings, error } = runChecks({
      ...source, buildArgs, environmentOf: (name) => environmentHere(images, name, platform), platformArgs: platformArgs(host, platform ?? host, request.target),
    });
    void send({ checks: warningsJson(warnings) });
    if (error) void send(failure(error));
    return error === undefined && request.check === 'also';
  }
}

function referenceOf(name: string): Reference {
  const reference = nameForNewImage(name, '');
  if (reference === undefined) throw invalidParameter('invalid reference format', { object: name });
  return reference;
}

/** A quiet build tells all that it has kept to itself when it fails. */
async function tell(quiet: boolean, send: Send, build: (send: Send) => Promise<Digest>): Promise<void> {
  const kept: ProgressRecord[] = [];
  try {
    const id = await build(quiet ? (record) => void kept.push(record) : send);
    if (quiet) void send(line(`${id}\n`));
  } catch (error) {
    for (const record of kept) void send(record);
    void send(failure(error));
  }
}

class BuildRun {
  readonly #parts: ClassicBuilderParts;
  readonly #request: ClassicBuildRequest;
  readonly #session: Session;
  readonly #abort: AbortController;
  readonly #dockerfile: Dockerfile;
  readonly #args: BuildArgs;
  readonly #needed: readonly number[];
  readonly #target: number;
  readonly #stages: PlannedStage[] = [];
  readonly #images = new Map<number, Promise<StepImage>>();

  constructor(parts: ClassicBuilderParts, request: ClassicBuildRequest, session: Session, abort: AbortController, dockerfile: Dockerfile, target: number) {
    this.#parts = parts;
    this.#request = request;
    this.#session = session;
    this.#abort = abort;
    this.#dockerfile = dockerfile;
    this.#args = new BuildArgs(request.buildArgs, platformArgs(parts.host, request.platform ?? parts.host, request.target));
    this.#args.declareGlobals(dockerfile);
    this.#target = target;
    this.#needed = neededStages(dockerfile, target, this.#args);
  }

  async run(references: readonly Reference[], send: Send): Promise<Digest> {
    for (const warning of this.#dockerfile.warnings) void send(errorLine(`${warning}\n`));
    const total = this.#total();
    let number = 1;
    for (const arg of this.#dockerfile.globalArgs) for (const record of stepLines(number++, total, arg.original)) void send(record);
    await this.#runStages(send, number, total);
    const image = await this.#images.get(this.#target)!;
    if (image.id === '') throw invalidParameter('No image was generated. Is your Dockerfile empty?');
    const unused = this.#args.unused();
    if (unused.length > 0) void send(notConsumed(unused));
    void send(built(image.id));
    for (const reference of references) {
      this.#parts.images.tag(image.id, familiar({ ...reference, tag: undefined }), reference.tag ?? '');
      void send(tagged(familiar(reference)));
    }
    return image.id;
  }

  /** What each step would do. */
  async explain(send: Send): Promise<void> {
    const planner = this.#planner();
    const total = this.#total();
    let number = this.#dockerfile.globalArgs.length + 1;
    for (const index of this.#needed) {
      const stage = await planner.plan(index, index === this.#target, (record) => void send(record));
      for (const record of stepLines(number++, total, stage.text)) void send(record);
      for (const step of stage.steps) {
        for (const record of stepLines(number++, total, step.text)) void send(record);
        void send(line(await explainStep(this.#parts.solver, this.#session, step)));
      }
      if (stage.failure) throw stage.failure.error;
    }
  }

  /** Steps that are told. */
  #total(): number {
    const { stages, globalArgs } = this.#dockerfile;
    const instructions = this.#needed.reduce((sum, index) => sum + 1 + stages[index]!.instructions.length, 0);
    return globalArgs.length + instructions + Object.keys(this.#request.labels).length;
  }

  /** Each stage begins when it is planned, and waits for others only where it needs them. */
  async #runStages(send: Send, firstNumber: number, total: number): Promise<void> {
    const output = new OrderedOutput<ProgressRecord>(send);
    const channels = new Map(this.#needed.map((index) => [index, output.open()]));
    const planner = this.#planner();
    const failed = Promise.withResolvers<never>();
    failed.promise.catch(() => undefined);
    let number = firstNumber;
    for (const [position, index] of this.#needed.entries()) {
      const channel = channels.get(index)!;
      const { from, instructions } = this.#dockerfile.stages[index]!;
      for (const record of stepLines(number++, total, from.original)) void channel.write(record);
      const stage = await Promise.race([planner.plan(index, index === this.#target, (record) => void channel.write(record)), failed.promise]);
      this.#stages.push(stage);
      const image = this.#runStage(stage, channel, number, total);
      this.#images.set(index, image);
      image.catch((error: unknown) => {
        // The first failure is the one to tell; the others end because of it.
        if (this.#abort.signal.aborted) return;
        output.only(position);
        failed.reject(error);
        this.#abort.abort();
      });
      number += instructions.length;
      if (stage.failure) break;
    }
    try {
      await Promise.race([Promise.all(this.#images.values()), failed.promise]);
    } finally {
      await Promise.allSettled(this.#images.values());
    }
  }

  #runStage(stage: PlannedStage, channel: Channel<ProgressRecord>, firstNumber: number, total: number): Promise<StepImage> {
    const { solver, images, storage, cache, host } = this.#parts;
    if (stage.base.kind === 'image' && stage.base.image.topLayer !== null) this.#session.atEnd(images.hold(stage.base.image.topLayer));
    return runStage({
      solver, session: this.#session, channel, firstNumber, total,
      stepImages: new StepImages({ images, storage, cache, platform: this.#request.platform ?? host }),
      imageOf: (other) => this.#images.get(other.index)!,
      stagesUsed: (step) => this.#stagesUsed(stage, step),
    }, stage);
  }

  /** The earlier stages whose files a step copies or mounts. */
  #stagesUsed({ index }: PlannedStage, step: Step): PlannedStage[] {
    const inputs = new Set(step.tree.inputs.slice(1).map(({ digest }) => digest));
    return this.#stages.filter((other) => other.index < index && inputs.has(other.tree.digest));
  }

  #planner(): Planner {
    const { host, resolveImage } = this.#parts;
    return new Planner({ dockerfile: this.#dockerfile, options: this.#request, args: this.#args, host, resolveImage: resolveImage(this.#request) });
  }
}
