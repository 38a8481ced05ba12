/** Several engines with roots of their own on one machine, in the same namespaces. */
import { afterAll, beforeAll, expect } from 'bun:test';
import { RunningEngine } from '../support/engine.ts';
import { run } from '../support/command.ts';
import { dockerCommand } from '../support/docker-command.ts';
import { leftovers } from '../support/leftovers.ts';
import { TEST_PATIENCE } from '../support/patience.ts';
import { missing } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine({}, 'caisson');
let other: RunningEngine;

const onOther = async (...args: string[]) => {
  const result = await run([dockerCommand() as string, ...args], { env: { ...subject.environment, DOCKER_HOST: other.host } });
  expect(result).toMatchObject({ code: 0, stderr: '' });
  return result.stdout.trim();
};

beforeAll(async () => {
  if (missing(...needs) === undefined) other = await RunningEngine.start({ name: 'caisson' }, { beside: subject.engine });
}, TEST_PATIENCE);
afterAll(async () => {
  await other?.endDaemon('SIGTERM');
  await other?.discard();
}, TEST_PATIENCE);

it('keeps names and containers apart', async () => {
  const here = await subject.output('run', '-d', '--name', 'same', 'busybox', 'sleep', '1000');
  const there = await onOther('run', '-d', '--name', 'same', 'busybox', 'sleep', '1000');
  expect(there).not.toBe(here);
  expect(await subject.output('ps', '-q', '--no-trunc')).toBe(here);
  expect(await onOther('ps', '-q', '--no-trunc')).toBe(there);
});

it('keeps images apart', async () => {
  await onOther('tag', 'busybox', 'only-there:1');
  expect((await subject.docker('image', 'inspect', 'only-there:1')).code).toBe(1);
});

it('does not mind the end of the other', async () => {
  const id = await subject.output('ps', '-q', '--no-trunc', '--filter', 'name=same');
  await onOther('rm', '-f', 'same');
  expect(await other.endDaemon('SIGTERM')).toBe(0);
  expect(await subject.output('exec', id, 'echo', 'alive')).toBe('alive');
  await other.startDaemon();
  expect(await onOther('run', '--rm', 'busybox', 'echo', 'back')).toBe('back');
});

it('refuses a second daemon over the same roots', async () => {
  const command = subject.engine.namespaces.enter(subject.engine.daemonCommand({ host: `unix://${subject.engine.scratch}/second.sock` }));
  const result = await run(command);
  expect(result.code).not.toBe(0);
  expect(result.stderr).toContain(subject.engine.dataRoot);
  expect(await subject.output('run', '--rm', 'busybox', 'echo', 'unharmed')).toBe('unharmed');
});

it('leaves nothing of the other behind', async () => {
  expect(await other.endDaemon('SIGTERM')).toBe(0);
  // Processes, mounts and interfaces of the shared namespaces are the first engine's; its own test looks at those.
  expect((await leftovers(other)).filter((line) => line.includes(other.scratch) || line.startsWith('cgroup'))).toEqual([]);
});

leavesNothingBehind(subject, 'caisson');
