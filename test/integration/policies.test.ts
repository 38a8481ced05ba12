/** Which containers come back when the daemon does. */
import { expect } from 'bun:test';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it } = useEngine();

const patient = 'trap "exit 3" TERM; echo up; while :; do sleep 0.05; done';
const run = (name: string, policy: string, script: string) =>
  subject.output('run', '-d', '--network', 'none', '--name', name, '--restart', policy, 'busybox', 'sh', '-c', script);

async function comesTo(name: string, status: string): Promise<void> {
  while ((await subject.inspect(name, '{{.State.Status}}')) !== status);
}

it('restart policies decide what runs after the daemon has been started again', async () => {
  await run('failed-stopped', 'on-failure', patient);
  await run('always-stopped', 'always', 'sleep 1000');
  await run('unless-stopped', 'unless-stopped', 'sleep 1000');
  await run('unless-running', 'unless-stopped', 'sleep 1000');
  await run('exhausted', 'on-failure:1', 'exit 4');
  await subject.output('create', '--restart', 'always', '--name', 'never-started', 'busybox', 'sleep', '1000');
  while ((await subject.output('logs', 'failed-stopped')) !== 'up');
  await subject.output('stop', 'failed-stopped');
  await subject.output('stop', '-t', '0', 'always-stopped', 'unless-stopped');
  while ((await subject.inspect('exhausted', '{{.RestartCount}} {{.State.Status}}')) !== '1 exited');
  await subject.engine.endDaemon('SIGTERM');
  await subject.engine.startDaemon();
  for (const name of ['failed-stopped', 'always-stopped', 'unless-running']) await comesTo(name, 'running');
  for (const name of ['unless-stopped', 'exhausted']) expect([name, await subject.inspect(name, '{{.State.Status}}')]).toEqual([name, 'exited']);
  expect(await subject.inspect('never-started', '{{.State.Status}}')).toBe('created');
  expect(await subject.inspect('exhausted', '{{.RestartCount}} {{.State.ExitCode}}')).toBe('1 4');
});

it('who waits for a container hears of the end of a run, though it is started again', async () => {
  await run('again', 'always', 'sleep 0.5; exit 3');
  expect(await subject.output('wait', 'again')).toBe('3');
});

leavesNothingBehind(subject);
