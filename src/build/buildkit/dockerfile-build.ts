/**
 * The Dockerfile frontend for BuildKit's way in: the Dockerfile and `.dockerignore` are asked for, base images are found, and what is
 * planned becomes steps that the client sees. Files of the context come when a step needs them, and only those that some step names.
 */
import { CaissonError, invalidParameter, notImplemented } from '../../errors.ts';
import type { Platform } from '../../images/platform.ts';
import { expand } from '../../images/shell-words.ts';
import { canonical, parseReference, withDefaultTag } from '../../images/reference.ts';
import type { Digest } from '../../storage/driver.ts';
import { type Checks, environmentIn, runChecks } from '../checks/run.ts';
import type { Dockerfile } from '../dockerfile/instruction.ts';
import { parseDockerfile } from '../dockerfile/parse.ts';
import { BuildArgs } from '../frontend/build-args.ts';
import type { ResolveImage } from '../frontend/options.ts';
import { Planner } from '../frontend/plan.ts';
import { platformArgs } from '../frontend/platform-args.ts';
import { findStage, neededStages, targetStage } from '../frontend/stage-selection.ts';
import type { PlannedStage, Step } from '../frontend/step.ts';
import { imageVertex, type Operation, type Vertex } from '../graph/vertex.ts';
import { readIgnoreFile } from '../ignore-patterns.ts';
import type { Observer, Session, Watcher } from '../solver/session.ts';
import { BuildCancelled } from '../solver/run-error.ts';
import { buildFailure, type SourceFile, type SourceRange, sourceDetail, stepFailure, vertexDetail } from './build-error.ts';
import type { BuildJob } from './build-job.ts';
import { contextPaths } from './context-paths.ts';
import type { DockerfileRequest } from './frontend-options.ts';
import type { ProgressVertex } from './progress.ts';
import { namedContext } from './named-contexts.ts';
import type { StageImage } from './image-config.ts';
import { namesOf, stepText } from './step-names.ts';
import { answerSubrequest } from './subrequests.ts';
import { transferTeller } from './transfer-status.ts';

export interface PlannedBuild {
  /** All that are needed for the target, it last. */
  readonly stages: readonly PlannedStage[];
  readonly target: PlannedStage;
  readonly platform: Platform;
  readonly file: SourceFile;
}

export interface DockerfileBuildParts {
  readonly host: Platform;
  readonly resolveImage: ResolveImage;
  /** What another build has come to, by the name under which the client has given it. */
  readonly input: (name: string) => Promise<StageImage>;
  /** An empty directory of the build's own. */
  readonly temporary: () => string;
}

/** Where a step stands, and what is told of it. */
interface ShownStep {
  readonly vertex: ProgressVertex;
  readonly range: SourceRange | undefined;
}

export class DockerfileBuild {
  readonly #parts: DockerfileBuildParts;
  readonly #job: BuildJob;
  readonly #request: DockerfileRequest;
  readonly #shown = new Map<Digest, ShownStep>();
  /** By their topmost layers. */
  readonly #imageNames = new Map<Digest | null, string>();
  #file: SourceFile;
  /** The step that has read it. */
  #definition = '';
  /** The step that has failed first. */
  #failed: (ShownStep & { readonly kind: Operation['kind'] }) | undefined;

  constructor(parts: DockerfileBuildParts, job: BuildJob, request: DockerfileRequest) {
    this.#parts = parts;
    this.#job = job;
    this.#request = request;
    this.#file = { name: request.filename, text: '' };
  }

