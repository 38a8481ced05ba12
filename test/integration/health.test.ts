/** Health checks: when they run, what they change, and who is told. */
import { describe, expect } from 'bun:test';
import { Client } from '../support/http.ts';
import { busyboxRoot } from '../support/image.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine();
const recent = requires(...needs, 'engine-28');

interface Health {
  readonly Status: string;
  readonly FailingStreak: number;
  readonly Log: readonly { readonly Start: string; readonly End: string; readonly ExitCode: number; readonly Output: string }[];
}

const healthOf = async (id: string) => JSON.parse(await subject.inspect(id, '{{json .State.Health}}')) as Health;
const checked = (check: string, ...flags: string[]) =>
  subject.output('run', '-d', '--network', 'none', '--health-cmd', check, '--health-interval', '50ms', ...flags, 'busybox', 'sleep', '1000');

async function comesTo(id: string, status: string): Promise<Health> {
  for (;;) {
    const health = await healthOf(id);
    if (health.Status === status) return health;
  }
}

/** `health_status` events of a container so far, and its next ones until `last`. */
async function healthEvents(id: string, last: string): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ container: [id], event: ['health_status'] }));
  const { body } = await Client.stream(subject.engine.socket, 'GET', `/events?since=1&filters=${filters}`);
  let text = '';
  for await (const chunk of body) {
    text += chunk.toString();
    if (text.includes(last)) break;
  }
  return text.trim().split('\n').map((line) => (JSON.parse(line) as { Action: string }).Action);
}

describe('a check', () => {
  it('makes a container healthy, and says so', async () => {
    const id = await checked('echo all is well; echo really >&2');
    const health = await comesTo(id, 'healthy');
    expect(health.FailingStreak).toBe(0);
    expect(health.Log[0]).toMatchObject({ ExitCode: 0, Output: expect.stringContaining('all is well\n') });
    expect(Date.parse(health.Log[0]?.End as string)).toBeGreaterThanOrEqual(Date.parse(health.Log[0]?.Start as string));
    expect(await subject.output('ps', '--filter', `id=${id}`, '--format', '{{.Status}}')).toMatch(/ \(healthy\)$/);
    expect(await healthEvents(id, 'healthy')).toEqual(['health_status: healthy']);
    await subject.output('rm', '-f', id);
  });

  it('that fails often enough makes it unhealthy, and recovery healthy again', async () => {
    const id = await checked('test -e /well', '--health-retries', '2');
    const health = await comesTo(id, 'unhealthy');
    expect(health.FailingStreak).toBeGreaterThanOrEqual(2);
    expect(health.Log[0]?.ExitCode).toBe(1);
    await subject.output('exec', id, 'touch', '/well');
    expect((await comesTo(id, 'healthy')).FailingStreak).toBe(0);
    expect(await healthEvents(id, ' healthy')).toEqual(['health_status: unhealthy', 'health_status: healthy']);
    await subject.output('rm', '-f', id);
  });

  it('is no failure within the start period', async () => {
    const id = await checked('false', '--health-retries', '1', '--health-start-period', '1h', '--health-start-interval', '20ms');
    for (;;) {
      const { Status, FailingStreak, Log } = await healthOf(id);
      expect([Status, FailingStreak]).toEqual(['starting', 0]);
      if (Log.length === 5) break;
    }
    expect(await subject.output('ps', '--filter', `id=${id}`, '--format', '{{.Status}}')).toMatch(/ \(health: starting\)$/);
    await subject.output('rm', '-f', id);
  });

  it('keeps the last five results', async () => {
    const id = await checked('date +%s%N >> /runs; wc -l < /runs');
    for (;;) {
      const { Log } = await healthOf(id);
      const numbers = Log.map(({ Output }) => Number(Output));
      expect(Log.length).toBeLessThanOrEqual(5);
      if ((numbers.at(-1) ?? 0) < 7) continue;
      expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] as number) + index));
      break;
    }
    await subject.output('rm', '-f', id);
  });

  it('has its output cut', async () => {
    const id = await checked('head -c 5000 /dev/zero | tr "\\\\0" x');
    const { Log } = await comesTo(id, 'healthy');
    expect(Log[0]?.Output).toBe(`${'x'.repeat(4096)}...`);
    await subject.output('rm', '-f', id);
  });

  recent('that takes too long is killed', async () => {
    const id = await checked('echo begun; sleep 1000', '--health-timeout', '200ms', '--health-retries', '1');
    const { Log } = await comesTo(id, 'unhealthy');
    expect(Log[0]).toMatchObject({ ExitCode: -1, Output: 'Health check exceeded timeout (200ms): begun\n' });
    await subject.output('rm', '-f', id);
  });

  it('that is not there fails', async () => {
    const { Id } = await subject.api.json<{ Id: string }>('POST', '/containers/create', {
      Image: 'busybox', Cmd: ['sleep', '1000'], Healthcheck: { Test: ['CMD', '/not/there'], Interval: 50_000_000, Retries: 1 }, HostConfig: { NetworkMode: 'none' },
    });
    await subject.output('start', Id);
    const { Log } = await comesTo(Id, 'unhealthy');
    expect(Log[0]?.ExitCode).not.toBe(0);
    expect(Log[0]?.Output).toContain('/not/there');
    await subject.output('rm', '-f', Id);
  });

  it('has the environment, the user and the directory of the container', async () => {
    const id = await checked('echo $COLOUR $(id -u) $(pwd)', '-e', 'COLOUR=blue', '-u', '123', '-w', '/tmp');
    expect((await comesTo(id, 'healthy')).Log[0]?.Output).toBe('blue 123 /tmp\n');
    await subject.output('rm', '-f', id);
  });
});

