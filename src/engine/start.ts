/** `docker start`: from a record to a running process. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { CaissonError, conflict, isClass, notModified, systemError } from '../errors.ts';
import { launchFailure } from '../runtime/launch-error.ts';
import { type ExitRecord, type Launched, LaunchError, type Shim } from '../runtime/shim.ts';
import { takePendingAttachments } from './attach.ts';
import type { Container, PendingAttachment } from './container.ts';
import { endedOf, exitCodeOf, isAlive, zeroTime } from './container-state.ts';
import { publishMounted, publishUnmounted, volumesOf } from './container-volumes.ts';
import type { EngineContext } from './context.ts';
import { recordExit, recordOutOfMemory } from './exit.ts';
import { releaseAbandoned } from './abandoned.ts';
import { beginMonitor } from './health/monitor.ts';
import { buildLaunchRequest } from './launch-request.ts';
import { checkLinks, tellLinked } from './links.ts';
import { writeNetworkFiles } from './network-files.ts';
import { attachEndpoints, detachEndpoints, failedSetUp, joinedNetworks, publishNetworkEvent, watchNetworks } from './networks/endpoints.ts';
import { interfaceFailure } from './networks/interface-failure.ts';
import { leadQueries, needsNameService } from './networks/name-service.ts';
import { expectPublished, expectUnpublished, portFailure } from './networks/ports.ts';
import { containerPaths } from './paths.ts';
import { volumeFailure } from '../volumes/volume-mounts.ts';
import { removeContainer } from './remove.ts';
import { mountByDriver, unmountByDriver } from './root-mounts.ts';

/** Docker's exit code of a container whose start failed for a reason that is neither 126 nor 127. */
const exitUnknown = 128;

/** Starts a container for a person: its restart policy counts again from here. */
export async function startByRequest(context: EngineContext, container: Container): Promise<void> {
  if (container.state.status === 'paused') throw conflict('cannot start a paused container, try unpause instead');
  if (isAlive(container.state)) throw notModified(`container ${container.id} is already running`);
  container.cancelRestart?.();
  await startAfresh(context, container);
}

/** Starts it, and its restart policy counts again from here. Call inside `container.exclusively`. */
export async function startAfresh(context: EngineContext, container: Container): Promise<void> {
  container.record.manuallyStopped = false;
  container.record.restartCount = 0;
  await startContainer(context, container);
}

/** Starts it, whatever the reason. Call inside `container.exclusively`. */
export async function startContainer(context: EngineContext, container: Container): Promise<void> {
  if (container.removing || container.state.status === 'dead') {
    throw conflict('container is marked for removal and cannot be started');
  }
  container.exitOnNext = false;
  // The previous run's mounts and cgroups have the same names: they must be gone first.
  await container.released;
  await container.rootViews.idle();
  const began = performance.now();
  const attachments = takePendingAttachments(container);
  let launched: Launched & { readonly specified: number };
  try {
    launched = await launch(context, container, attachments);
    const { shim, streams } = launched;
    supervise(context, container, shim, shim.startedAt);
    // Only now: who is connected waits for the end of this run.
    for (const [index, pending] of attachments.entries()) pending.connect(streams[index] ?? null);
    for (const stream of streams) if (stream !== null) container.addOutput(stream);
  } catch (error) {
    for (const pending of attachments) pending.connect(null);
    const failure = failedSetUp(portFailure(container, error) ?? interfaceFailure(context, container, error)) ?? error;
    detachEndpoints(context, container);
    throw failedStart(context, container, failure);
  }
  publishMounted(context, container);
  tellLinked(context, container);
  leadQueries(context);
  for (const network of joinedNetworks(context, container)) publishNetworkEvent(context, 'connect', container, network);
  context.events.publish('container', 'start', container.id, container.eventAttributes());
  const { phases, specified } = launched;
  const waited = Object.values(phases).reduce((sum, milliseconds) => sum + milliseconds, specified - began);
  context.logger.debug('started', { container: container.id, milliseconds: { specify: specified - began, ...phases, record: performance.now() - began - waited } });
}

/** `specified`: when the launch was ready to be sent, as `performance.now()`. */
async function launch(
  context: EngineContext, container: Container, attachments: readonly PendingAttachment[],
): Promise<Launched & { readonly specified: number }> {
  const paths = containerPaths(context.settings.dataRoot, container.id);
  mkdirSync(paths.directory, { recursive: true, mode: 0o710 });
  rmSync(paths.exitRecord, { force: true });
  makeBindSources(container);
  checkLinks(context, container);
  attachEndpoints(context, container);
  writeNetworkFiles(context, container);
  const claim = await context.volumeMounts.claim(container.id, volumesOf(context, container));
  try {
    const mounting = mountByDriver(context, container);
    if (mounting) await mounting;
    // A daemon that finds the shim must know what it has.
    if (container.record.endpoints.length > 0) context.registry.saveIfPossible(container);
    const request = buildLaunchRequest(context, container, claim.operations);
    container.hasNameService = needsNameService(context, container);
    const specified = performance.now();
    const launched = await expectPublished(context, container, () => context.launcher.launch(request, attachments));
    claim.settle(true);
    return { ...launched, specified };
  } catch (error) {
    claim.settle(false);
    unmountByDriver(context, container);
    throw volumeFailure(error) ?? error;
  }
}

/** `-v /not/there:/x` makes the directory on the host; `--mount` has been refused at create. */
export function makeBindSources(container: Container): void {
  for (const { Source, details } of container.record.mounts) {
    if (!details.createSource || existsSync(Source)) continue;
    try {
      mkdirSync(Source, { recursive: true, mode: 0o755 });
    } catch (cause) {
      throw systemError(`error while creating mount source path '${Source}': mkdir ${Source}: ${describe(cause)}`, { object: Source, cause });
    }
  }
}

