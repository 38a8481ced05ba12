/** Ending, freezing and signalling a container. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { conflict, notModified, systemError } from '../errors.ts';
import { freeze, isFrozen, thaw as thawCgroup, type Freezer } from '../linux/cgroup/freezer.ts';
import { parseSignal } from '../linux/signals.ts';
import type { Container } from './container.ts';
import { type ContainerState, isAlive } from './container-state.ts';
import type { EngineContext } from './context.ts';
import { resumeMonitor, stopMonitor } from './health/monitor.ts';
import { cgroupLayout } from './launch-request.ts';

const sigkill = 9;
/** Seconds between the stop signal and SIGKILL when nothing else is said. */
const defaultStopTimeout = 10;
/** Milliseconds; a process that waits for a dead disk does not stop. */
const freezePatience = 10_000;

export interface StopOptions {
  /** Seconds; -1 for ever. */
  readonly timeout?: number;
  readonly signal?: string;
}

export const notRunning = (container: Container) => conflict(`container ${container.id} is not running`, { object: container.id });

/**
 * `docker kill`. SIGKILL waits for the exit, as Docker does; another signal is only delivered. A signal that is meant to end the
 * container, SIGKILL or its stop signal (any, when it names none), ends its restart policy too, and wakes it when it is paused.
 */
export async function killContainer(context: EngineContext, container: Container, signal: number): Promise<void> {
  if (container.state.status === 'restarting') {
    markStopped(context, container);
    if (container.cancelRestart) return container.cancelRestart();
    // Its delay is over and it is being started.
    await container.exclusively(() => Promise.resolve());
  }
  if (!isAlive(container.state)) throw notRunning(container);
  const { StopSignal } = container.record.config;
  const final = signal === sigkill || !StopSignal || signal === parseSignal(StopSignal);
  markStopped(context, container);
  container.exitOnNext ||= final;
  if (signal === sigkill) return killAndWait(context, container);
  await deliver(context, container, signal, final);
}

/** Sends a signal, and on demand wakes a paused container so that it takes effect. */
async function deliver(context: EngineContext, container: Container, signal: number, wake: boolean): Promise<void> {
  await container.shim?.signal(signal);
  publishKill(context, container, signal);
  if (!wake || container.state.status !== 'paused') return;
  if (signal === sigkill) thawDying(context, container);
  else unpause(context, container, container.state);
}

function publishKill(context: EngineContext, container: Container, signal: number): void {
  context.events.publish('container', 'kill', container.id, container.eventAttributes({ signal: String(signal) }));
}

/** `unless-stopped` does not bring it back, not even when the daemon starts. */
function markStopped(context: EngineContext, container: Container): void {
  container.record.manuallyStopped = true;
  context.registry.saveIfPossible(container);
}

/** SIGKILL, and wait until the exit is recorded. A frozen v1 cgroup must be thawed, or the signal stays pending. */
export async function killAndWait(context: EngineContext, container: Container): Promise<void> {
  const { shim } = container;
  if (!shim) return;
  await shim.signal(sigkill);
  if (container.state.status === 'paused') thawDying(context, container);
  publishKill(context, container, sigkill);
  await container.exitHandled;
}

function stopSignal(container: Container): number {
  return parseSignal(container.record.config.StopSignal || 'SIGTERM');
}

/** `docker stop`: the stop signal, then after the timeout SIGKILL. Throws not-modified when it is down already. */
export async function stopContainer(context: EngineContext, container: Container, options: StopOptions): Promise<void> {
  const signal = options.signal ? parseSignal(options.signal) : stopSignal(container);
  if (container.state.status === 'restarting') {
    markStopped(context, container);
    container.cancelRestart?.();
    return;
  }
  if (!isAlive(container.state)) throw notModified(`container ${container.id} is already stopped`);
  markStopped(context, container);
  container.exitOnNext = true;
  await terminate(context, container, signal, options.timeout ?? container.record.config.StopTimeout ?? defaultStopTimeout);
  context.events.publish('container', 'stop', container.id, container.eventAttributes());
}

async function terminate(context: EngineContext, container: Container, signal: number, timeout: number): Promise<void> {
  const { shim } = container;
  if (!shim) return;
  await deliver(context, container, signal, true);
  if (timeout < 0) return container.exitHandled;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<'late'>((resolve) => { timer = setTimeout(() => resolve('late'), timeout * 1000); });
  const outcome = await Promise.race([container.exitHandled.then(() => 'ended' as const), late]);
  clearTimeout(timer);
  if (outcome === 'late') await killAndWait(context, container);
}

/** `docker pause`. */
export async function pauseContainer(context: EngineContext, container: Container): Promise<void> {
  const { state } = container;
  if (state.status === 'paused') throw conflict(`Container ${container.id} is already paused`);
  if (state.status === 'restarting') throw conflict(`Container ${container.id} is restarting, wait until the container is running`);
  if (state.status !== 'running') throw notRunning(container);
  const { freezer } = cgroupLayout(context, container);
  freeze(freezer);
  // At once: who kills it from now on must thaw it.
  container.record.state = { ...state, status: 'paused' };
  stopMonitor(container);
  try {
    await standstill(container, freezer);
  } catch (error) {
    if (container.state.status === 'paused') {
      thawCgroup(freezer);
      container.record.state = state;
      resumeMonitor(context, container);
    }
    throw error;
  }
  context.registry.saveIfPossible(container);
  context.events.publish('container', 'pause', container.id, container.eventAttributes());
}

/** `docker unpause`. */
export async function unpauseContainer(context: EngineContext, container: Container): Promise<void> {
  const { state } = container;
  if (state.status !== 'paused') throw conflict(`Container ${container.id} is not paused`);
  unpause(context, container, state);
}

function unpause(context: EngineContext, container: Container, state: Extract<ContainerState, { status: 'paused' }>): void {
  thaw(context, container);
  container.record.state = { ...state, status: 'running' };
  resumeMonitor(context, container);
  context.registry.saveIfPossible(container);
  context.events.publish('container', 'unpause', container.id, container.eventAttributes());
}

/** Settles when no process of it runs any more. Throws conflict when it ends instead, system when one cannot be stopped. */
async function standstill(container: Container, freezer: Freezer): Promise<void> {
  const began = performance.now();
  while (!isFrozen(freezer)) {
    await sleep(1);
    if (container.state.status !== 'paused') throw notRunning(container);
    if (performance.now() - began > freezePatience) throw systemError(`cannot pause container ${container.id}: unable to freeze`, { object: freezer.path });
  }
}

const thaw = (context: EngineContext, container: Container): void => thawCgroup(cgroupLayout(context, container).freezer);

/** A process that has been killed may be gone, and its cgroup with it, before the cgroup is thawed. */
function thawDying(context: EngineContext, container: Container): void {
  try {
    thaw(context, container);
  } catch (error) {
    if (existsSync(cgroupLayout(context, container).freezer.path)) throw error;
  }
}