  /** Rejects with RpcError for what is wrong with the Dockerfile, or cannot be had. */
  async plan(): Promise<PlannedBuild> {
    const ownIgnore = await this.#readDockerfile();
    const dockerfile = this.#parse();
    checkFrontend(this.#request.options.buildArgs['BUILDKIT_SYNTAX'] ?? dockerfile.syntax);
    const stages = await this.#planStages(dockerfile);
    const ignore = ownIgnore ?? await this.#readIgnore();
    this.#warn(dockerfile, ignore ?? '', new Map(stages.flatMap(({ index, base }) =>
      (base.kind === 'image' ? [[this.#baseName(dockerfile, index), environmentIn(base.image.config.config)] as const] : []))));
    const target = stages.at(-1)!;
    await this.#expectContexts(target.tree, readIgnoreFile(ignore ?? ''));
    this.#show(dockerfile, stages);
    return { stages, target, platform: this.#request.options.platform ?? this.#parts.host, file: this.#file };
  }

  /** Answers what is asked instead of a build. Rejects with RpcError. */
  async answer(request: string): Promise<Map<string, Uint8Array>> {
    const ownIgnore = await this.#readDockerfile();
    const dockerfile = this.#parse();
    const { options } = this.#request;
    const warnings = request === 'frontend.lint'
      ? this.#checks(dockerfile, ownIgnore ?? await this.#readIgnore() ?? '', await this.#environments(dockerfile)).warnings : [];
    return this.#attempt(() => {
      const target = targetStage(dockerfile, options.target);
      const args = this.#args(dockerfile);
      return answerSubrequest(request, { dockerfile, file: this.#file, needed: neededStages(dockerfile, target, args), buildArgs: options.buildArgs, warnings });
    });
  }

  /** What is better avoided, told with the step that has read the Dockerfile. Throws RpcError where that counts as an error. */
  #warn(dockerfile: Dockerfile, ignore: string, environments: ReadonlyMap<string, readonly string[]>): void {
    const { warnings, error } = this.#checks(dockerfile, ignore, environments);
    const info = { filename: this.#file.name, data: Buffer.from(this.#file.text), language: 'Dockerfile' };
    for (const { rule, description, url, detail, ranges } of warnings) {
      this.#job.progress.warn({
        vertex: this.#definition, level: 1, short: Buffer.from(`${rule}: ${detail} (line ${ranges[0]!.start})`), detail: [Buffer.from(description)], url, info,
        ranges: ranges.map(({ start, end }) => ({ start: { line: start }, end: { line: end } })),
      });
    }
    if (error) throw buildFailure(error, []);
  }

  #checks(dockerfile: Dockerfile, ignore: string, environments: ReadonlyMap<string, readonly string[]>): Checks {
    const { host } = this.#parts;
    const { buildArgs, platform, target } = this.#request.options;
    return this.#attempt(() => runChecks({
      text: this.#file.text, dockerfile, ignore, buildArgs, platformArgs: platformArgs(host, platform ?? host, target), environmentOf: (name) => environments.get(name),
    }));
  }

  /** Of all base images that can be had: a check looks at stages that a build does not need, too. */
  async #environments(dockerfile: Dockerfile): Promise<Map<string, readonly string[]>> {
    const resolveImage = this.#resolveImage();
    const environments = new Map<string, readonly string[]>();
    for (const index of dockerfile.stages.keys()) {
      const name = this.#baseName(dockerfile, index);
      if (name === '' || name === 'scratch' || findStage(dockerfile.stages, index, name) !== undefined) continue;
      try {
        const image = await resolveImage(name, this.#request.options.platform, () => undefined);
        environments.set(name, environmentIn(image.config.config));
      } catch (error) {
        if (!(error instanceof CaissonError)) throw error;
      }
    }
    return environments;
  }

  /** Empty for what cannot be expanded. */
  #baseName(dockerfile: Dockerfile, index: number): string {
    const args = this.#args(dockerfile);
    try {
      return expand(dockerfile.stages[index]!.from.base, (name) => args.global(name), { escape: dockerfile.escape });
    } catch {
      return '';
    }
  }

  /** Makes the steps known to a session of the solver: what they are called, and which of them must run again. */
  register(session: Session, { stages }: PlannedBuild): void {
    const { noCache } = this.#request;
    for (const stage of stages) {
      for (const step of [...stage.triggers, ...stage.steps]) {
        session.observe(step.tree, step.text || stage.text, this.#observer(step));
        if (noCache !== 'all' && noCache.includes(stage.name)) session.ignoreCache(step.tree);
      }
    }
  }

  readonly watcher: Watcher = {
    begins: ({ digest }) => this.#shown.get(digest)?.vertex.begin(),
    ends: ({ digest, operation }, { cached, failure }) => {
      const shown = this.#shown.get(digest);
      if (failure !== undefined && !(failure instanceof BuildCancelled)) this.#failed ??= shown && { ...shown, kind: operation.kind };
      shown?.vertex.end({ cached: cached && operation.kind !== 'context' && operation.kind !== 'inline', ...(failure === undefined ? {} : { error: stepFailure(failure) }) });
    },
  };

  /** What the client is told of an error of a step. */
  failure(error: unknown): Error {
    const { vertex, range, kind } = this.#failed ?? {};
    // Clients are told of a download only that it has failed.
    if (kind === 'download') return buildFailure(error, vertex ? [vertexDetail(vertex.digest)] : [], 'failed to load cache key: ');
    return buildFailure(error, [
      ...(range === undefined ? [] : [sourceDetail(this.#file, [range])]), ...(vertex ? [vertexDetail(vertex.digest)] : []),
    ]);
  }

  async #readDockerfile(): Promise<string | undefined> {
    const { filename } = this.#request;
    const names = [filename, `${filename}.dockerignore`, ...(filename === 'Dockerfile' ? ['dockerfile'] : [])];
    const [text, ignore, lower] = await this.#internal(`[internal] load build definition from ${filename}`, (vertex) => {
      this.#definition = vertex.digest;
      return this.#job.readFiles(vertex, this.#request.dockerfileName, names, this.#parts.temporary(), 'transferring dockerfile:');
    });
    const found = text ?? lower;
    if (found === undefined) throw buildFailure(new CaissonError('invalid-parameter', `failed to read dockerfile: open ${filename}: no such file or directory`), []);
    this.#file = { name: filename, text: found };
    return ignore;
  }

  /** `name`: of a context beside the build's own. */
  async #readIgnore(name?: string): Promise<string | undefined> {
    const [text] = await this.#internal(`[${name === undefined ? 'internal' : `context ${name}`}] load .dockerignore`, (vertex) =>
      this.#job.readFiles(vertex, name ?? this.#request.contextName, ['.dockerignore'], this.#parts.temporary(), `transferring ${name ?? 'context'}:`));
    return text;
  }

  #parse(): Dockerfile {
    if (this.#file.text === '') throw buildFailure(invalidParameter('the Dockerfile cannot be empty', { object: this.#file.name }), []);
    try {
      return parseDockerfile(this.#file.text);
    } catch (error) {
      const line = /^line (\d+)$/.exec((error as CaissonError).object ?? '')?.[1];
      throw this.#failureAt(error, line === undefined ? undefined : { start: Number(line), end: Number(line) });
    }
  }

  #args(dockerfile: Dockerfile): BuildArgs {
    const { host } = this.#parts;
    const { options } = this.#request;
    const args = new BuildArgs(options.buildArgs, platformArgs(host, options.platform ?? host, options.target));
    this.#attempt(() => args.declareGlobals(dockerfile));
    return args;
  }

  async #planStages(dockerfile: Dockerfile): Promise<PlannedStage[]> {
    const { host } = this.#parts;
    const { options } = this.#request;
    const args = this.#args(dockerfile);
    const resolveImage = this.#resolveImage();
    const planner = new Planner({
      dockerfile, options, args, host, resolveImage,
      resolveContext: (name, platform) => namedContext({ attributes: this.#request.attributes, resolveImage, input: this.#parts.input }, name, platform),
    });
    const target = this.#attempt(() => targetStage(dockerfile, options.target));
    this.#attempt(() => checkStageNumbers(dockerfile));
    const stages: PlannedStage[] = [];
    for (const index of neededStages(dockerfile, target, args)) {
      const stage = await planner.plan(index, index === target, () => undefined);
      if (stage.failure) throw this.#failureAt(stage.failure.error, rangeOf(stage.failure));
      stages.push(stage);
    }
    return stages;
  }

  #attempt<Result>(action: () => Result): Result {
    try {
      return action();
    } catch (error) {
      throw buildFailure(error, []);
    }
  }

  #failureAt(error: unknown, range: SourceRange | undefined): Error {
    return buildFailure(error, range ? [sourceDetail(this.#file, [range])] : []);
  }

  /** Each image is looked for once. */
  #resolveImage(): ResolveImage {
    const known = new Map<string, ReturnType<ResolveImage>>();
    return (name, platform) => {
      const full = canonical(withDefaultTag(parseReference(name)));
      const key = `${full} ${JSON.stringify(platform)}`;
      let image = known.get(key);
      if (image === undefined) {
        image = this.#internal(`[internal] load metadata for ${full}`, (vertex) =>
          this.#parts.resolveImage(name, platform, transferTeller(vertex)));
        known.set(key, image);
        image.then(({ topLayer }) => void this.#imageNames.set(topLayer, full), () => undefined);
      }
      return image.catch((error: unknown) => {
        if (!(error instanceof CaissonError)) throw error;
        throw new CaissonError(error.class, `${name}: failed to resolve source metadata for ${full}: ${error.message}`, { cause: error });
      });
    };
  }

  /** A step of the frontend's own. */
  async #internal<Result>(name: string, action: (vertex: ProgressVertex) => Promise<Result>): Promise<Result> {
    const vertex = this.#job.progress.vertex(name);
    vertex.begin();
    try {
      const result = await action(vertex);
      vertex.end();
      return result;
    } catch (error) {
      vertex.end({ error: stepFailure(error) });
      throw error;
    }
  }

  /** Says of each context which of its files are wanted; one with a name has a `.dockerignore` of its own. */
  async #expectContexts(tree: Vertex, ownExcludes: readonly string[]): Promise<void> {
    for (const [name, { context, paths: followPaths }] of contextPaths(tree)) {
      const excludes = name === '' ? ownExcludes : readIgnoreFile(await this.#readIgnore(name) ?? '');
      const vertex = this.#showVertex(context, name === '' ? '[internal] load build context' : `[context ${name}] load from client`);
      this.#job.expect(name, { vertex, directory: name || this.#request.contextName, excludes, followPaths });
    }
  }

  #show(dockerfile: Dockerfile, stages: readonly PlannedStage[]): void {
    for (const stage of stages) {
      const names = namesOf(dockerfile, stage);
      if (stage.base.kind === 'image') {
        const { topLayer } = stage.base.image;
        this.#showVertex(imageVertex(topLayer), names.next(`FROM ${this.#imageNames.get(topLayer)}`), rangeOf(dockerfile.stages[stage.index]!.from));
      }
      for (const step of [...stage.triggers, ...stage.steps]) if (step.kind !== 'config') this.#showStep(step, names.next(stepText(step)));
    }
  }

  #showStep(step: Step, name: string): void {
    const { tree } = step;
    const range = rangeOf(step);
    for (const input of tree.inputs.slice(1)) {
      if (input.operation.kind === 'inline') this.#showVertex(input, '[internal] preparing inline document');
      else if (input.operation.kind === 'download' || input.operation.kind === 'git') this.#showVertex(input, name, range);
      else if (input.operation.kind === 'image') this.#showVertex(input, `FROM ${this.#imageNames.get(input.operation.topLayer)}`, range);
    }
    this.#showVertex(tree, name, range);
  }

  #showVertex({ digest, inputs }: Vertex, name: string, range?: SourceRange): ProgressVertex {
    const known = this.#shown.get(digest);
    if (known !== undefined) return known.vertex;
    const vertex = this.#job.progress.vertex(name, inputs.flatMap((input) => this.#shown.get(input.digest)?.vertex ?? []), digest);
    this.#shown.set(digest, { vertex, range });
    return vertex;
  }

  #observer({ tree }: Step): Observer {
    return {
      base: '',
      started: () => undefined,
      output: (stream, data) => {
        this.#shown.get(tree.digest)?.vertex.log(stream === 'stdout' ? 1 : 2, data);
        return undefined;
      },
      removed: () => undefined,
    };
  }
}

/** Labels that were asked for stand nowhere in the file. */
const rangeOf = ({ line, endLine }: { readonly line: number; readonly endLine: number }): SourceRange | undefined =>
  line === 0 ? undefined : { start: line, end: endLine };

/** Files can come from earlier stages by their numbers. Throws invalid-parameter for a number that is none of theirs. */
function checkStageNumbers({ stages }: Dockerfile): void {
  for (const [index, { instructions }] of stages.entries()) {
    const wrong = instructions.find((each) => (each.kind === 'copy' || each.kind === 'add') && /^\d+$/.test(each.from) && Number(each.from) >= index);
    if (wrong && 'from' in wrong) throw invalidParameter(`invalid stage index ${wrong.from}`, { object: wrong.original });
  }
}

const frontends = /^(?:(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?)(?::[^@]*)?(?:@.*)?$/;

/** Dockerfiles are built here, whatever version of Docker's own frontend they name. */
function checkFrontend(syntax: string | null | undefined): void {
  if (syntax === undefined || syntax === null || frontends.test(syntax.split(/\s/, 1)[0]!)) return;
  throw buildFailure(notImplemented(`frontend image ${syntax} is not supported: Caisson builds Dockerfiles itself, and runs no other frontend`, { object: syntax }), []);
}
