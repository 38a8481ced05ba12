/** The life of a container: its states, what moves it between them, and the events that tell. */
import { describe, expect } from 'bun:test';
import { Client } from '../support/http.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine();
const recent = requires(...needs, 'engine-28');

const status = (id: string) => subject.inspect(id, '{{.State.Status}}');
const sleeper = (...flags: string[]) => subject.output('run', '-d', ...flags, 'busybox', 'sleep', '1000');

interface Event {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Record<string, string> };
}

/** Events of a container from its beginning up to the one named last. */
async function eventsUntil(id: string, last: string): Promise<Event[]> {
  const filters = encodeURIComponent(JSON.stringify({ container: [id], type: ['container'] }));
  const { body } = await Client.stream(subject.engine.socket, 'GET', `/events?since=1&filters=${filters}`);
  const events: Event[] = [];
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() as string;
    for (const line of lines.filter((text) => text.trim() !== '')) events.push(JSON.parse(line) as Event);
    if (events.at(-1)?.Action === last) return events;
  }
  throw new Error(`the events ended before ${last}`);
}

describe('states', () => {
  it('goes from created to running to exited to running', async () => {
    const id = await subject.output('create', 'busybox', 'sh', '-c', 'trap "exit 4" TERM; echo up; while :; do sleep 0.05; done');
    expect(await status(id)).toBe('created');
    await subject.output('start', id);
    expect(await status(id)).toBe('running');
    await subject.output('exec', id, 'true');
    while ((await subject.output('logs', id)) !== 'up');
    await subject.output('stop', id);
    expect(await subject.inspect(id, '{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}')).toBe('exited 4 0');
    await subject.output('start', id);
    expect(await status(id)).toBe('running');
  });

  it('answers 304 to starting what runs and stopping what does not', async () => {
    const id = await sleeper();
    expect((await subject.api.request('POST', `/containers/${id}/start`)).status).toBe(304);
    await subject.output('kill', id);
    await subject.output('wait', id);
    expect((await subject.api.request('POST', `/containers/${id}/stop`)).status).toBe(304);
  });

  it('records when it started and finished', async () => {
    const id = await subject.output('run', '-d', 'busybox', 'true');
    await subject.output('wait', id);
    const [started, finished] = (await subject.inspect(id, '{{.State.StartedAt}} {{.State.FinishedAt}}')).split(' ').map((time) => Date.parse(time));
    expect(finished as number).toBeGreaterThanOrEqual(started as number);
    expect(await subject.inspect(await subject.output('create', 'busybox'), '{{.State.StartedAt}}')).toBe('0001-01-01T00:00:00Z');
  });

  it('pauses and goes on', async () => {
    const id = await sleeper();
    await subject.output('pause', id);
    expect(await status(id)).toBe('paused');
    expect(await subject.output('ps', '--format', '{{.Status}}', '--filter', `id=${id}`)).toMatch(/\(Paused\)$/);
    const refused = await subject.docker('exec', id, 'true');
    expect(refused.stderr).toContain(`Container ${id} is paused, unpause the container before exec`);
    await subject.output('unpause', id);
    expect(await status(id)).toBe('running');
    expect((await subject.docker('unpause', id)).stderr).toContain(`Container ${id} is not paused`);
  });

  it('restarts with another pid', async () => {
    const id = await sleeper();
    const before = await subject.inspect(id, '{{.State.Pid}}');
    await subject.output('restart', '-t', '0', id);
    expect(await status(id)).toBe('running');
    expect(await subject.inspect(id, '{{.State.Pid}}')).not.toBe(before);
  });
});

describe('names', () => {
  it('finds a container by name, id and unique prefix', async () => {
    const id = await subject.output('create', '--name', 'findme', 'busybox');
    for (const ref of ['findme', '/findme', id, id.slice(0, 12), id.slice(0, 20)]) expect(await subject.inspect(ref, '{{.Id}}')).toBe(id);
  });

  it('renames', async () => {
    await subject.output('create', '--name', 'before', 'busybox');
    await subject.output('rename', 'before', 'after');
    expect(await subject.inspect('after', '{{.Name}}')).toBe('/after');
    expect((await subject.docker('inspect', 'before')).stderr).toContain('No such object: before');
    const conflict = await subject.docker('rename', 'after', 'after');
    expect(conflict.stderr).toContain('Renaming a container with the same name as its current name');
  });

  it('invents a name of two words', async () => {
    expect(await subject.inspect(await subject.output('create', 'busybox'), '{{.Name}}')).toMatch(/^\/[a-z]+_[a-z]+\d?$/);
  });

  it('frees the name when the container is removed', async () => {
    for (let round = 0; round < 2; round++) expect((await subject.docker('run', '--rm', '--name', 'reused', 'busybox', 'true')).code).toBe(0);
  });

  it('says so when there is no such container', async () => {
    for (const command of ['start', 'stop', 'kill', 'rm', 'logs', 'wait', 'pause']) {
      const result = await subject.docker(command, 'stranger');
      expect({ command, code: result.code, text: result.stderr.includes('No such container: stranger') }).toEqual({ command, code: 1, text: true });
    }
  });
});

