/** Runs the health check of a container while it runs: one timer, no polling. */
import type { Container } from '../container.ts';
import { isAlive } from '../container-state.ts';
import type { EngineContext } from '../context.ts';
import { parseTime } from '../timestamps.ts';
import { afterProbe, beginHealth, type Health, healthTimes, probeCommand, untilNextProbe } from './health.ts';
import { runProbe } from './probe.ts';

/** A run began, or a new daemon found it running: health is unknown again. Without a check this does nothing. */
export function beginMonitor(context: EngineContext, container: Container): void {
  stopMonitor(container);
  if (probeCommand(container.record.config) === undefined) return;
  container.record.health = beginHealth(container.record.health);
  resumeMonitor(context, container);
}

/** Goes on checking, after a pause. */
export function resumeMonitor(context: EngineContext, container: Container): void {
  const { record } = container;
  const command = probeCommand(record.config);
  if (command === undefined || record.health === undefined || record.state.status !== 'running') return;
  const stopped = new AbortController();
  container.stopHealth = () => stopped.abort();
  void monitor(context, container, command, stopped.signal);
}

/** The container ends or is paused. Nobody knows that it is healthy any more, so Docker says it is not; no event tells. */
export function stopMonitor(container: Container): void {
  const { record, stopHealth } = container;
  if (stopHealth === undefined) return;
  stopHealth();
  container.stopHealth = undefined;
  if (record.health) record.health = { ...record.health, status: 'unhealthy' };
}

async function monitor(context: EngineContext, container: Container, command: readonly string[], stopped: AbortSignal): Promise<void> {
  const config = container.record.config.Healthcheck ?? {};
  const times = healthTimes(config);
  for (;;) {
    const { health } = container.record;
    if (health === undefined) return;
    await pause(untilNextProbe(health, times, sinceStart(container, Date.now())), stopped);
    if (stopped.aborted) return;
    const running = sinceStart(container, Date.now());
    const result = await runProbe(context, container, command, times.timeout, stopped);
    if (stopped.aborted) return;
    record(context, container, afterProbe(container.record.health ?? health, result, config, running));
  }
}

/** Changes of status are written down and told; single results are not worth a write. */
function record(context: EngineContext, container: Container, health: Health): void {
  const before = container.record.health?.status;
  container.record.health = health;
  if (health.status === before) return;
  context.registry.saveIfPossible(container);
  context.events.publish('container', `health_status: ${health.status}`, container.id, container.eventAttributes());
}

/** Milliseconds. */
function sinceStart({ state }: Container, now: number): number {
  return isAlive(state) ? now - Number((parseTime(state.startedAt) ?? 0n) / 1_000_000n) : 0;
}

/** Longest delay of a timer, in milliseconds. */
const longestTimer = 2 ** 31 - 1;

/** Ends early when `stopped` is aborted. */
function pause(delay: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stopped.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      stopped.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.min(delay, longestTimer));
    stopped.addEventListener('abort', end);
  });
}