describe('no check', () => {
  it('without one, and with NONE, there is no health', async () => {
    for (const flags of [[], ['--no-healthcheck']]) {
      const id = await subject.output('run', '-d', '--network', 'none', ...flags, 'busybox', 'sleep', '1000');
      expect(await healthOf(id)).toBeNull();
      expect(await subject.output('ps', '-q', '--no-trunc', '--filter', `id=${id}`, '--filter', 'health=none')).toBe(id);
      await subject.output('rm', '-f', id);
    }
  });

  it('before the start there is none', async () => {
    const id = await subject.output('create', '--health-cmd', 'true', 'busybox');
    expect(await healthOf(id)).toBeNull();
  });
});

describe('an image', () => {
  it('brings its check along', async () => {
    const changes = encodeURIComponent('HEALTHCHECK --interval=50ms CMD echo from the image');
    await subject.api.json('POST', `/images/create?fromSrc=-&repo=checked&tag=1&changes=${changes}`, busyboxRoot());
    const id = await subject.output('run', '-d', '--network', 'none', 'checked:1', 'sleep', '1000');
    expect((await comesTo(id, 'healthy')).Log[0]?.Output).toBe('from the image\n');
    await subject.output('rm', '-f', id);
  });
});

describe('states', () => {
  it('who does not run is not healthy', async () => {
    const id = await checked('true');
    await comesTo(id, 'healthy');
    await subject.output('kill', id);
    expect((await healthOf(id)).Status).toBe('unhealthy');
    await subject.output('start', id);
    await comesTo(id, 'healthy');
    await subject.output('pause', id);
    expect((await healthOf(id)).Status).toBe('unhealthy');
    await subject.output('unpause', id);
    await comesTo(id, 'healthy');
    await subject.output('rm', '-f', id);
  });

  it('filters find it', async () => {
    const id = await checked('true');
    await comesTo(id, 'healthy');
    const found = async (status: string) => (await subject.output('ps', '-q', '--no-trunc', '--filter', `id=${id}`, '--filter', `health=${status}`)) === id;
    expect(await Promise.all(['healthy', 'unhealthy', 'starting', 'none'].map(found))).toEqual([true, false, false, false]);
    await subject.output('rm', '-f', id);
  });

  it('leaves no trace of its commands', async () => {
    const id = await checked('true');
    await comesTo(id, 'healthy');
    while ((await subject.inspect(id, '{{json .ExecIDs}}')) !== 'null');
    await subject.output('rm', '-f', id);
  });
});

requires(...needs, 'caisson')('goes on after the daemon was killed', async () => {
  const id = await checked('echo $((n=$(cat /n || echo 0)+1)) | tee /n');
  await comesTo(id, 'healthy');
  await subject.engine.endDaemon('SIGKILL');
  await subject.engine.startDaemon();
  const first = Number((await comesTo(id, 'healthy')).Log.at(-1)?.Output);
  while (Number((await healthOf(id)).Log.at(-1)?.Output) <= first);
  await subject.output('rm', '-f', id);
});

leavesNothingBehind(subject);