describe('stop and kill', () => {
  it('stops with SIGTERM, then kills after the timeout', async () => {
    const polite = await subject.output('run', '-d', '--init', 'busybox', 'sleep', '1000');
    await subject.output('stop', polite);
    expect(await subject.inspect(polite, '{{.State.ExitCode}}')).toBe('143');
    const stubborn = await subject.output('run', '-d', 'busybox', 'sleep', '1000');
    await subject.output('stop', '-t', '0', stubborn);
    expect(await subject.inspect(stubborn, '{{.State.ExitCode}}')).toBe('137');
  });

  it("uses the container's own stop signal", async () => {
    const id = await subject.output('run', '-d', '--stop-signal', 'USR1', 'busybox', 'sh', '-c', 'trap "exit 55" USR1; echo up; while :; do sleep 0.05; done');
    while ((await subject.output('logs', id)) !== 'up');
    await subject.output('stop', id);
    expect(await subject.inspect(id, '{{.State.ExitCode}}')).toBe('55');
  });

  it("uses the container's own stop timeout", async () => {
    const id = await subject.output('run', '-d', '--stop-timeout', '0', 'busybox', 'sleep', '1000');
    await subject.output('stop', id);
    expect(await subject.inspect(id, '{{.State.ExitCode}}')).toBe('137');
  });

  it('sends any signal by name and number', async () => {
    const id = await subject.output('run', '-d', 'busybox', 'sh', '-c', 'trap "echo one" USR1; trap "echo two" USR2; trap "exit 0" INT; echo up; while :; do sleep 0.05; done');
    while ((await subject.output('logs', id)) !== 'up');
    await subject.output('kill', '-s', 'SIGUSR1', id);
    while ((await subject.output('logs', id)) !== 'up\none');
    await subject.output('kill', '-s', '12', id);
    while ((await subject.output('logs', id)) !== 'up\none\ntwo');
    await subject.output('kill', '-s', 'int', id);
    expect(await subject.output('wait', id)).toBe('0');
  });

  recent('refuses a signal nobody knows, and to kill what does not run', async () => {
    const id = await subject.output('create', '--name', 'idle', 'busybox');
    expect((await subject.docker('kill', 'idle')).stderr).toContain(`container ${id} is not running`);
    const running = await sleeper();
    expect((await subject.docker('kill', '-s', 'NOPE', running)).stderr).toContain('NOPE');
    expect(await status(running)).toBe('running');
  });
});

describe('wait', () => {
  it('answers with the exit code', async () => {
    const id = await subject.output('run', '-d', 'busybox', 'sh', '-c', 'exit 23');
    expect(await subject.output('wait', id)).toBe('23');
  });

  it('answers at once for what is not running', async () => {
    const id = await subject.output('create', 'busybox');
    expect(await subject.api.json('POST', `/containers/${id}/wait`)).toMatchObject({ StatusCode: 0 });
  });

  it('waits for the next exit of a container that has not been started', async () => {
    const id = await subject.output('create', 'busybox', 'sh', '-c', 'exit 6');
    const { head, body } = await Client.stream(subject.engine.socket, 'POST', `/containers/${id}/wait?condition=next-exit`);
    expect(head.status).toBe(200);
    await subject.output('start', id);
    let text = '';
    for await (const chunk of body) text += chunk.toString();
    expect(JSON.parse(text)).toMatchObject({ StatusCode: 6 });
  });

  it('waits for the removal', async () => {
    const id = await subject.output('create', '--rm', 'busybox', 'sh', '-c', 'exit 8');
    const { body } = await Client.stream(subject.engine.socket, 'POST', `/containers/${id}/wait?condition=removed`);
    await subject.output('start', id);
    let text = '';
    for await (const chunk of body) text += chunk.toString();
    expect(JSON.parse(text)).toMatchObject({ StatusCode: 8 });
    expect((await subject.api.request('GET', `/containers/${id}/json`)).status).toBe(404);
  });

  recent('refuses a condition nobody knows', async () => {
    const id = await subject.output('create', 'busybox');
    const answer = await subject.api.request('POST', `/containers/${id}/wait?condition=doomsday`);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body.toString())).toEqual({ message: 'invalid condition: "doomsday"' });
  });
});