/** A Node error's reason without its call and path. */
const describe = (error: unknown) => /: ([^,]+)/.exec(error instanceof Error ? error.message : '')?.[1] ?? String(error);

/** From here on the container is running, and its end is handled. Reconciliation comes here too. */
export function supervise(context: EngineContext, container: Container, shim: Shim, startedAt: string): void {
  const { record } = container;
  const { finishedAt } = endedOf(record.state);
  const paused = record.state.status === 'paused';
  const oomKilled = isAlive(record.state) && record.state.oomKilled ? { oomKilled: true as const } : {};
  record.state = {
    status: paused ? 'paused' : 'running', pid: shim.pid, startedAt, finishedAt: isAlive(record.state) ? zeroTime : finishedAt, ...oomKilled,
  };
  container.shim = shim;
  beginMonitor(context, container);
  watchNetworks(context);
  // It runs, whether or not the disk takes it: a daemon that finds the shim later knows as much.
  context.registry.saveIfPossible(container);
  shim.onOutOfMemory(() => recordOutOfMemory(context, container));
  container.exitHandled = shim.exited.then(async (exit) => {
    await outputsEnded(container);
    // Docker's order; the interfaces go with the release, which follows.
    for (const network of joinedNetworks(context, container)) publishNetworkEvent(context, 'disconnect', container, network);
    handleExit(context, container, exit);
  });
  container.released = shim.released.then(async (how) => {
    if (how === 'abandoned') await releaseAbandoned(context, container);
    expectUnpublished(context, container, how);
    context.volumeMounts.release(container.id);
    if (container.shim !== shim) return;
    container.shim = undefined;
    publishUnmounted(context, container);
    detachEndpoints(context, container);
  });
}

/** Who waits for the exit has seen the output: attached clients get it first, as with Docker. Milliseconds, for one that does not read. */
const outputWithin = 1000;

async function outputsEnded({ outputs }: Container): Promise<void> {
  if (outputs.size === 0) return;
  const ends = [...outputs].map((stream) => new Promise((resolve) => stream.once('end', resolve).once('close', resolve)));
  await Promise.race([Promise.all(ends), setTimeout(outputWithin, undefined, { ref: false })]);
}

/** Records an exit and does what follows: restarted as its policy says, or down for good. */
export function handleExit(context: EngineContext, container: Container, exit: ExitRecord): void {
  const delay = recordExit(context, container, exit);
  if (delay === undefined) return staysDown(context, container, exit.exitCode);
  // It does not run until then, and who waits for that is told, though `inspect` calls it running.
  container.settleWaiters(['not-running'], { StatusCode: exit.exitCode });
  scheduleRestart(context, container, delay);
}

/** Who waits for its end is told, and `--rm` takes effect. */
function staysDown(context: EngineContext, container: Container, exitCode: number): void {
  container.settleWaiters(['not-running'], { StatusCode: exitCode });
  if (container.record.hostConfig.AutoRemove && !container.removing && !container.restarting) autoRemove(context, container);
}

function autoRemove(context: EngineContext, container: Container): void {
  removeContainer(context, container, { force: true, volumes: true }).catch((error: unknown) => {
    if (isClass(error, 'conflict') || isClass(error, 'not-found')) return; // somebody removes it already
    context.logger.error('cannot remove a container that has ended', { container: container.id, error });
  });
}

function scheduleRestart(context: EngineContext, container: Container, delay: number): void {
  const timer = globalThis.setTimeout(() => {
    container.cancelRestart = undefined;
    void container.exclusively(() => restartByPolicy(context, container));
  }, delay);
  container.cancelRestart = () => {
    clearTimeout(timer);
    container.cancelRestart = undefined;
    giveUpRestart(context, container);
  };
}

async function restartByPolicy(context: EngineContext, container: Container): Promise<void> {
  if (container.state.status !== 'restarting' || container.removing) return;
  try {
    await startContainer(context, container);
  } catch (error) {
    context.logger.warn('cannot restart a container', { container: container.id, error });
    giveUpRestart(context, container);
  }
}

/** From restarting, or from a start that failed, to down. */
function giveUpRestart(context: EngineContext, container: Container): void {
  const { record } = container;
  if (record.state.status === 'restarting') record.state = { ...record.state, status: 'exited' };
  context.registry.saveIfPossible(container);
  staysDown(context, container, exitCodeOf(record.state));
}

/** Records why a start failed, as Docker does, and returns the error for the client. */
function failedStart(context: EngineContext, container: Container, error: unknown): CaissonError {
  const failure = error instanceof LaunchError
    ? launchFailure(error, container.record.argv[0] ?? '')
    : { exitCode: exitUnknown, error: asCaissonError(error) };
  const { record } = container;
  const message = failure.error.message;
  record.state = record.state.status === 'created'
    ? { status: 'created', exitCode: failure.exitCode, error: message }
    : { ...endedOf(record.state), status: 'exited', exitCode: failure.exitCode, error: message };
  context.registry.saveIfPossible(container);
  if (record.hostConfig.AutoRemove) {
    autoRemove(context, container);
  } else {
    container.settleWaiters(['next-exit', 'not-running'], { StatusCode: failure.exitCode, Error: { Message: message } });
  }
  return failure.error;
}

function asCaissonError(error: unknown): CaissonError {
  if (error instanceof CaissonError) return error;
  return systemError(error instanceof Error ? error.message : String(error), { operation: 'start container', cause: error });
}
