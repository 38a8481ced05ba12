/** Builds for BuildKit's clients: from a request of theirs to an image, and what is known of builds that go on. */
import { randomUUID } from 'node:crypto';
import { notFound } from '../../errors.ts';
import type { ImageService } from '../../images/service.ts';
import type { Platform } from '../../images/platform.ts';
import type { StorageDriver } from '../../storage/driver.ts';
import type { ResolveImage } from '../frontend/options.ts';
import { Session } from '../solver/session.ts';
import type { Solver } from '../solver/solver.ts';
import { buildFailure } from './build-error.ts';
import { BuildJob } from './build-job.ts';
import { ClientSessions, noSession } from './client-session.ts';
import { DockerfileBuild, type PlannedBuild } from './dockerfile-build.ts';
import type { ExporterParts } from './exporters/exporter.ts';
import { exporterNamed } from './exporters/index.ts';
import { dockerfileRequest } from './frontend-options.ts';
import { describeImage, type StageImage, stageImage } from './image-config.ts';
import type { LocalContexts } from './local-contexts.ts';
import type { SolveRequest } from './proto/control.ts';
import { receiveRemote } from './remote-context.ts';
import { resultIn } from './result-definition.ts';
import { RpcError, rpcCode } from './rpc.ts';
import { dated, parseEpoch, withClampedLayers } from './source-date-epoch.ts';

const sessionAttribute = 'local-sessionid:';

export interface BuilderParts {
  readonly images: ImageService;
  readonly storage: StorageDriver;
  readonly solver: Solver;
  readonly host: Platform;
  /** For what lives as long as a build. */
  readonly temporaryRoot: string;
  /** The clients' directories, between builds. */
  readonly localContexts: LocalContexts;
  readonly resolveImage: (job: BuildJob, pull: boolean) => ResolveImage;
  readonly credentials: ExporterParts['credentials'];
}

/** A Dockerfile that has been planned; it is solved when somebody needs what it gives. */
export interface Frontend {
  readonly kind: 'build';
  /** What the client is told at once: the image's configuration as far as it is known before its layers are. */
  readonly metadata: ReadonlyMap<string, Uint8Array>;
  /** Rejects with what the client is to be told. */
  solve(): Promise<StageImage>;
  /** SOURCE_DATE_EPOCH among the build arguments. */
  readonly epoch: number | undefined;
}

/** What a client has asked for instead of a build. */
interface Answer {
  readonly kind: 'answer';
  readonly metadata: ReadonlyMap<string, Uint8Array>;
}

export type Planned = Frontend | Answer;

/** Definitions that a client gives a build, by their names. */
type Inputs = SolveRequest['frontendInputs'];

export interface ExporterRequest {
  readonly type: string;
  readonly attrs: ReadonlyMap<string, string>;
}

export class Builder {
  readonly sessions = new ClientSessions();
  readonly #parts: BuilderParts;
  readonly #jobs = new Map<string, BuildJob>();
  readonly #results = new Map<string, Frontend>();

  constructor(parts: BuilderParts) {
    this.#parts = parts;
  }

  get host(): Platform {
    return this.#parts.host;
  }

