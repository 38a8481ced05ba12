/** Which namespaces a container has of its own, and which it shares. */
import { describe, expect } from 'bun:test';
import { namespaceOf } from '../support/processes.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine();
const ourOwn = requires(...needs, 'caisson');

const KINDS = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'] as const;
type Kind = (typeof KINDS)[number];

/** Namespaces of the first process of a new sleeping container; the container's id comes with them. */
async function namespaces(...flags: string[]): Promise<Record<Kind, string | undefined> & { id: string }> {
  const id = await subject.output('run', '-d', ...flags, 'busybox', 'sleep', '1000');
  const pid = Number(await subject.inspect(id, '{{.State.Pid}}'));
  const entries = KINDS.map((kind) => [kind, namespaceOf(pid, kind)] as const);
  return { id, ...(Object.fromEntries(entries) as Record<Kind, string>) };
}

/** The namespace that the engine itself is in. */
const engineNamespace = (kind: Kind) => namespaceOf(subject.engine.pid, kind);

describe('by default', () => {
  it('has namespaces of its own', async () => {
    const [own, other] = [await namespaces(), await namespaces()];
    for (const kind of ['ipc', 'mnt', 'net', 'pid', 'uts'] as const) {
      expect(own[kind]).not.toBe(engineNamespace(kind) as string);
      expect(own[kind]).not.toBe(other[kind] as string);
    }
    expect(own.user).toBe(engineNamespace('user') as string);
  });

  it('has a private cgroup namespace with --cgroupns private', async () => {
    expect((await namespaces('--cgroupns', 'private')).cgroup).not.toBe(engineNamespace('cgroup') as string);
    expect(await subject.output('run', '--rm', '--cgroupns', 'private', 'busybox', 'cut', '-d:', '-f3', '/proc/self/cgroup')).toMatch(/^(\/\n?)+$/);
  });

  it('sees only its own processes', async () => {
    expect(await subject.output('run', '--rm', 'busybox', 'sh', '-c', 'set -- /proc/[0-9]*; echo $$ $#')).toBe('1 1');
  });

  it('has nothing but loopback, and that is up, with --network none', async () => {
    const lines = await subject.output('run', '--rm', '--network', 'none', 'busybox', 'sh', '-c', 'ip -o link show up | cut -d: -f2; ip -o -4 addr | awk \'{print $4}\'; ping -c1 -W5 127.0.0.1 >/dev/null && echo answers');
    expect(lines).toBe(' lo\n127.0.0.1/8\nanswers');
  });
});

describe('host', () => {
  const flags = { cgroup: '--cgroupns', ipc: '--ipc', net: '--network', pid: '--pid', uts: '--uts' } as const;
  for (const [kind, flag] of Object.entries(flags)) {
    it(`shares the ${kind} namespace of the engine with ${flag} host`, async () => {
      expect((await namespaces(flag, 'host'))[kind as Kind]).toBe(engineNamespace(kind as Kind) as string);
    });
  }

  it('keeps the host name of the machine with --uts host', async () => {
    const [own, machine] = [await subject.output('run', '--rm', '--uts', 'host', 'busybox', 'hostname'), (await Bun.file('/proc/sys/kernel/hostname').text()).trim()];
    expect(own).toBe(machine);
  });

  it('refuses --hostname with --uts host', async () => {
    const result = await subject.docker('run', '--rm', '--uts', 'host', '--hostname', 'x', 'busybox', 'true');
    expect(result.code).toBe(125);
    expect(result.stderr).toContain('conflicting options: hostname and the UTS mode');
  });
});

