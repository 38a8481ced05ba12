/** `RUN` of a build: a container like any other, on the layers of the steps before. */
import type { Executor, PreparedMount, RunOutcome, RunRequest } from '../../build/solver/executor.ts';
import { BuildCancelled } from '../../build/solver/run-error.ts';
import type { Socket } from 'node:net';
import { ownerInside } from '../commit.ts';
import type { Container, PendingAttachment } from '../container.ts';
import { isAlive } from '../container-state.ts';
import type { EngineContext } from '../context.ts';
import { createOn } from '../create.ts';
import { demultiplex } from '../demultiplex.ts';
import type { HostConfig, MountPoint } from '../docker-types.ts';
import { removeContainer } from '../remove.ts';
import { startByRequest } from '../start.ts';
import { killAndWait } from '../stop.ts';
import { waitFor } from '../wait.ts';
import { removeStubs } from './mount-stubs.ts';

export function createStepExecutor(context: EngineContext): Executor {
  return {
    run: (request) => runStep(context, request),

    async commit(id, topLayer) {
      const container = context.registry.get(id);
      removeStubs(context, container);
      const layer = await context.storage.commitRoot(id, topLayer, ownerInside(context, container));
      return layer?.chainId ?? topLayer;
    },

    remove: (id) => removeStep(context, context.registry.get(id)),
  };
}

const removeStep = (context: EngineContext, container: Container): Promise<void> =>
  removeContainer(context, container, { force: true, volumes: true });

async function runStep(context: EngineContext, request: RunRequest): Promise<RunOutcome> {
  const { observer, signal } = request;
  const { Id: id } = await createOn(context, undefined, stepRequest(request), { imageId: '', topLayer: request.topLayer, config: undefined }, { ofBuild: true });
  const container = context.registry.get(id);
  container.commandEnvironment = request.environment;
  const output = attach(container);
  observer.started(id);
  const kill = (): void => void stop(context, container);
  signal.addEventListener('abort', kill);
  try {
    const relayed = relayOutput(output, request);
    const exit = waitFor(container, 'next-exit');
    await container.exclusively(() => startByRequest(context, container));
    if (signal.aborted) kill();
    const { StatusCode: exitCode } = await exit;
    await relayed;
    await container.exitHandled;
    await container.released;
    return { container: id, exitCode };
  } catch (error) {
    await removeStep(context, container).catch(() => undefined); // the error that matters is the first one
    throw signal.aborted ? new BuildCancelled() : error;
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

async function stop(context: EngineContext, container: Container): Promise<void> {
  try {
    if (isAlive(container.state)) await killAndWait(context, container);
  } catch (error) {
    context.logger.warn('cannot end a step of a build', { container: container.id, error });
  }
}

function stepRequest({ operation, mounts, observer }: RunRequest) {
  const { argv, env, cwd, user, volumes, network, settings } = operation;
  const hostConfig = settings.hostConfig as HostConfig;
  return {
    Cmd: [...argv], Env: [...env], WorkingDir: cwd, User: user, Image: observer.base, AttachStdout: true, AttachStderr: true,
    ...(volumes.length === 0 ? {} : { Volumes: Object.fromEntries(volumes.map((path) => [path, {}])) }),
    HostConfig: {
      ...hostConfig, NetworkMode: network || 'default', LogConfig: { Type: 'none' },
      ...(mounts.length === 0 ? {} : { Mounts: mounts.map(mountPoint) }),
    },
  };
}

function mountPoint({ target, readOnly, source }: PreparedMount): MountPoint {
  return source.kind === 'path'
    ? { Type: 'bind', Source: source.path, Target: target, ReadOnly: readOnly, BindOptions: { Propagation: 'rslave' } }
    : { Type: 'tmpfs', Target: target, ReadOnly: readOnly, ...(source.size > 0 ? { TmpfsOptions: { SizeBytes: source.size } } : {}) };
}

/** The output of the next run, from its first byte; null when there will be none. */
function attach(container: Container): Promise<Socket | null> {
  const { promise, resolve } = Promise.withResolvers<Socket | null>();
  const pending: PendingAttachment = { options: { stdin: false, stdout: true, stderr: true }, connect: resolve };
  container.pendingAttachments.add(pending);
  return promise;
}

async function relayOutput(output: Promise<Socket | null>, { observer }: RunRequest): Promise<void> {
  const stream = await output;
  if (stream === null) return;
  await demultiplex(stream, async (which, payload) => {
    await observer.output(which === 1 ? 'stdout' : 'stderr', payload);
  });
}