describe('remove', () => {
  it('takes a container away while it is being started', async () => {
    for (let round = 0; round < 5; round++) {
      const id = await subject.output('create', 'busybox', 'sleep', '1000');
      // Either comes first: a start of what is gone may fail, the removal may not.
      const [, removal] = await Promise.all([subject.docker('start', id), subject.docker('rm', '-f', id)]);
      expect(removal.code).toBe(0);
      expect(await subject.output('ps', '-aq', '--filter', `id=${id}`)).toBe('');
    }
  });

  it('does not wait for a stop that is patient', async () => {
    const id = await subject.output('run', '-d', 'busybox', 'sh', '-c', 'trap "" TERM; while :; do sleep 1; done');
    const stop = subject.docker('stop', '-t', '1000', id);
    await subject.output('rm', '-f', id);
    await stop;
    expect(await subject.output('ps', '-aq', '--filter', `id=${id}`)).toBe('');
  });

  recent('refuses to remove what runs, unless forced', async () => {
    const id = await sleeper('--name', 'busy');
    const refused = await subject.docker('rm', 'busy');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`cannot remove container "busy": container is running: stop the container before removing or force remove`);
    expect(await subject.output('rm', '-f', 'busy')).toBe('busy');
    expect((await subject.api.request('GET', `/containers/${id}/json`)).status).toBe(404);
  });

  it('removes everything stopped with prune, and nothing else', async () => {
    const [running, stopped] = [await sleeper('--label', 'p=1'), await subject.output('create', '--label', 'p=1', 'busybox')];
    const pruned = await subject.output('container', 'prune', '-f', '--filter', 'label=p=1');
    expect(pruned).toContain(stopped);
    expect(pruned).not.toContain(running);
  });
});

describe('list', () => {
  it('lists running containers, and all with -a', async () => {
    const [running, created] = [await sleeper('--label', 'list=1'), await subject.output('create', '--label', 'list=1', 'busybox')];
    const list = async (...flags: string[]) => (await subject.output('ps', '-q', '--no-trunc', '--filter', 'label=list=1', ...flags)).split('\n');
    expect(await list()).toEqual([running]);
    expect(await list('-a')).toEqual([created, running]);
    expect(await list('-a', '--filter', 'status=created')).toEqual([created]);
    expect(await list('-l')).toEqual([created]);
    expect(await list('-a', '-n', '1')).toEqual([created]);
  });

  it('filters by name, id, exit code and ancestor', async () => {
    const id = await subject.output('run', '-d', '--name', 'filtered', 'busybox', 'sh', '-c', 'exit 19');
    await subject.output('wait', id);
    for (const filter of ['name=ltere', `id=${id.slice(0, 8)}`, 'exited=19', 'ancestor=busybox']) {
      expect((await subject.output('ps', '-aq', '--no-trunc', '--filter', filter)).split('\n')).toContain(id);
    }
    expect(await subject.output('ps', '-aq', '--filter', 'name=^nothing$')).toBe('');
  });

  it('shows image, command and status', async () => {
    const id = await subject.output('run', '-d', 'busybox', 'sh', '-c', 'exit 3');
    await subject.output('wait', id);
    const line = await subject.output('ps', '-a', '--no-trunc', '--filter', `id=${id}`, '--format', '{{.Image}}|{{.Command}}|{{.Status}}');
    expect(line).toMatch(/^busybox\|"sh -c 'exit 3'"\|Exited \(3\) (Less than a second|\d+ seconds?) ago$/);
  });
});

describe('events', () => {
  it('tells the life of docker run --rm in order', async () => {
    const id = await subject.output('create', '--rm', 'busybox', 'true');
    await subject.output('start', '-a', id);
    const events = await eventsUntil(id, 'destroy');
    expect(events.map(({ Action }) => Action)).toEqual(['create', 'attach', 'start', 'die', 'destroy']);
  });

  it('tells of kill, stop and exec', async () => {
    const id = await sleeper();
    await subject.output('exec', id, 'true');
    await subject.output('stop', '-t', '0', id);
    await subject.output('rm', id);
    const actions = (await eventsUntil(id, 'destroy')).map(({ Action }) => Action);
    expect(actions.slice(0, 5)).toEqual(['create', 'start', 'exec_create: true ', 'exec_start: true ', 'exec_die']);
    // In Docker Engine `stop` may overtake `die`.
    expect(actions.slice(5).toSorted()).toEqual(['destroy', 'die', 'kill', 'kill', 'stop']);
  });

  it('carries name, image, labels and exit code', async () => {
    const id = await subject.output('run', '-d', '--name', 'told', '--label', 'colour=blue', 'busybox', 'sh', '-c', 'exit 4');
    await subject.output('wait', id);
    const died = (await eventsUntil(id, 'die')).at(-1);
    expect(died?.Actor).toMatchObject({ ID: id, Attributes: { name: 'told', image: 'busybox', colour: 'blue', exitCode: '4' } });
  });
});

