/** What each operation answers in each state a container can be in. */
import { describe, expect } from 'bun:test';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, needs } = useEngine();
const recent = requires(...needs, 'engine-28');

type State = 'created' | 'running' | 'paused' | 'exited';

async function containerIn(state: State): Promise<string> {
  const id = await subject.output('create', '--network', 'none', 'busybox', 'sleep', '1000');
  if (state !== 'created') await subject.output('start', id);
  if (state === 'paused') await subject.output('pause', id);
  if (state === 'exited') await subject.output('kill', id);
  return id;
}

/** Status and, where one is answered, message; `ID` stands for the container's. */
async function answer(method: string, target: string, id: string): Promise<string> {
  const { status, body } = await subject.api.request(method, target.replace('ID', id));
  const text = body.toString().replaceAll(id, 'ID').trim();
  const message = text.startsWith('{"message"') ? (JSON.parse(text) as { message: string }).message : '';
  return `${status} ${message}`.trim();
}

const notRunning = '409 container ID is not running';
const cannotKill = '409 cannot kill container: ID: container ID is not running';

/** By operation, then by state: the answer, and the state afterwards when it is another one. */
const table: Record<string, Record<State, readonly [string, string?]>> = {
  'POST /containers/ID/start': {
    created: ['204', 'running'], running: ['304'], paused: ['409 cannot start a paused container, try unpause instead'], exited: ['204', 'running'],
  },
  'POST /containers/ID/stop?t=0': { created: ['304'], running: ['204', 'exited'], paused: ['204', 'exited'], exited: ['304'] },
  'POST /containers/ID/kill': { created: [cannotKill], running: ['204', 'exited'], paused: ['204', 'exited'], exited: [cannotKill] },
  'POST /containers/ID/kill?signal=CONT': { created: [cannotKill], running: ['204'], paused: ['204', 'running'], exited: [cannotKill] },
  'POST /containers/ID/pause': {
    created: [notRunning], running: ['204', 'paused'], paused: ['409 Container ID is already paused'], exited: [notRunning],
  },
  'POST /containers/ID/restart?t=0': { created: ['204', 'running'], running: ['204'], paused: ['204', 'running'], exited: ['204', 'running'] },
  'DELETE /containers/ID': {
    created: ['204', 'removed'],
    running: ['409 cannot remove container "ID": container is running: stop the container before removing or force remove'],
    paused: ['409 cannot remove container "ID": container is paused and must be unpaused first'],
    exited: ['204', 'removed'],
  },
  'DELETE /containers/ID?force=1': { created: ['204', 'removed'], running: ['204', 'removed'], paused: ['204', 'removed'], exited: ['204', 'removed'] },
  'GET /containers/ID/top': { created: [notRunning], running: ['200'], paused: ['200'], exited: [notRunning] },
  'POST /containers/ID/resize?h=10&w=10': { created: [notRunning], running: ['200'], paused: ['200'], exited: [notRunning] },
};

async function stateOf(id: string): Promise<string> {
  const { status, body } = await subject.api.request('GET', `/containers/${id}/json`);
  return status === 404 ? 'removed' : (JSON.parse(body.toString()) as { State: { Status: string } }).State.Status;
}

describe('operations by state', () => {
  for (const [operation, rows] of Object.entries(table)) {
    const [method = '', target = ''] = operation.split(' ');
    for (const [state, [expected, next = state]] of Object.entries(rows) as [State, readonly [string, string?]][]) {
      recent(`${operation} of a container that is ${state}`, async () => {
        const id = await containerIn(state);
        expect(await answer(method, target, id)).toBe(expected);
        expect(await stateOf(id)).toBe(next);
        await subject.output('rm', '-f', id).catch(() => undefined);
      });
    }
  }
});

describe('signals', () => {
  recent('are checked before the container is looked for', async () => {
    expect(await answer('POST', '/containers/stranger/kill?signal=FOO', 'ID')).toBe('400 cannot kill container: stranger: invalid signal: FOO');
    expect(await answer('POST', '/containers/stranger/kill', 'ID')).toBe('404 cannot kill container: stranger: No such container: stranger');
  });

  recent('a paused container goes on by its stop signal, not by another', async () => {
    const id = await subject.output('run', '-d', '--stop-signal', 'USR2', 'busybox', 'sh', '-c', 'trap "" USR1 USR2; sleep 1000');
    await subject.output('pause', id);
    await subject.output('kill', '-s', 'USR1', id);
    expect(await stateOf(id)).toBe('paused');
    await subject.output('kill', '-s', 'USR2', id);
    expect(await stateOf(id)).toBe('running');
    await subject.output('rm', '-f', id);
  });

  recent('end a restart policy only when they are meant to end the container', async () => {
    const policy = ['--restart', 'always', 'busybox', 'sh', '-c', 'trap "exit 5" TERM; while :; do sleep 0.05; done'];
    const kept = await subject.output('run', '-d', '--stop-signal', 'CONT', ...policy);
    await subject.output('kill', '-s', 'TERM', kept);
    while ((await subject.inspect(kept, '{{.RestartCount}} {{.State.Status}}')) !== '1 running');
    const ended = await subject.output('run', '-d', '--stop-signal', 'TERM', ...policy);
    await subject.output('kill', '-s', 'TERM', ended);
    expect(await subject.output('wait', ended)).toBe('5');
    expect(await subject.inspect(ended, '{{.RestartCount}} {{.State.Status}}')).toBe('0 exited');
    await subject.output('rm', '-f', kept, ended);
  });
});

describe('restart', () => {
  recent('says that it is the restart which failed', async () => {
    await subject.output('create', '--name', 'at-rest', 'busybox', 'true');
    await subject.output('create', '--name', 'joined', '--network', 'container:at-rest', 'busybox', 'true');
    const { status, body } = await subject.api.request('POST', '/containers/joined/restart');
    expect([status, JSON.parse(body.toString())]).toEqual([
      500, { message: 'Cannot restart container joined: cannot join network namespace of a non running container: container at-rest is created' },
    ]);
  });

  recent('keeps a container that is removed at its end', async () => {
    const id = await subject.output('run', '-d', '--rm', 'busybox', 'sleep', '1000');
    await subject.output('restart', '-t', '0', id);
    expect(await stateOf(id)).toBe('running');
    await subject.output('rm', '-f', id);
  });

  recent('counts anew', async () => {
    const id = await subject.output('run', '-d', '--restart', 'on-failure:2', 'busybox', 'false');
    while ((await subject.inspect(id, '{{.State.Status}} {{.RestartCount}}')) !== 'exited 2');
    await subject.output('restart', id);
    while ((await subject.inspect(id, '{{.State.Status}} {{.RestartCount}}')) !== 'exited 2');
    await subject.output('rm', '-f', id);
  });
});

leavesNothingBehind(subject);
