/** `docker run`: what goes in, what comes out. */
import { describe, expect } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../support/command.ts';
import { dockerCommands } from '../support/docker-command.ts';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, it, needs } = useEngine();
const recent = requires(...needs, 'engine-28');

/** A shell script in a new container; its output, when it succeeds. */
const shell = (script: string, ...flags: string[]) => subject.output('run', '--rm', ...flags, 'busybox', 'sh', '-c', script);

describe('output and exit code', () => {
  it('keeps stdout and stderr apart', async () => {
    expect(await subject.docker('run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2')).toEqual({ code: 0, stdout: 'out\n', stderr: 'err\n' });
  });

  for (const code of [1, 3, 255]) {
    it(`passes exit code ${code} on`, async () => {
      expect((await subject.docker('run', '--rm', 'busybox', 'sh', '-c', `exit ${code}`)).code).toBe(code);
    });
  }

  it('is 128+n for a signal', async () => {
    expect((await subject.docker('run', '--rm', '--init', 'busybox', 'sh', '-c', 'kill -KILL $$')).code).toBe(137);
    expect((await subject.docker('run', '--rm', '--init', 'busybox', 'sh', '-c', 'kill -TERM $$')).code).toBe(143);
  });

  it('is 127 when the command does not exist', async () => {
    const result = await subject.docker('run', '--rm', 'busybox', 'no-such-command');
    expect(result.code).toBe(127);
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain('exec: "no-such-command": executable file not found in $PATH');
  });

  it('is 127 when the path does not exist', async () => {
    const result = await subject.docker('run', '--rm', 'busybox', '/no/such/path');
    expect(result.code).toBe(127);
    expect(result.stderr).toContain('exec: "/no/such/path": stat /no/such/path: no such file or directory');
  });

  it('is 126 when the command may not be executed', async () => {
    const result = await subject.docker('run', '--rm', 'busybox', '/etc/passwd');
    expect(result.code).toBe(126);
    expect(result.stderr).toContain('exec: "/etc/passwd": permission denied');
  });

  it('is 125 when the daemon refuses', async () => {
    const result = await subject.docker('run', '--rm', '--memory', '1k', 'busybox', 'true');
    expect(result.code).toBe(125);
    expect(result.stderr).toContain('Minimum memory limit allowed is 6MB');
  });

  it('leaves no container behind after a start that failed with --rm', async () => {
    await subject.docker('run', '--rm', '--name', 'failed', 'busybox', 'no-such-command');
    expect(await subject.output('ps', '-aq', '--filter', 'name=failed')).toBe('');
  });

  it('carries a megabyte of every byte both ways', async () => {
    const bytes = randomBytes(1 << 20);
    const result = await subject.docker('run', '--rm', '-i', 'busybox', 'cat', { stdin: bytes, encoding: 'latin1' });
    expect(Buffer.from(result.stdout, 'latin1').equals(bytes)).toBe(true);
  });

  it('ends stdin where the client ends it, and goes on sending output', async () => {
    expect((await subject.docker('run', '--rm', '-i', 'busybox', 'sh', '-c', 'wc -c; echo after', { stdin: 'x'.repeat(3_000_000) })).stdout).toBe('3000000\nafter\n');
  });

  it('gives no stdin without -i', async () => {
    expect((await subject.docker('run', '--rm', 'busybox', 'wc', '-c', { stdin: 'lost' })).stdout).toBe('0\n');
  });

  it('prints the id with -d', async () => {
    expect(await subject.output('run', '-d', 'busybox', 'true')).toMatch(/^[0-9a-f]{64}$/);
  });

  it('removes the container with --rm, keeps it without', async () => {
    await subject.output('run', '--name', 'kept', 'busybox', 'true');
    await subject.output('run', '--rm', '--name', 'gone', 'busybox', 'true');
    expect(await subject.output('ps', '-a', '--format', '{{.Names}}', '--filter', 'name=kept', '--filter', 'name=gone')).toBe('kept');
  });

  it('says which container holds a name', async () => {
    const id = await subject.output('create', '--name', 'taken', 'busybox');
    const result = await subject.docker('run', '--name', 'taken', 'busybox');
    expect(result.code).toBe(125);
    expect(result.stderr).toContain(
      `Error response from daemon: Conflict. The container name "/taken" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
    );
  });

  it('says that an image is not there', async () => {
    const result = await subject.docker('run', '--pull', 'never', '--rm', 'no-such-image', 'true');
    expect(result.code).toBe(125);
    expect(result.stderr).toContain('No such image: no-such-image:latest');
  });
});

describe('environment and identity', () => {
  it('sets PATH, HOME, HOSTNAME and -e', async () => {
    const lines = (await subject.output('run', '--rm', '-h', 'box', '-e', 'A=1', '-e', 'B=two words', '-e', 'FROM_CALLER', 'busybox', 'env', { env: { FROM_CALLER: 'here' } })).split('\n');
    expect(lines.toSorted()).toEqual(
      ['A=1', 'B=two words', 'FROM_CALLER=here', 'HOME=/root', 'HOSTNAME=box', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    );
  });

  it('reads --env-file', async () => {
    const file = path.join(subject.engine.scratch, 'env');
    writeFileSync(file, '# a comment\nONE=1\nEMPTY=\n\nTWO=a=b\n');
    expect(await shell('echo "$ONE|$EMPTY|$TWO"', '--env-file', file)).toBe('1||a=b');
  });

  it('makes a missing working directory', async () => {
    expect(await shell('pwd', '-w', '/made/for/you')).toBe('/made/for/you');
  });

  it('sets host and domain name', async () => {
    expect(await shell('hostname; cat /proc/sys/kernel/domainname; cat /etc/hostname', '--hostname', 'alpha', '--domainname', 'example.org')).toBe('alpha\nexample.org\nalpha');
  });

  it('takes the short id as host name by default', async () => {
    const id = await subject.output('run', '-d', 'busybox', 'hostname');
    await subject.output('wait', id);
    expect(await subject.output('logs', id)).toBe(id.slice(0, 12));
  });

  it('replaces the entry point', async () => {
    expect(await subject.output('run', '--rm', '--entrypoint', 'echo', 'busybox', 'a', 'b')).toBe('a b');
  });

  it('keeps labels', async () => {
    const id = await subject.output('create', '--label', 'a=1', '--label', 'b', 'busybox');
    expect(JSON.parse(await subject.inspect(id, '{{json .Config.Labels}}'))).toEqual({ a: '1', b: '' });
  });

  it('writes --cidfile', async () => {
    const file = path.join(subject.engine.scratch, 'cid');
    const id = await subject.output('run', '-d', '--cidfile', file, 'busybox', 'true');
    expect(readFileSync(file, 'utf8')).toBe(id);
  });

  it('runs as a user by name, number and group', async () => {
    expect(await shell('id')).toBe('uid=0(root) gid=0(root) groups=0(root),10(wheel)');
    expect(await shell('id', '-u', 'nobody')).toBe('uid=65534(nobody) gid=65534(nobody) groups=65534(nobody)');
    expect(await shell('id', '-u', '1234')).toBe('uid=1234 gid=0(root) groups=0(root)');
    expect(await shell('id', '-u', '1234:5678')).toBe('uid=1234 gid=5678 groups=5678');
    expect(await shell('id', '-u', 'www-data:tty')).toBe('uid=33(www-data) gid=5(tty) groups=5(tty)');
    expect(await shell('echo $HOME', '-u', 'www-data')).toBe('/var/www');
  });

  it('adds supplementary groups', async () => {
    expect(await shell('id -G', '-u', '1234:5678', '--group-add', 'tty', '--group-add', '777')).toBe('5678 5 777');
  });

  it('refuses a user that the image does not know', async () => {
    const result = await subject.docker('run', '--rm', '-u', 'stranger', 'busybox', 'true');
    expect(result.code).toBe(125);
    expect(result.stderr).toContain('unable to find user stranger: no matching entries in passwd file');
  });

  it('drops all capabilities for a user that is not root', async () => {
    expect(await shell('grep -E "^Cap(Prm|Eff|Amb)" /proc/self/status', '-u', '1000')).toBe('CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000');
  });
});

describe('files and mounts', () => {
  const hostDirectory = (name: string): string => {
    const directory = path.join(subject.engine.scratch, name);
    mkdirSync(directory, { recursive: true });
    writeFileSync(path.join(directory, 'file'), 'from the host\n');
    return directory;
  };

  it('binds a directory read-write', async () => {
    const directory = hostDirectory('rw');
    expect(await shell('cat /data/file; echo new > /data/made', '-v', `${directory}:/data`)).toBe('from the host');
    expect(readFileSync(path.join(directory, 'made'), 'utf8')).toBe('new\n');
  });

  it('binds read-only', async () => {
    const result = await subject.docker('run', '--rm', '-v', `${hostDirectory('ro')}:/data:ro`, 'busybox', 'touch', '/data/made');
    expect(result).toMatchObject({ code: 1, stderr: 'touch: /data/made: Read-only file system\n' });
  });

  it('binds one file', async () => {
    expect(await shell('cat /etc/motd', '-v', `${hostDirectory('single')}/file:/etc/motd:ro`)).toBe('from the host');
  });

  it('makes a missing source of -v', async () => {
    const source = path.join(subject.engine.scratch, 'not/there/yet');
    expect(await shell('echo x > /data/made; cat /data/made', '-v', `${source}:/data`)).toBe('x');
    expect(readFileSync(path.join(source, 'made'), 'utf8')).toBe('x\n');
  });

  it('refuses a missing source of --mount', async () => {
    const source = path.join(subject.engine.scratch, 'nowhere');
    const result = await subject.docker('run', '--rm', '--mount', `type=bind,source=${source},target=/data`, 'busybox', 'true');
    expect(result.code).toBe(125);
    expect(result.stderr).toContain(`invalid mount config for type "bind": bind source path does not exist: ${source}`);
  });

  it('takes --mount type=bind,readonly', async () => {
    expect(await shell('cat /data/file; touch /data/x 2>&1 || true', '--mount', `type=bind,source=${hostDirectory('mount')},target=/data,readonly`)).toBe(
      'from the host\ntouch: /data/x: Read-only file system',
    );
  });

  it('mounts tmpfs with size and mode', async () => {
    const lines = await shell('grep " /scratch " /proc/mounts; stat -c %a /scratch', '--tmpfs', '/scratch:size=64k,mode=1770');
    expect(lines).toMatch(/^tmpfs \/scratch tmpfs rw,nosuid,nodev,noexec,relatime,size=64k,mode=1770 0 0\n1770$/);
  });

  it('takes --mount type=tmpfs', async () => {
    expect(await shell('grep " /scratch " /proc/mounts', '--mount', 'type=tmpfs,target=/scratch,tmpfs-size=65536')).toContain('size=64k');
  });

  it('makes the root read-only, but not /dev/shm', async () => {
    expect(await shell('touch /x 2>&1; touch /dev/shm/y && echo fine; touch /etc/hosts 2>&1 || true', '--read-only')).toBe(
      'touch: /x: Read-only file system\nfine\ntouch: /etc/hosts: Read-only file system',
    );
  });

  it('sizes /dev/shm', async () => {
    expect(await shell('df -k /dev/shm | tail -1 | awk \'{print $2}\'')).toBe('65536');
    expect(await shell('df -k /dev/shm | tail -1 | awk \'{print $2}\'', '--shm-size', '1m')).toBe('1024');
  });

  it('refuses a relative mount path', async () => {
    const result = await subject.docker('run', '--rm', '-v', '/tmp:relative', 'busybox', 'true');
    expect(result.code).toBe(125);
    expect(result.stderr).toContain("invalid mount path: 'relative' mount path must be absolute");
  });

  it('gives the same bind twice only with an error', async () => {
    const result = await subject.docker('run', '--rm', '-v', '/tmp:/data', '-v', '/var:/data', 'busybox', 'true');
    expect(result.code).toBe(125);
    expect(result.stderr).toContain('Duplicate mount point: /data');
  });
});

describe('privileges', () => {
  const effective = async (...flags: string[]) => (await shell('grep CapEff /proc/self/status', ...flags)).replace(/.*\t/, '');

  it('gives the default capabilities', async () => {
    expect(await effective()).toBe('00000000a80425fb');
  });

  it('adds and drops capabilities', async () => {
    expect(await effective('--cap-drop', 'ALL')).toBe('0000000000000000');
    expect(await effective('--cap-drop', 'ALL', '--cap-add', 'NET_BIND_SERVICE')).toBe('0000000000000400');
    expect(await effective('--cap-drop', 'CHOWN', '--cap-add', 'SYS_TIME')).toBe('00000000aa0425fa');
    expect(await effective('--cap-drop', 'cap_chown')).toBe('00000000a80425fa');
  });

  it('refuses a capability nobody knows', async () => {
    const result = await subject.docker('run', '--rm', '--cap-add', 'FLYING', 'busybox', 'true');
    expect(result.code).toBe(125);
    expect(result.stderr).toContain('invalid CapAdd: unknown capability: "CAP_FLYING"');
  });

  it('sets no-new-privileges', async () => {
    expect(await shell('grep NoNewPrivs /proc/self/status')).toBe('NoNewPrivs:\t0');
    expect(await shell('grep NoNewPrivs /proc/self/status', '--security-opt', 'no-new-privileges')).toBe('NoNewPrivs:\t1');
  });

  it('sets limits', async () => {
    expect(await shell('ulimit -Sn; ulimit -Hn; ulimit -c', '--ulimit', 'nofile=100:200', '--ulimit', 'core=0')).toBe('100\n200\n0');
  });

  it('sets sysctls of its namespaces', async () => {
    expect(await shell('cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax', '--sysctl', 'net.ipv4.ip_unprivileged_port_start=77', '--sysctl', 'kernel.msgmax=4096')).toBe('77\n4096');
  });

  it('refuses sysctls of the whole machine', async () => {
    const result = await subject.docker('run', '--rm', '--sysctl', 'kernel.panic=1', 'busybox', 'true');
    expect(result.code).toBe(125);
    expect(result.stderr).toContain('kernel.panic');
  });

  it('adds a device', async () => {
    expect(await shell('ls -l /dev/kmsg 2>&1 | cut -c1-10; test -r /dev/mem2 && echo device', '--device', '/dev/zero:/dev/mem2:r')).toContain('device');
  });

  it('denies devices that were not given', async () => {
    const result = await subject.docker('run', '--rm', 'busybox', 'sh', '-c', 'mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg');
    expect(result).toMatchObject({ code: 1, stderr: "cat: can't open '/tmp/kmsg': Operation not permitted\n" });
  });

  recent('gives all devices and capabilities when privileged', async () => {
    const own = /CapEff:\t(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    expect(await effective('--privileged')).toBe(own as string);
    expect(await shell('test -c /dev/kmsg && echo there; grep " /sys " /proc/mounts; grep -c " /proc/sys " /proc/mounts || true', '--privileged')).toMatch(/^there\nsysfs \/sys sysfs rw,.*\n0$/);
  });

  it('runs an init that reaps zombies', async () => {
    // The orphan's parent becomes pid 1; without an init that waits for it, it would stay as a zombie.
    const script = '(sleep 0.1 & exec true) ; sleep 0.5; ps -o stat,comm | grep -c "^Z" || true';
    expect(await shell(script, '--init')).toBe('0');
    expect((await shell('ps -o pid,comm | sed -n 2p', '--init')).trim()).not.toContain('sh');
  });
});

describe('seccomp', () => {
  it('filters by default', async () => {
    expect(await shell('grep ^Seccomp: /proc/self/status')).toBe('Seccomp:\t2');
    const result = await subject.docker('run', '--rm', 'busybox', 'unshare', '-U', 'true');
    expect(result).toMatchObject({ code: 1, stderr: 'unshare: unshare(0x10000000): Operation not permitted\n' });
  });

  it('lets through what capabilities allow', async () => {
    expect(await shell('mount -t tmpfs none /mnt 2>&1 || mkdir /mnt && mount -t tmpfs none /mnt && echo mounted', '--cap-add', 'SYS_ADMIN')).toContain('mounted');
    expect((await subject.docker('run', '--rm', 'busybox', 'mount', '-t', 'tmpfs', 'none', '/tmp')).code).not.toBe(0);
  });

  it('can be switched off', async () => {
    expect(await shell('grep ^Seccomp: /proc/self/status; unshare -U true && echo unshared', '--security-opt', 'seccomp=unconfined')).toBe('Seccomp:\t0\nunshared');
  });

  it('takes a profile of the user', async () => {
    const file = path.join(subject.engine.scratch, 'profile.json');
    writeFileSync(file, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }] }));
    const result = await subject.docker('run', '--rm', '--security-opt', `seccomp=${file}`, 'busybox', 'mkdir', '/tmp/x');
    expect(result).toMatchObject({ code: 1, stderr: "mkdir: can't create directory '/tmp/x': No space left on device\n" });
  });
});

describe('resources', () => {
  requires(...needs, 'engine-28', 'cgroup-v1')('limits memory, processors and processes with cgroup version 1', async () => {
    const read = 'cd /sys/fs/cgroup; p=$(sed -n "s/.*:memory://p" /proc/self/cgroup)';
    const flags = ['-m', '32m', '--cpus', '0.5', '--pids-limit', '50', '--privileged'];
    const script = `${read}; for f in memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us pids/pids.max; do cat $f 2>/dev/null || cat \${f%/*}$p/\${f#*/}; done`;
    expect(await shell(script, ...flags)).toBe('33554432\n50000\n100000\n50');
  });

  it('kills what takes more memory than it has', async () => {
    const id = await subject.output('create', '-m', '16m', '--memory-swap', '16m', 'busybox', 'sh', '-c', 'dd if=/dev/zero of=/dev/null bs=64M count=1');
    await subject.docker('start', '-a', id);
    expect(await subject.inspect(id, '{{.State.ExitCode}} {{.State.OOMKilled}}')).toBe('137 true');
  });
});

describe('every docker command here', () => {
  for (const docker of dockerCommands()) {
    it(`runs, executes and removes with ${docker}`, async () => {
      const command = (...args: string[]) => run([docker, ...args], { env: subject.environment });
      expect(await command('run', '--rm', 'busybox', 'echo', 'hello')).toEqual({ code: 0, stdout: 'hello\n', stderr: '' });
      const id = (await command('run', '-d', 'busybox', 'sleep', '1000')).stdout.trim();
      expect(await command('exec', id, 'echo', 'inside')).toEqual({ code: 0, stdout: 'inside\n', stderr: '' });
      expect((await command('ps', '-q', '--no-trunc')).stdout).toContain(id);
      expect(await command('rm', '-f', id)).toEqual({ code: 0, stdout: `${id}\n`, stderr: '' });
    });
  }
});

leavesNothingBehind(subject);
