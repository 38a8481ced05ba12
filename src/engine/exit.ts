/** What happens when a container's first process has ended: recorded, told, and restarted or removed as its policy says. */
import { isClass } from '../errors.ts';
import type { ExitRecord } from '../runtime/shim.ts';
import type { Container } from './container.ts';
import { isAlive, zeroTime } from './container-state.ts';
import type { EngineContext } from './context.ts';
import { wakeFollowers } from './log-reader.ts';
import { containerPaths } from './paths.ts';
import { removeContainer } from './remove.ts';
import { nextRestart } from './restart-policy.ts';
import { startContainer } from './start.ts';
import { parseTime } from './timestamps.ts';

/** Records an exit. Called once for each run, by the shim's event or by reconciliation. */
export function handleExit(context: EngineContext, container: Container, exit: ExitRecord): void {
  const { record } = container;
  const startedAt = isAlive(record.state) ? record.state.startedAt : zeroTime;
  const ended = { exitCode: exit.exitCode, oomKilled: exit.oomKilled, error: '', startedAt, finishedAt: exit.finishedAt };
  const duration = seconds(startedAt, exit.finishedAt);
  const delay = container.removing ? undefined : nextRestart(record, exit.exitCode, duration);
  record.state = { status: delay === undefined ? 'exited' : 'restarting', ...ended };
  if (delay !== undefined) record.restartCount++;
  context.registry.save(container);
  for (const exec of container.execs.values()) {
    if (exec.state.status === 'created') exec.state = { status: 'exited', exitCode: 137, pid: 0 };
  }
  wakeFollowers(containerPaths(context.settings.dataRoot, record.id).log);
  if (exit.oomKilled) context.events.publish('container', 'oom', record.id, container.eventAttributes());
  context.events.publish('container', 'die', record.id, container.eventAttributes({
    execDuration: String(duration), exitCode: String(exit.exitCode),
  }));
  container.settleWaiters(['next-exit'], { StatusCode: exit.exitCode });
  if (delay !== undefined) scheduleRestart(context, container, delay);
  else finish(context, container, exit.exitCode);
}

function seconds(from: string, to: string): number {
  const start = parseTime(from);
  const end = parseTime(to);
  return start === undefined || end === undefined || from === zeroTime ? 0 : Math.max(0, Number((end - start) / 1_000_000_000n));
}

/** The container stays down: who waits for that is told, and `--rm` takes effect. */
function finish(context: EngineContext, container: Container, exitCode: number): void {
  container.settleWaiters(['not-running'], { StatusCode: exitCode });
  if (!container.record.hostConfig.AutoRemove || container.removing) return;
  void removeContainer(context, container, { force: true, volumes: true }).catch((error: unknown) => {
    if (isClass(error, 'conflict') || isClass(error, 'not-found')) return; // somebody removes it already
    context.logger.error('cannot remove a container that has ended', { container: container.id, error: String(error) });
  });
}

function scheduleRestart(context: EngineContext, container: Container, delay: number): void {
  const timer = setTimeout(() => {
    container.cancelRestart = undefined;
    void container.exclusively(() => restart(context, container));
  }, delay);
  container.cancelRestart = () => {
    clearTimeout(timer);
    container.cancelRestart = undefined;
    settleStopped(context, container);
  };
}

async function restart(context: EngineContext, container: Container): Promise<void> {
  if (container.state.status !== 'restarting' || container.removing) return;
  try {
    await startContainer(context, container);
  } catch (error) {
    context.logger.warn('cannot restart a container', { container: container.id, error: String(error) });
    settleStopped(context, container);
  }
}

/** From restarting, or from a start that failed, to exited. */
function settleStopped(context: EngineContext, container: Container): void {
  const { record } = container;
  if (record.state.status === 'restarting') record.state = { ...record.state, status: 'exited' };
  context.registry.save(container);
  const exitCode = isAlive(record.state) ? 0 : record.state.exitCode;
  finish(context, container, exitCode);
}
