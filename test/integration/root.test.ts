/** The root file system of a container: what is mounted, masked, made and shown on the host. */
import { describe, expect } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine();
const recent = requires(...needs, 'engine-28');

const shell = (script: string, ...flags: string[]) => subject.output('run', '--rm', ...flags, 'busybox', 'sh', '-c', script);

interface MountLine {
  readonly type: string;
  readonly options: string[];
}

/** /proc/mounts of a container by mount point; the last mount on a point is the one seen. */
async function mounts(...flags: string[]): Promise<Map<string, MountLine>> {
  const lines = (await shell('cat /proc/mounts', ...flags)).split('\n').map((line) => line.split(' '));
  return new Map(lines.map(([, point = '', type = '', options = '']) => [point, { type, options: options.split(',') }]));
}

describe('mounts', () => {
  const EXPECTED: Record<string, [type: string, ...options: string[]]> = {
    '/': ['overlay', 'rw'],
    '/proc': ['proc', 'rw', 'nosuid', 'nodev', 'noexec'],
    '/dev': ['tmpfs', 'rw', 'nosuid', 'size=65536k', 'mode=755'],
    '/dev/pts': ['devpts', 'rw', 'nosuid', 'noexec', 'gid=5', 'mode=620', 'ptmxmode=666'],
    '/sys': ['sysfs', 'ro', 'nosuid', 'nodev', 'noexec'],
    '/dev/mqueue': ['mqueue', 'rw', 'nosuid', 'nodev', 'noexec'],
    '/dev/shm': ['tmpfs', 'rw', 'nosuid', 'nodev', 'noexec', 'size=65536k'],
    '/proc/bus': ['proc', 'ro'],
    '/proc/fs': ['proc', 'ro'],
    '/proc/irq': ['proc', 'ro'],
    '/proc/sys': ['proc', 'ro'],
    '/proc/acpi': ['tmpfs', 'ro'],
    '/sys/firmware': ['tmpfs', 'ro'],
  };

  it('has the mounts Docker makes, with their options', async () => {
    const found = await mounts();
    for (const [point, [type, ...options]] of Object.entries(EXPECTED)) {
      if ((point === '/proc/acpi' || point === '/sys/firmware') && !existsSync(point)) continue;
      expect({ point, ...found.get(point) }).toMatchObject({ point, type });
      expect({ point, options: found.get(point)?.options }).toEqual({ point, options: expect.arrayContaining(options) });
    }
  });

  it('has no other mounts', async () => {
    const found = [...(await mounts()).keys()];
    const masked = ['/proc/asound', '/proc/interrupts', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list', '/proc/timer_stats', '/proc/sched_debug', '/proc/scsi', '/proc/sysrq-trigger'];
    const known = new Set([...Object.keys(EXPECTED), ...masked, '/etc/hosts', '/etc/hostname', '/etc/resolv.conf']);
    expect(found.filter((point) => !known.has(point) && !/^\/sys\/(fs\/cgroup|devices\/virtual\/powercap|devices\/system\/cpu\/cpu\d+\/thermal_throttle)/.test(point))).toEqual([]);
  });

  it('shows its own cgroups, read-only', async () => {
    expect(await shell('mkdir /sys/fs/cgroup/x /sys/fs/cgroup/memory/x 2>&1 | head -1')).toMatch(/Read-only file system$/);
  });

  it('masks what would tell about the machine', async () => {
    expect(await shell('wc -c < /proc/keys; wc -c < /proc/timer_list; ls /sys/firmware | wc -l')).toBe('0\n0\n0');
  });

  it('does not let the kernel be set', async () => {
    expect(await shell('echo 0 2>&1 > /proc/sys/kernel/panic || true')).toContain('Read-only file system');
  });

  it('masks and fixes nothing with systempaths=unconfined', async () => {
    expect(await shell('grep -c -E " /proc/(sys|keys|timer_list) " /proc/mounts || true', '--security-opt', 'systempaths=unconfined')).toBe('0');
  });

  it('leaves nothing of the old root to be reached', async () => {
    expect(await shell('ls /proc/1/root/ | grep -c -E "^(work|boot|lib64)$" || true; grep -c /tmp/ /proc/self/mountinfo || true')).toMatch(/^0\n/);
  });
});

describe('/dev', () => {
  it('has the default nodes with their numbers and modes', async () => {
    const nodes = await shell('cd /dev; for n in full null random tty urandom zero; do stat -c "%n %a %t,%T %u:%g" $n; done');
    expect(nodes).toBe(['full 666 1,7', 'null 666 1,3', 'random 666 1,8', 'tty 666 5,0', 'urandom 666 1,9', 'zero 666 1,5'].map((line) => `${line} 0:0`).join('\n'));
  });

  it('has the usual links and nothing else', async () => {
    // A kernel that is configured without has no /proc/kcore.
    const core = existsSync('/proc/kcore') ? ['core /proc/kcore'] : [];
    expect((await shell('cd /dev; for n in *; do echo $n $(readlink $n); done')).split('\n')).toEqual(
      [...core, 'fd /proc/self/fd', 'full', 'mqueue', 'null', 'ptmx pts/ptmx', 'pts', 'random', 'shm', 'stderr /proc/self/fd/2', 'stdin /proc/self/fd/0', 'stdout /proc/self/fd/1', 'tty', 'urandom', 'zero'],
    );
  });

  it('opens /dev/stdout', async () => {
    expect(await shell('echo by name > /dev/stdout')).toBe('by name');
  });

  it('has a console with -t', async () => {
    const output = await shell('test -c /dev/console && tty', '-t');
    expect(output.trim()).toBe('/dev/pts/0');
  });
});

describe('network files', () => {
  it('writes hosts, host name and resolver configuration', async () => {
    const output = await shell('cat /etc/hostname; cat /etc/hosts; cat /etc/resolv.conf', '--hostname', 'alpha', '--add-host', 'friend:10.1.2.3', '--dns', '192.0.2.53', '--dns-search', 'example.org', '--dns-option', 'ndots:2');
    const lines = output.split('\n');
    expect(lines[0]).toBe('alpha');
    expect(lines).toContain('127.0.0.1\tlocalhost');
    expect(lines).toContain('10.1.2.3\tfriend');
    expect(lines).toContain('nameserver 192.0.2.53');
    expect(lines).toContain('search example.org');
    expect(lines).toContain('options ndots:2');
  });

  it('has the IPv6 names in hosts', async () => {
    expect(await shell('cat /etc/hosts')).toContain('ip6-localhost ip6-loopback');
  });
});

describe('layers', () => {
  const inNamespace = (file: string) => `/proc/${subject.engine.namespaces.pid}/root${file}`;

  it('shows the root on the host where inspect says', async () => {
    const id = await subject.output('run', '-d', 'busybox', 'sh', '-c', 'echo written > /note; sleep 1000');
    await subject.output('exec', id, 'sh', '-c', 'until test -s /note; do :; done');
    const data = JSON.parse(await subject.inspect(id, '{{json .GraphDriver.Data}}')) as Record<string, string>;
    expect(Object.keys(data)).toEqual(expect.arrayContaining(['LowerDir', 'MergedDir', 'UpperDir', 'WorkDir']));
    expect(readFileSync(inNamespace(path.join(data.MergedDir as string, 'note')), 'utf8')).toBe('written\n');
    expect(readFileSync(path.join(data.UpperDir as string, 'note'), 'utf8')).toBe('written\n');
    expect(existsSync(path.join(data.WorkDir as string, 'work'))).toBe(true);
    for (const lower of (data.LowerDir as string).split(':')) expect(existsSync(lower)).toBe(true);
  });

  it('keeps what a container wrote until it is removed', async () => {
    const id = await subject.output('create', 'busybox', 'sh', '-c', 'cat /note 2>/dev/null || echo first > /note');
    expect(await subject.output('start', '-a', id)).toBe('');
    expect(await subject.output('start', '-a', id)).toBe('first');
    const upper = await subject.inspect(id, '{{.GraphDriver.Data.UpperDir}}');
    await subject.output('rm', id);
    expect(existsSync(upper)).toBe(false);
  });

  it('does not share writes between containers', async () => {
    await shell('echo x > /bin/shared');
    expect(await shell('ls /bin/shared 2>&1 || true')).toContain('No such file or directory');
  });

  it('keeps the files it made itself out of the writable layer', async () => {
    const id = await subject.output('create', 'busybox', 'sh', '-c', 'rm /bin/ls; echo x > /made');
    await subject.output('start', '-a', id);
    const upper = await subject.inspect(id, '{{.GraphDriver.Data.UpperDir}}');
    for (const own of ['etc/hosts', 'etc/hostname', 'etc/resolv.conf', 'dev', 'proc', 'sys', '.dockerenv']) expect({ own, there: existsSync(path.join(upper, own)) }).toEqual({ own, there: false });
    expect(existsSync(path.join(upper, 'made'))).toBe(true);
  });

  recent('has /.dockerenv, as programs look for it', async () => {
    expect(await shell('test -e /.dockerenv && echo there')).toBe('there');
  });
});

leavesNothingBehind(subject);
