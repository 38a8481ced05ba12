/** Building: the solver with its cache, and the ways in. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicBuilder } from '../../build/classic/build.ts';
import type { BuildkitService } from '../../build/buildkit/service.ts';
import { ContextPool } from '../../build/context/pool.ts';
import { LocalContexts } from '../../build/buildkit/local-contexts.ts';
import { MountPreparer } from '../../build/solver/mounts.ts';
import { Solver } from '../../build/solver/solver.ts';
import { hostPlatform } from '../../images/config.ts';
import { anonymous } from '../../images/registry/credentials.ts';
import { makeSpread } from '../../storage/spread.ts';
import type { EngineContext } from '../context.ts';
import type { BuildService } from '../engine.ts';
import { createImageResolver, registryOf } from './base-image.ts';
import { buildUsage, cacheUsage, pruneBuildCache } from './cache-usage.ts';
import { sessionCredentials } from './session-credentials.ts';
import { createStepExecutor } from './step-container.ts';

export function createBuildService(context: EngineContext): BuildService {
  const { images, storage, settings, buildCache: cache } = context;
  const temporaryRoot = join(settings.dataRoot, 'build', 'sessions');
  // What the last daemon's builds have left: each ended with it.
  rmSync(temporaryRoot, { recursive: true, force: true });
  makeSpread(temporaryRoot, 0o700);
  const contexts = new ContextPool(temporaryRoot);
  const localContexts = new LocalContexts(join(settings.dataRoot, 'build', 'contexts'));
  const kept = { prune: async () => (await contexts.prune()) + (await localContexts.prune()) };
  const secretRoot = join(settings.execRoot, 'build');
  rmSync(secretRoot, { recursive: true, force: true });
  const mounts = new MountPreparer(join(settings.dataRoot, 'build', 'caches'), secretRoot, storage);
  const solver = new Solver({ storage, cache, executor: createStepExecutor(context), mounts, hold: (layer) => images.hold(layer) });
  const builder = new ClassicBuilder({
    images, storage, cache, solver, temporaryRoot, contexts, host: hostPlatform(), resolveImage: ({ pull, credentials, signal }) => createImageResolver(images, { pull, signal, credentials: (registry) => credentials.get(registry) ?? anonymous }),
  });
  let buildkit: Promise<BuildkitService> | undefined;
  const loadBuildkit = async (): Promise<BuildkitService> => {
    const { createBuildkitService } = await import('../../build/buildkit/service.ts');
    return createBuildkitService({
      images, storage, solver, temporaryRoot, host: hostPlatform(), localContexts,
      resolveImage: (job, pull) => createImageResolver(images, { pull, signal: job.signal, credentials: (registry) => sessionCredentials(job.session, registry) }),
      credentials: (job, repository) => sessionCredentials(job.session, registryOf(repository)),
      usage: cacheUsage(context, cache, kept),
    });
  };
  return {
    buildkit: () => (buildkit ??= loadBuildkit()),
    build: (request, send) => builder.build(request, send),
    usage: () => buildUsage(cache),
    prune: (options) => pruneBuildCache(context, cache, kept, options),
  };
}