describe('container:ID', () => {
  const flags = { net: '--network', pid: '--pid' } as const;
  for (const [kind, flag] of Object.entries(flags)) {
    it(`joins the ${kind} namespace of another container`, async () => {
      const target = await namespaces();
      expect((await namespaces(flag, `container:${target.id}`))[kind as Kind]).toBe(target[kind as Kind] as string);
    });
  }

  it('sees the processes of the other container', async () => {
    const target = await namespaces();
    expect(await subject.output('run', '--rm', '--pid', `container:${target.id}`, 'busybox', 'sh', '-c', 'tr "\\0" " " < /proc/1/cmdline')).toBe('sleep 1000 ');
  });

  it('shares hosts and host name with --network container:', async () => {
    const id = await subject.output('run', '-d', '--hostname', 'shared', '--add-host', 'friend:10.1.2.3', 'busybox', 'sleep', '1000');
    expect(await subject.output('run', '--rm', '--network', `container:${id}`, 'busybox', 'sh', '-c', 'cat /etc/hostname; grep friend /etc/hosts')).toBe('shared\n10.1.2.3\tfriend');
  });

  it('refuses to join a container that is not running', async () => {
    const id = await subject.output('create', '--name', 'at-rest', 'busybox', 'true');
    const start = async (option: string) => {
      const { stderr, code } = await subject.docker('run', '--rm', option, `container:${id}`, 'busybox', 'true');
      return `${code} ${stderr.split('\n')[0]}`;
    };
    expect(await start('--network')).toContain('125 docker: Error response from daemon: cannot join network namespace of a non running container: container at-rest is created');
    for (const [option, name] of [['--pid', 'PID'], ['--ipc', 'IPC']] as const) {
      expect(await start(option)).toContain(`125 docker: Error response from daemon: failed to join ${name} namespace: container ${id} is not running`);
    }
  });

  it('says which namespace of a container that is not there', async () => {
    const { stderr } = await subject.docker('run', '--rm', '--network', 'container:stranger', 'busybox', 'true');
    expect(stderr).toContain('joining network namespace of container: No such container: stranger');
  });

  it('refuses to join a container that does not exist', async () => {
    const result = await subject.docker('run', '--rm', '--pid', 'container:stranger', 'busybox', 'true');
    expect(result.code).toBe(125);
    expect(result.stderr).toContain('No such container: stranger');
  });

  it('refuses --hostname with --network container:', async () => {
    const target = await subject.output('run', '-d', 'busybox', 'sleep', '1000');
    const result = await subject.docker('run', '--rm', '--hostname', 'x', '--network', `container:${target}`, 'busybox', 'true');
    expect(result.code).toBe(125);
    expect(result.stderr).toContain('conflicting options: hostname and the network mode');
  });
});

describe('ipc', () => {
  it('shares segments and /dev/shm of a shareable container', async () => {
    const target = await namespaces('--ipc', 'shareable');
    await subject.output('exec', target.id, 'sh', '-c', 'echo hello > /dev/shm/note');
    const joined = await namespaces('--ipc', `container:${target.id}`);
    expect(joined.ipc).toBe(target.ipc as string);
    expect(await subject.output('exec', joined.id, 'cat', '/dev/shm/note')).toBe('hello');
  });

  it('refuses to share a private one', async () => {
    const target = await namespaces('--ipc', 'private');
    const result = await subject.docker('run', '--rm', '--ipc', `container:${target.id}`, 'busybox', 'true');
    expect(result.code).toBe(125);
    expect(result.stderr).toContain('non-shareable IPC (hint: use IpcMode:shareable for the donor container)');
  });

  it('has no /dev/shm with --ipc none', async () => {
    expect(await subject.output('run', '--rm', '--ipc', 'none', 'busybox', 'sh', '-c', 'grep -c " /dev/shm " /proc/mounts || true')).toBe('0');
  });
});

describe('time', () => {
  const create = (offsets: Record<string, string>, command: string[]) =>
    subject.api.json<{ Id: string }>('POST', '/containers/create', { Image: 'busybox', Cmd: command, HostConfig: { NetworkMode: 'none', TimeOffsets: offsets } });

  ourOwn('shifts the clocks of a time namespace', async () => {
    const { Id } = await create({ monotonic: '+240h', boottime: '+240h' }, ['cut', '-d.', '-f1', '/proc/uptime']);
    const uptime = Number(await subject.output('start', '-a', Id));
    const machine = parseInt(await Bun.file('/proc/uptime').text(), 10);
    expect(uptime - machine).toBeGreaterThanOrEqual(240 * 3600 - 1);
    expect(uptime - machine).toBeLessThan(240 * 3600 + 60);
  });

  ourOwn('refuses a clock that has no offset', async () => {
    const answer = await subject.api.request('POST', '/containers/create', { Image: 'busybox', HostConfig: { TimeOffsets: { realtime: '+1h' } } });
    expect(answer.status).toBe(400);
    expect(answer.body.toString()).toContain('realtime');
  });
});

leavesNothingBehind(subject);
