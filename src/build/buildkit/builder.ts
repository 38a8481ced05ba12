/** Builds for BuildKit's clients: from a request of theirs to an image, and what is known of builds that go on. */
import type { ImageService } from '../../images/service.ts';
import type { Platform } from '../../images/platform.ts';
import type { StorageDriver } from '../../storage/driver.ts';
import type { ResolveImage } from '../frontend/options.ts';
import { Session } from '../solver/session.ts';
import type { Solver } from '../solver/solver.ts';
import { buildFailure } from './build-error.ts';
import { BuildJob } from './build-job.ts';
import { ClientSessions } from './client-session.ts';
import { DockerfileBuild, type PlannedBuild } from './dockerfile-build.ts';
import { exporterNamed } from './exporters/index.ts';
import { dockerfileRequest } from './frontend-options.ts';
import { describeImage, type StageImage, stageImage } from './image-config.ts';
import { LocalContexts } from './local-contexts.ts';
import { RpcError, rpcCode } from './rpc.ts';
import { dated, parseEpoch, withClampedLayers } from './source-date-epoch.ts';

export interface BuilderParts {
  readonly images: ImageService;
  readonly storage: StorageDriver;
  readonly solver: Solver;
  readonly host: Platform;
  /** For what lives as long as a build. */
  readonly temporaryRoot: string;
  /** For the clients' directories, between builds. */
  readonly contextRoot: string;
  readonly resolveImage: (job: BuildJob, pull: boolean) => ResolveImage;
}

/** A Dockerfile that has been planned; it is solved when somebody needs what it gives. */
export interface Frontend {
  /** The image's configuration as far as it is known before its layers are. */
  describe(): object;
  /** Rejects with what the client is to be told. */
  solve(): Promise<StageImage>;
  /** SOURCE_DATE_EPOCH among the build arguments. */
  readonly epoch: number | undefined;
}

export interface ExporterRequest {
  readonly type: string;
  readonly attrs: ReadonlyMap<string, string>;
}

export class Builder {
  readonly sessions = new ClientSessions();
  readonly #parts: BuilderParts;
  readonly #contexts: LocalContexts;

  constructor(parts: BuilderParts) {
    this.#parts = parts;
    this.#contexts = new LocalContexts(parts.contextRoot);
  }

  get host(): Platform {
    return this.#parts.host;
  }

  /** Rejects with not-found when the client's session does not come. */
  async begin(ref: string, session: string, signal: AbortSignal): Promise<BuildJob> {
    const job = new BuildJob(ref, await this.sessions.get(session, signal), this.#contexts, this.#parts.temporaryRoot);
    signal.addEventListener('abort', () => job.abort());
    return job;
  }

  /** Plans a Dockerfile for a job. Rejects with RpcError. */
  async plan(job: BuildJob, attributes: ReadonlyMap<string, string>): Promise<Frontend> {
    const { host, resolveImage } = this.#parts;
    try {
      const request = dockerfileRequest(attributes, host);
      const build = new DockerfileBuild({ host, resolveImage: resolveImage(job, request.pull), temporary: () => job.makeDirectory() }, job, request);
      const planned = await build.plan();
      let solved: Promise<StageImage> | undefined;
      return {
        describe: () => describeImage(planned.target, planned.platform),
        solve: () => (solved ??= this.#solve(job, build, planned, request.noCache === 'all')),
        epoch: parseEpoch(request.options.buildArgs['SOURCE_DATE_EPOCH']),
      };
    } catch (error) {
      throw buildFailure(error, []);
    }
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
  async export(job: BuildJob, frontend: Frontend, requests: readonly ExporterRequest[]): Promise<Record<string, string>> {
    try {
      const exporters = requests.map(({ type, attrs }) => ({ exporter: exporterNamed(type), attrs }));
      const image = await frontend.solve();
      const answers: Record<string, string> = {};
      for (const { exporter, attrs } of exporters) {
        const exported = await this.#dated(job, image, attrs, frontend.epoch);
        Object.assign(answers, await exporter(this.#parts, { job, image: exported, attributes: attrs }));
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