describe('restart policies', () => {
  it('starts again on failure, as often as it may', async () => {
    const id = await subject.output('run', '-d', '--restart', 'on-failure:2', 'busybox', 'sh', '-c', 'exit 9');
    while ((await subject.inspect(id, '{{.State.Status}} {{.RestartCount}}')) !== 'exited 2');
    expect(await subject.inspect(id, '{{.State.ExitCode}} {{.RestartCount}}')).toBe('9 2');
  });

  it('does not start again after success with on-failure', async () => {
    const id = await subject.output('run', '-d', '--restart', 'on-failure', 'busybox', 'true');
    expect(await subject.output('wait', id)).toBe('0');
    expect(await subject.inspect(id, '{{.State.Status}} {{.RestartCount}}')).toBe('exited 0');
  });

  it('starts again always, until it is stopped', async () => {
    const id = await subject.output('run', '-d', '--restart', 'always', 'busybox', 'sh', '-c', 'echo run; exec sleep 0.1');
    while (Number(await subject.inspect(id, '{{.RestartCount}}')) < 2);
    await subject.output('stop', '-t', '0', id);
    expect(await status(id)).toBe('exited');
  });

  it('refuses a policy together with --rm', async () => {
    const answer = await subject.api.request('POST', '/containers/create', { Image: 'busybox', HostConfig: { AutoRemove: true, RestartPolicy: { Name: 'always' } } });
    expect(answer.status).toBe(400);
    expect(answer.body.toString()).toContain("can't create 'AutoRemove' container with restart policy");
  });
});

describe('attach', () => {
  it('carries output, input and the exit code', async () => {
    const id = await subject.output('create', '-i', 'busybox', 'sh', '-c', 'read line; echo "got $line"; echo err >&2; exit 3');
    expect(await subject.docker('start', '-ai', id, { stdin: 'hello\n' })).toEqual({ code: 3, stdout: 'got hello\n', stderr: 'err\n' });
  });

  it('serves several clients at once', async () => {
    const id = await subject.output('create', '-i', 'busybox', 'sh', '-c', 'read go; echo to all');
    const clients = await Promise.all([1, 2, 3].map(() => Client.hijack(subject.engine.socket, `/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`)));
    for (const client of clients) expect(client.status).toBe(101);
    await subject.output('start', id);
    clients[0]?.socket.write('go\n');
    const outputs = await Promise.all(clients.map((client) => client.all()));
    for (const output of outputs) expect(output.toString('latin1')).toBe('\x01\0\0\0\0\0\0\x07to all\n');
    for (const client of clients) client.socket.destroy();
  });

  it('replays the log first when asked', async () => {
    const id = await subject.output('run', '-d', 'busybox', 'echo', 'earlier');
    await subject.output('wait', id);
    const client = await Client.hijack(subject.engine.socket, `/containers/${id}/attach?logs=1&stdout=1`);
    expect((await client.all()).toString('latin1')).toBe('\x01\0\0\0\0\0\0\x08earlier\n');
    client.socket.destroy();
  });

  it('refuses to attach to what does not run', async () => {
    const id = await subject.output('create', 'busybox');
    expect((await subject.docker('attach', id)).stderr).toContain('cannot attach to a stopped container');
  });
});

describe('the rest', () => {
  it('shows processes with top', async () => {
    const id = await sleeper();
    const lines = (await subject.output('top', id, '-o', 'pid,args')).split('\n');
    expect(lines[0]).toMatch(/PID\s+COMMAND/);
    expect(lines[1]).toMatch(/\d+\s+sleep 1000/);
  });

  recent('does not know of a stop of a container that is being removed', async () => {
    const id = await sleeper();
    await Promise.all([subject.docker('rm', '-f', id), subject.docker('stop', '-t', '0', id)]);
    expect((await subject.api.request('GET', `/containers/${id}/json`)).status).toBe(404);
  });
});

leavesNothingBehind(subject);