  /** Rejects with not-found when the client's session does not come; an empty one stands for a client that cannot be asked. */
  async begin(ref: string, session: string, signal: AbortSignal): Promise<BuildJob> {
    const client = session === '' ? noSession() : await this.sessions.get(session, signal);
    const job = new BuildJob(ref, client, this.#parts.localContexts, this.#parts.temporaryRoot);
    signal.addEventListener('abort', () => job.abort());
    this.#jobs.set(ref, job);
    job.atEnd(() => void this.#jobs.delete(ref));
    return job;
  }

  /** Ends a build that goes on. */
  cancel(ref: string): void {
    this.#jobs.get(ref)?.abort();
  }

  /** Plans a Dockerfile for a job. Rejects with RpcError. */
  async plan(job: BuildJob, attributes: ReadonlyMap<string, string>, inputs: Inputs = new Map()): Promise<Planned> {
    const { host, resolveImage } = this.#parts;
    try {
      const request = dockerfileRequest(attributes, host);
      await this.#useSessions(job, attributes);
      if (request.remoteContext !== '') await receiveRemote(job, request.remoteContext);
      const build = new DockerfileBuild({ host, resolveImage: resolveImage(job, request.pull), temporary: () => job.makeDirectory(), input: (name) => this.#input(inputs, name) }, job, request);
      if (request.request !== '') return { kind: 'answer', metadata: await build.answer(request.request) };
      const planned = await build.plan();
      let solved: Promise<StageImage> | undefined;
      return {
        kind: 'build',
        metadata: new Map([['containerimage.config', Buffer.from(JSON.stringify(describeImage(planned.target, planned.platform)))]]),
        solve: () => (solved ??= this.#solve(job, build, planned, request.noCache === 'all')),
        epoch: parseEpoch(request.options.buildArgs['SOURCE_DATE_EPOCH']),
      };
    } catch (error) {
      throw buildFailure(error, []);
    }
  }

  async #useSessions(job: BuildJob, attributes: ReadonlyMap<string, string>): Promise<void> {
    for (const [name, id] of attributes) {
      if (name.startsWith(sessionAttribute)) job.useSession(name.slice(sessionAttribute.length), await this.sessions.get(id, job.signal));
    }
  }

  /** For clients that hand results on: an id as long as the job goes on. */
  keep(job: BuildJob, frontend: Frontend): string {
    const id = randomUUID();
    this.#results.set(id, frontend);
    job.atEnd(() => void this.#results.delete(id));
    return id;
  }

  /** What was kept under an id. */
  result(id: string): Frontend | undefined {
    return this.#results.get(id);
  }

  async #input(inputs: Inputs, name: string): Promise<StageImage> {
    const definition = inputs.get(name);
    const frontend = definition && this.#results.get(resultIn(definition) ?? '');
    if (frontend === undefined) throw notFound(`input ${name} is no result of a build that goes on`, { object: name });
    return frontend.solve();
  }

  async #solve(job: BuildJob, build: DockerfileBuild, planned: PlannedBuild, noCache: boolean): Promise<StageImage> {
    const { solver, storage, images, temporaryRoot } = this.#parts;
    const session = new Session(temporaryRoot, {
      noCache, removeContainers: true, removeFailedContainers: true, signal: job.signal, client: job, watcher: build.watcher,
    });
    job.atEnd(() => session.end());
    try {
      for (const { base } of planned.stages) {
        if (base.kind === 'image' && base.image.topLayer !== null) session.atEnd(images.hold(base.image.topLayer));
      }
      build.register(session, planned);
      await solver.solve(session, planned.target.tree);
      return await stageImage({ solver, session, storage }, planned.target, planned.platform);
    } catch (error) {
      // The other steps end because of it, and are told before it is.
      job.abort();
      await solver.settled(session);
      throw build.failure(error);
    }
  }

  /** Rejects with RpcError; resolves to what the client is told. */
  async export(job: BuildJob, frontend: Planned, requests: readonly ExporterRequest[]): Promise<Record<string, string>> {
    if (frontend.kind === 'answer') return {};
    try {
      const exporters = requests.map(({ type, attrs }) => ({ exporter: exporterNamed(type), attrs }));
      const image = await frontend.solve();
      const answers: Record<string, string> = {};
      for (const [index, { exporter, attrs }] of exporters.entries()) {
        const exported = await this.#dated(job, image, attrs, frontend.epoch);
        Object.assign(answers, await exporter(this.#parts, { job, image: exported, index, attributes: attrs }));
      }
      return answers;
    } catch (error) {
      throw job.signal.aborted && !(error instanceof RpcError) ? new RpcError(rpcCode.cancelled, 'context canceled') : buildFailure(error, []);
    }
  }

  /** The image with the times that it is to have. */
  async #dated(job: BuildJob, image: StageImage, attrs: ReadonlyMap<string, string>, given: number | undefined): Promise<StageImage> {
    const epoch = parseEpoch(attrs.get('source-date-epoch')) ?? given;
    if (epoch === undefined) return image;
    const withTimes = dated(image, epoch);
    if (attrs.get('rewrite-timestamp') !== 'true') return withTimes;
    const { storage, images } = this.#parts;
    return withClampedLayers({ storage, images, atEnd: (action) => job.atEnd(action) }, withTimes, epoch);
  }
}
