/** The daemon is killed while containers run: they go on, and the next daemon knows everything that happened meanwhile. */
import { describe, expect } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { Client } from '../support/http.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

// A dockerd keeps containers alive only when told to, and forgets attached input; it is no judge here.
const { subject, it } = useEngine({}, 'caisson');

const crash = async (meanwhile: () => Promise<void> | void = () => undefined): Promise<void> => {
  await subject.engine.endDaemon('SIGKILL');
  await meanwhile();
  await subject.engine.startDaemon();
};

const pidOf = async (id: string) => Number(await subject.inspect(id, '{{.State.Pid}}'));

/** The parent of a container's first process. */
const shimOf = async (id: string) => Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${await pidOf(id)}/status`, 'utf8'))?.[1]);

describe('a killed shim', () => {
  it('takes its container with it, and leaves nothing', async () => {
    const id = await subject.output('run', '-d', 'busybox', 'sleep', '1000');
    const merged = await subject.inspect(id, '{{.GraphDriver.Data.MergedDir}}');
    process.kill(await shimOf(id), 'SIGKILL');
    expect(await subject.output('wait', id)).toBe('137');
    expect(await subject.inspect(id, '{{.State.Status}}')).toBe('exited');
    expect(await subject.output('start', id)).toBe(id);
    expect(await subject.inspect(id, '{{.State.Status}}')).toBe('running');
    await subject.output('rm', '-f', id);
    expect(existsSync(merged)).toBe(false);
  });

  it('is missed by a daemon that was dead too', async () => {
    const id = await subject.output('run', '-d', 'busybox', 'sleep', '1000');
    const shim = await shimOf(id);
    await crash(() => {
      process.kill(shim, 'SIGKILL');
    });
    expect(await subject.inspect(id, '{{.State.Status}}')).toBe('exited');
    await subject.output('rm', id);
  });
});

describe('a killed daemon', () => {
  it('leaves containers running, with the same pid', async () => {
    const id = await subject.output('run', '-d', 'busybox', 'sleep', '1000');
    const pid = await pidOf(id);
    await crash(() => expect(existsSync(`/proc/${pid}`)).toBe(true));
    expect(await subject.inspect(id, '{{.State.Status}}')).toBe('running');
    expect(await pidOf(id)).toBe(pid);
    expect(await subject.output('exec', id, 'echo', 'inside')).toBe('inside');
    await subject.output('stop', '-t', '0', id);
    expect(await subject.inspect(id, '{{.State.ExitCode}}')).toBe('137');
  });

  it('starts again while an init of a container executes', async () => {
    const id = await subject.output('run', '-d', '--init', 'busybox', 'sleep', '1000');
    await crash();
    expect(await subject.inspect(id, '{{.State.Status}}')).toBe('running');
    expect(await subject.output('run', '--rm', '--init', 'busybox', 'echo', 'another')).toBe('another');
    await subject.output('rm', '-f', id);
  });

  it('finds the exit code of what ended meanwhile', async () => {
    const id = await subject.output('run', '-di', 'busybox', 'sh', '-c', 'read line; echo "last words"; exit 42');
    const pid = await pidOf(id);
    // The shell's input is given before, read by it in its own time.
    await crash(() => {
      process.kill(pid, 'SIGKILL');
    });
    expect(await subject.output('wait', id)).toBe('137');
    expect(await subject.inspect(id, '{{.State.Status}} {{.State.ExitCode}}')).toBe('exited 137');
  });

  it('loses no output written meanwhile', async () => {
    const id = await subject.output('run', '-d', 'busybox', 'sh', '-c', 'i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); sleep 0.005; done; exit 7');
    await crash();
    expect(await subject.output('wait', id)).toBe('7');
    const lines = (await subject.output('logs', id)).split('\n');
    expect(lines).toEqual(Array.from({ length: 300 }, (_, index) => `line ${index}`));
  });

  it('attaches again, both ways', async () => {
    const id = await subject.output('run', '-di', 'busybox', 'sh', '-c', 'while read line; do echo "got $line"; done; exit 3');
    await crash();
    const client = await Client.hijack(subject.engine.socket, `/containers/${id}/attach?stream=1&stdin=1&stdout=1`);
    client.socket.write('after the crash\n');
    expect((await client.read())?.toString()).toContain('got after the crash');
    client.socket.end();
    await client.all();
    client.socket.destroy();
    await subject.output('kill', id);
  });

  it('keeps terminals', async () => {
    const id = await subject.output('run', '-dit', 'busybox', 'sh');
    await crash();
    const terminal = subject.terminal(['attach', id]);
    terminal.type('echo st"ill" here; exit 6\n');
    await terminal.shows(/still here/);
    expect(await terminal.ended()).toBe(6);
  });

  it('removes at once what was to be removed at its end', async () => {
    const id = await subject.output('run', '-d', '--rm', 'busybox', 'sleep', '1000');
    const pid = await pidOf(id);
    await crash(() => {
      process.kill(pid, 'SIGKILL');
    });
    const answer = await subject.api.request('POST', `/containers/${id}/wait?condition=removed`);
    expect([200, 404]).toContain(answer.status);
    expect((await subject.api.request('GET', `/containers/${id}/json`)).status).toBe(404);
  });

  it('keeps paused containers paused', async () => {
    const id = await subject.output('run', '-d', 'busybox', 'sleep', '1000');
    await subject.output('pause', id);
    await crash();
    expect(await subject.inspect(id, '{{.State.Status}}')).toBe('paused');
    await subject.output('unpause', id);
    expect(await subject.output('exec', id, 'echo', 'awake')).toBe('awake');
  });

  it('remembers images, names and what was only created', async () => {
    await subject.output('tag', 'busybox', 'remembered:1');
    const id = await subject.output('create', '--name', 'remembered', '--label', 'a=b', 'remembered:1', 'echo', 'started later');
    await crash();
    expect(await subject.inspect('remembered', '{{.Id}} {{.Config.Labels.a}}')).toBe(`${id} b`);
    expect(await subject.output('start', '-a', 'remembered')).toBe('started later');
  });

  it('knows the state after being killed in the middle of many starts', async () => {
    const starts = Array.from({ length: 8 }, (_, index) => subject.docker('run', '-d', '--name', `many-${index}`, 'busybox', 'sleep', '1000'));
    await Promise.race(starts);
    await crash();
    await Promise.all(starts);
    const containers = await subject.api.json<{ Id: string; State: string }[]>('GET', '/containers/json?all=1&filters={"name":["many-"]}');
    for (const { Id, State } of containers) {
      expect(['created', 'running', 'exited']).toContain(State);
      const pid = await pidOf(Id);
      expect({ State, alive: pid > 0 && existsSync(`/proc/${pid}`) }).toEqual({ State, alive: State === 'running' });
      await subject.output('rm', '-f', Id);
    }
  });
});

describe('a daemon that is asked to end', () => {
  it('ends with status 0, and containers go on', async () => {
    const id = await subject.output('run', '-d', 'busybox', 'sleep', '1000');
    const pid = await pidOf(id);
    expect(await subject.engine.endDaemon('SIGTERM')).toBe(0);
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    expect(existsSync(subject.engine.socket)).toBe(false);
    expect(existsSync(subject.engine.pidFile)).toBe(false);
    await subject.engine.startDaemon();
    expect(await pidOf(id)).toBe(pid);
  });
});

leavesNothingBehind(subject, 'caisson');
