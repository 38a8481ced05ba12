/**
 * Crash-only start: compares what is recorded with what the kernel shows, and puts right what differs. The daemon may have been
 * killed between any two instructions; a container's shim, its exit record and its log do not depend on it.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isFrozen } from '../linux/cgroup/freezer.ts';
import type { ExitRecord, Shim } from '../runtime/shim.ts';
import { removeTree } from '../storage/remove.ts';
import { releaseAbandoned } from './abandoned.ts';
import { resumeAfterCommit } from './commit.ts';
import type { Container } from './container.ts';
import { endedOf, isAlive } from './container-state.ts';
import { volumesOf } from './container-volumes.ts';
import type { EngineContext } from './context.ts';
import { cgroupLayout } from './launch-request.ts';
import { containerPaths } from './paths.ts';
import { containerOfRoot } from './image-mounts.ts';
import { removeContainer } from './remove.ts';
import { detachEndpoints } from './networks/endpoints.ts';
import { forgetMissingEndpoints } from './networks/missing-endpoints.ts';
import { startsWithDaemon } from './restart-policy.ts';
import { handleExit, startAfresh, supervise } from './start.ts';
import { nowText } from './timestamps.ts';

export async function reconcile(context: EngineContext): Promise<void> {
  const containers = context.registry.all();
  await sweep(context);
  await Promise.all(containers.map((container) => reconcileContainer(context, container)));
  context.volumeMounts.sweep(context.volumes.all());
  restoreFilter(context);
  await removeSteps(context, containers);
  for (const container of containers) bringUp(context, container);
}

/** Builds ended with the daemon that ran them. */
async function removeSteps(context: EngineContext, containers: readonly Container[]): Promise<void> {
  const steps = containers.filter(({ record }) => record.ofBuild === true);
  await Promise.all(steps.map((container) => removeContainer(context, container, { force: true, volumes: true }).catch((error: unknown) => {
    context.logger.warn('cannot remove what a build has left', { container: container.id, error });
  })));
}

/** What happened to the packet filter while no daemon was there is put right. */
function restoreFilter({ registry, networkFilter, logger }: EngineContext): void {
  if (registry.all().every(({ record }) => record.endpoints.length === 0)) return;
  try {
    networkFilter.ensure();
  } catch (error) {
    logger.warn('cannot restore the packet filter', { error });
  }
}

/** Removes what a `create` or a removal left on disk that was cut short; nothing in the database knows of it. */
async function sweep({ registry, settings, storage }: EngineContext): Promise<void> {
  const directories = join(settings.dataRoot, 'containers');
  const orphans = readdirSync(directories).filter((id) => !registry.has(id)).map((id) => removeTree(join(directories, id)));
  await Promise.all([...orphans, ...storage.roots().filter((root) => !registry.has(containerOfRoot(root))).map((id) => storage.removeRoot(id))]);
}

async function reconcileContainer(context: EngineContext, container: Container): Promise<void> {
  const shim = await context.launcher.reconnect(container.id);
  if (shim === undefined && !isAlive(container.state)) forgetEndpoints(context, container);
  const record = context.launcher.readExitRecord(containerPaths(context.settings.dataRoot, container.id).exitRecord);
  if (shim) resume(context, container, shim);
  else if (isAlive(container.state)) await bury(context, container, record ?? lost());
  else if (record && container.state.status === 'created' && container.state.error === '') recover(context, container, record);
}

/** The daemon was killed during a start that came to nothing, or before it had noted an end. */
function forgetEndpoints({ registry }: EngineContext, container: Container): void {
  const { record } = container;
  if (record.endpoints.length === 0 && record.ports.length === 0) return;
  record.endpoints = [];
  record.ports = [];
  registry.saveIfPossible(container);
}

/** The shim is there: the container runs on, or is just ending; either way its promises tell. */
function resume(context: EngineContext, container: Container, shim: Shim): void {
  const { record } = container;
  const startedAt = isAlive(record.state) ? record.state.startedAt : nowText();
  // Whatever is recorded: the daemon may have been killed between freezing it and writing that down.
  if (isAlive(record.state)) record.state = { ...record.state, status: isFrozen(cgroupLayout(context, container).freezer) ? 'paused' : 'running' };
  forgetMissingEndpoints(context, container, shim.pid);
  for (const endpoint of record.endpoints) context.networks.reserve(endpoint);
  context.ports.adopt(record.ports);
  context.volumeMounts.adopt(container.id, volumesOf(context, container));
  supervise(context, container, shim, startedAt);
  if (container.record.pausedForCommit) void resumeAfterCommit(context, container);
}

/** Its shim is gone. If it was killed, what the plan says about releasing mounts and cgroups has not been done. */
async function bury(context: EngineContext, container: Container, exit: ExitRecord): Promise<void> {
  await releaseAbandoned(context, container);
  detachEndpoints(context, container);
  handleExit(context, container, exit);
}

/** Started and ended, with the daemon killed before it could note the start. */
function recover(context: EngineContext, container: Container, record: ExitRecord): void {
  const { finishedAt } = record;
  container.record.state = { status: 'running', pid: 0, startedAt: finishedAt, finishedAt };
  handleExit(context, container, record);
}

/** Neither shim nor record: the host was restarted, or the shim was killed together with its container. */
const lost = (): ExitRecord => ({ exitCode: 255, signal: 0, finishedAt: nowText(), oomKilled: false });

/** Brings up what the restart policies want, and finishes removals that the last daemon had begun. */
function bringUp(context: EngineContext, container: Container): void {
  const { state } = container;
  const { directory } = containerPaths(context.settings.dataRoot, container.id);
  if (container.removing || isAlive(state)) return;
  const failed = (error: unknown) => context.logger.warn('cannot bring a container back', { container: container.id, error });
  if (state.status === 'dead' || !existsSync(directory) || (state.status === 'exited' && container.record.hostConfig.AutoRemove)) {
    void removeContainer(context, container, { force: true, volumes: true }).catch(failed);
  } else if (state.status === 'restarting' || startsWithDaemon(container.record)) {
    container.record.state = { ...endedOf(state), status: 'exited' };
    void container.exclusively(() => startAfresh(context, container)).catch(failed);
  }
}
