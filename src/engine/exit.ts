/** What is recorded and told when a container's first process has ended. What follows from it is start.ts's. */
import type { ExitRecord } from '../runtime/shim.ts';
import type { Container } from './container.ts';
import { isAlive, zeroTime } from './container-state.ts';
import type { EngineContext } from './context.ts';
import { stopMonitor } from './health/monitor.ts';
import { wakeFollowers } from './log-reader.ts';
import { containerPaths } from './paths.ts';
import { nextRestart } from './restart-policy.ts';
import { parseTime } from './timestamps.ts';

/**
 * Records an exit; called once for each run. Returns the milliseconds after which its policy wants the container started
 * again, or undefined when it stays down.
 */
export function recordExit(context: EngineContext, container: Container, exit: ExitRecord): number | undefined {
  const { record } = container;
  stopMonitor(container);
  const startedAt = isAlive(record.state) ? record.state.startedAt : zeroTime;
  const oomTold = isAlive(record.state) && record.state.oomKilled === true;
  const duration = seconds(startedAt, exit.finishedAt);
  const delay = container.removing || container.exitOnNext ? undefined : nextRestart(record, exit.exitCode, duration);
  record.state = {
    status: delay === undefined ? 'exited' : 'restarting',
    exitCode: exit.exitCode, oomKilled: exit.oomKilled || oomTold, error: '', startedAt, finishedAt: exit.finishedAt,
  };
  if (delay !== undefined) record.restartCount++;
  // The run is over whether or not the disk takes it; the shim's exit record is there for the next daemon.
  context.registry.saveIfPossible(container);
  for (const exec of container.execs.values()) {
    if (exec.state.status !== 'created') continue;
    // Never to be started any more, and forgotten, as with Docker.
    container.execs.delete(exec.id);
    context.execs.delete(exec.id);
  }
  wakeFollowers(containerPaths(context.settings.dataRoot, record.id).log);
  if (exit.oomKilled && !oomTold) context.events.publish('container', 'oom', record.id, container.eventAttributes());
  context.events.publish('container', 'die', record.id, container.eventAttributes({
    execDuration: String(duration), exitCode: String(exit.exitCode),
  }));
  container.settleWaiters(['next-exit'], { StatusCode: exit.exitCode });
  return delay;
}

/** The container has run out of memory, and goes on: another process than its first was killed. */
export function recordOutOfMemory(context: EngineContext, container: Container): void {
  const { record } = container;
  if (!isAlive(record.state)) return;
  record.state = { ...record.state, oomKilled: true };
  context.registry.saveIfPossible(container);
  context.events.publish('container', 'oom', record.id, container.eventAttributes());
}

function seconds(from: string, to: string): number {
  const start = parseTime(from);
  const end = parseTime(to);
  return start === undefined || end === undefined || from === zeroTime ? 0 : Math.max(0, Number((end - start) / 1_000_000_000n));
}
