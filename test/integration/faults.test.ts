/**
 * The daemon is killed in the middle of what it does, at moments that differ from round to round (the same ones in every run). The
 * next daemon knows the truth: a container is what its processes say, names are held or free, every operation can be done again.
 */
import { describe, expect } from 'bun:test';
import { existsSync } from 'node:fs';
import { generator, interrupted } from '../support/interruption.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it } = useEngine({}, 'caisson');

/** Rounds of each operation. */
const rounds = 3;
interface State {
  readonly Status: string;
  readonly Pid: number;
  readonly ExitCode: number;
}

/** Undefined when there is no such container. What is said to run has a process, and only that. */
async function stateOf(name: string): Promise<State | undefined> {
  const { status, body } = await subject.api.request('GET', `/containers/${name}/json`);
  if (status === 404) return undefined;
  const { State: state } = JSON.parse(body.toString()) as { State: State };
  expect({ status: state.Status, alive: state.Pid > 0 && existsSync(`/proc/${state.Pid}`) }).toEqual({
    status: state.Status, alive: state.Status === 'running',
  });
  return state;
}

const patient = { Image: 'busybox', Cmd: ['sh', '-c', 'echo up; exec sleep 1000'], HostConfig: { NetworkMode: 'none' } };
const create = (name: string, body: object = patient) => subject.api.json('POST', `/containers/create?name=${name}`, body);
const remove = (name: string) => subject.output('rm', '-f', name);

/** Started, with its output in the log. */
async function running(name: string): Promise<void> {
  await create(name);
  await subject.output('start', name);
  while ((await subject.output('logs', name)) !== 'up');
}

/** Runs one test of several rounds, each with a container of its own. */
function survives(operation: string, seed: number, round: (name: string, random: () => number) => Promise<void>): void {
  it(`${operation}, cut short at any moment`, async () => {
    const random = generator(seed);
    for (let count = 0; count < rounds; count++) await round(`${operation}-${count}`, random);
  });
}

describe('a daemon killed during', () => {
  survives('create', 1, async (name, random) => {
    await interrupted(subject, random, 'POST', `/containers/create?name=${name}`, patient);
    if ((await stateOf(name)) === undefined) await create(name);
    expect((await stateOf(name))?.Status).toBe('created');
    await subject.output('start', name);
    expect((await stateOf(name))?.Status).toBe('running');
    await remove(name);
  });

  survives('start', 2, async (name, random) => {
    await create(name);
    await interrupted(subject, random, 'POST', `/containers/${name}/start`);
    if ((await stateOf(name))?.Status !== 'running') await subject.output('start', name);
    while ((await subject.output('logs', name)) !== 'up');
    expect(await subject.output('exec', name, 'echo', 'inside')).toBe('inside');
    await subject.output('kill', name);
    expect(await subject.output('wait', name)).toBe('137');
    await remove(name);
  });

  survives('run', 3, async (name, random) => {
    await create(name, { ...patient, Cmd: ['sh', '-c', 'echo ran; exit 7'] });
    await interrupted(subject, random, 'POST', `/containers/${name}/start`);
    if ((await stateOf(name))?.Status === 'created') await subject.output('start', name);
    expect(await subject.output('wait', name)).toBe('7');
    expect(await subject.output('logs', name)).toBe('ran');
    await remove(name);
  });

  survives('stop', 4, async (name, random) => {
    await running(name);
    await interrupted(subject, random, 'POST', `/containers/${name}/stop?t=0`);
    await subject.output('stop', '-t', '0', name);
    expect(await stateOf(name)).toMatchObject({ Status: 'exited', ExitCode: 137 });
    await subject.output('start', name);
    expect((await stateOf(name))?.Status).toBe('running');
    await remove(name);
  });

  survives('restart', 5, async (name, random) => {
    await running(name);
    await interrupted(subject, random, 'POST', `/containers/${name}/restart?t=0`);
    if ((await stateOf(name))?.Status !== 'running') await subject.output('start', name);
    expect(await subject.output('exec', name, 'echo', 'inside')).toBe('inside');
    await remove(name);
  });

  survives('pause', 6, async (name, random) => {
    await running(name);
    await interrupted(subject, random, 'POST', `/containers/${name}/pause`);
    const { body } = await subject.api.request('GET', `/containers/${name}/json`);
    const { State: state } = JSON.parse(body.toString()) as { State: State };
    if (state.Status === 'paused') await subject.output('unpause', name);
    expect(await subject.output('exec', name, 'echo', 'inside')).toBe('inside');
    await remove(name);
  });

  survives('remove', 7, async (name, random) => {
    await running(name);
    await interrupted(subject, random, 'DELETE', `/containers/${name}?force=1&v=1`);
    if ((await stateOf(name)) !== undefined) await remove(name);
    await create(name);
    await remove(name);
  });

  survives('removal-at-exit', 8, async (name, random) => {
    await create(name, { ...patient, Cmd: ['true'], HostConfig: { ...patient.HostConfig, AutoRemove: true } });
    await interrupted(subject, random, 'POST', `/containers/${name}/start`);
    if ((await stateOf(name))?.Status === 'created') await subject.output('start', name);
    while ((await stateOf(name)) !== undefined);
  });

  survives('rename', 9, async (name, random) => {
    await create(name);
    await interrupted(subject, random, 'POST', `/containers/${name}/rename?name=${name}-new`);
    const found = [await stateOf(name), await stateOf(`${name}-new`)].filter((state) => state !== undefined);
    expect(found.length).toBe(1);
    const held = (await stateOf(name)) === undefined ? `${name}-new` : name;
    expect((await subject.docker('create', '--name', held, 'busybox')).stderr).toContain(`The container name "/${held}" is already in use`);
    await remove(held);
  });
});

leavesNothingBehind(subject, 'caisson');
