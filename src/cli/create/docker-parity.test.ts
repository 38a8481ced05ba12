/**
 * The judge of `run` and `create`: what Docker's own client sends for an option set, recorded from a socket, must be what ours
 * sends. Skipped where there is no docker command of API 1.47 or newer.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseFlags } from '../flags/parse.ts';
import { CONTAINER_FLAGS } from './flags.ts';
import { buildCreate } from './request.ts';

const client = spawnSync('docker', ['version', '--format', '{{.Client.DefaultAPIVersion}}'], { encoding: 'utf8', env: { PATH: process.env['PATH'], DOCKER_HOST: 'unix:///nonexistent.sock' } });
const judge = /^1\.(\d+)/.exec(client.stdout ?? '');
const usable = judge !== null && Number(judge[1]) >= 47;
if (!usable) console.warn('skipped: no docker command of API 1.47 or newer to compare with');

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'caisson-parity-'));
const profile = path.join(directory, 'seccomp.json');
const environment = path.join(directory, 'environment');
fs.writeFileSync(profile, '{ "defaultAction": "SCMP_ACT_ALLOW" }\n');
fs.writeFileSync(environment, '# variables\nA=1\n\n  INDENTED=x y \nHOME\nNOT_SET_ANYWHERE\nEMPTY=\n');

let body = '';
const server = http.createServer((request, response) => {
  let text = '';
  request.on('data', (chunk: Buffer) => (text += chunk.toString()));
  request.on('end', () => {
    response.setHeader('Api-Version', '1.51').setHeader('Ostype', 'linux');
    if (!request.url?.includes('/containers/create')) return void response.end('OK');
    body = text;
    response.writeHead(201, { 'content-type': 'application/json' }).end('{"Id":"1","Warnings":[]}');
  });
});
const socket = path.join(directory, 'docker.sock');
beforeAll(() => new Promise<void>((resolve) => server.listen(socket, () => resolve())));
afterAll(() => {
  server.close();
  fs.rmSync(directory, { recursive: true });
});

/** What docker sends, or undefined when it refuses, with what it says. */
function recorded(options: readonly string[]): Promise<{ sent: unknown; stderr: string }> {
  body = '';
  const env = { PATH: process.env['PATH'], HOME: os.homedir(), DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: directory };
  const child = spawn('docker', ['create', ...options], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => child.on('close', () => resolve({ sent: body === '' ? undefined : JSON.parse(body), stderr })));
}

/** What we send; through JSON, because absent and undefined are the same there. */
function ours(options: readonly string[]): unknown {
  const { flags, args } = parseFlags(CONTAINER_FLAGS, options, false);
  return JSON.parse(JSON.stringify(buildCreate(flags, args).body));
}

/** Docker's client keeps `--env` and `--volume` in Go maps on the way, so the order of Env and Binds differs from run to run. */
function unordered(body: unknown): unknown {
  const { Env, HostConfig, ...rest } = body as { Env: string[] | null; HostConfig: { Binds: string[] | null } };
  return { ...rest, Env: Env?.toSorted(), HostConfig: { ...HostConfig, Binds: HostConfig.Binds?.toSorted() } };
}

const ACCEPTED: readonly (readonly string[])[] = [
  [],
  ['-it', '--rm', '--name', 'web'],
  ['-a', 'stdin', '-a', 'STDERR'],
  ['-e', 'A=1', '-e', 'HOME', '-e', 'NOT_SET_ANYWHERE', '-e', 'EMPTY='],
  ['--env-file', environment, '-e', 'A=2'],
  ['-l', 'a=b', '-l', 'c', '--label-file', environment],
  ['-v', '/a:/b:ro', '-v', '/anonymous', '-v', 'volume:/data', '-v', 'volume:/x:ro,z', '-v', '/a:/b:ro'],
  ['-v', '.:/here', '-v', './sub:/there', '-v', '../up:/up'],
  ['--tmpfs', '/run:size=1m,noexec', '--tmpfs', '/cache'],
  ['--mount', 'type=bind,src=/tmp,dst=/b,readonly,bind-propagation=rslave', '--mount', 'target=/x'],
  ['--mount', 'type=volume,src=v,dst=/b,volume-nocopy,volume-label=a=b,volume-opt=type=nfs,volume-driver=x,volume-subpath=s'],
  ['--mount', 'type=tmpfs,dst=/t,tmpfs-size=64m,tmpfs-mode=1770'],
  ['--mount', 'type=bind,src=.,dst=/b,ro=false', '--mount', 'type=bind,src=/tmp,dst=/c,readonly=true,consistency=cached'],
  ['--mount', 'type=bind,src=/tmp,dst=/b,bind-recursive=readonly,ro,bind-propagation=rprivate'],
  ['--mount', 'type=bind,src=/tmp,dst=/b,bind-recursive=disabled', '--mount', 'type=bind,src=/tmp,dst=/c,bind-recursive=writable,ro'],
  ['--mount', 'type=image,src=busybox,dst=/i,image-subpath=a', '--mount', 'type=bind,"src=/a,b",dst=/quoted'],
  ['-p', '80', '-p', '8080:81', '-p', '127.0.0.1:90:91/udp', '-p', '127.0.0.1::92', '-p', ':93'],
  ['-p', '7000-7002:8000-8002', '-p', '10-12:5', '-p', '[::1]:77:78', '-p', '4000-4002/sctp', '-P'],
  ['-p', 'published=8080,target=80,protocol=udp', '-p', '::1:77:79'],
  ['--expose', '9', '--expose', '10-12/udp', '-p', '9:9'],
  ['--ulimit', 'nofile=1:2', '--ulimit', 'core=-1', '--ulimit', 'nproc=100', '--ulimit', 'nproc=200'],
  ['--device', '/dev/null:/dev/x:r', '--device', '/dev/zero:rw', '--device', '/dev/full', '--device-cgroup-rule', 'c 1:* rwm'],
  ['--blkio-weight', '20', '--blkio-weight-device', '/dev/null:50', '--device-read-bps', '/dev/null:1mb', '--device-write-iops', '/dev/null:9'],
  ['--device-write-bps', '/dev/null:1g', '--device-read-iops', '/dev/null:100'],
  ['--restart', 'on-failure:3'], ['--restart', 'always'], ['--restart', 'unless-stopped'], ['--restart', 'on-failure'],
  ['--log-driver', 'json-file', '--log-opt', 'max-size=1m', '--log-opt', 'max-file=3'],
  ['--add-host', 'a:1.2.3.4', '--add-host', 'b=::1', '--add-host', 'c:host-gateway', '--add-host', 'd:[::2]'],
  ['--dns', '1.1.1.1', '--dns', '2001:db8::1', '--dns-search', 'example.com', '--dns-search', '.', '--dns-option', 'ndots:1', '--dns-opt', 'rotate'],
  ['--network', 'host'], ['--network', 'none'], ['--network', 'bridge'], ['--network', 'default'], ['--net', 'container:web'],
  ['--network', 'none', '--mac-address', '02:42:ac:11:00:02'], ['--mac-address', '02:42:ac:11:00:02'],
  ['--network', 'foo'], ['--network', 'foo', '--network-alias', 'a', '--net-alias', 'b', '--link', 'a:b', '--ip', '1.2.3.4', '--ip6', '::2'],
  ['--network', 'name=foo,alias=a,ip=1.2.3.4,driver-opt=a=b,ip6=::1,mac-address=02:42:ac:11:00:02'],
  ['--network', 'name=foo,gw-priority=5', '--network', 'bar', '--link-local-ip', '169.254.1.1'],
  ['--link', 'a:b', '--link', 'c'], ['--ip', '1.2.3.4'],
  ['--health-cmd', 'a b', '--health-interval', '5s', '--health-retries', '3', '--health-timeout', '1m30s', '--health-start-period', '1h'],
  ['--health-start-interval', '500ms'], ['--no-healthcheck'],
  ['--stop-signal', 'KILL', '--stop-timeout', '5'], ['--stop-timeout', '0', '--init'], ['--init=false'],
  ['--entrypoint', ''], ['--entrypoint', 'sh'],
  ['--security-opt', 'no-new-privileges', '--security-opt', 'apparmor:x', '--security-opt', 'label=disable'],
  ['--security-opt', `seccomp=${profile}`, '--security-opt', 'systempaths=unconfined'],
  ['--security-opt', 'seccomp=unconfined', '--security-opt', 'no-new-privileges:true'],
  ['--sysctl', 'net.ipv4.ip_forward=1', '--sysctl', 'kernel.shm_rmid_forced=1', '--annotation', 'k=v', '--storage-opt', 'size=1G'],
  ['-m', '1g', '--memory-swap', '-1', '--memory-swappiness', '10', '--shm-size', '64m', '--cpus', '0.5', '--memory-reservation', '1m'],
  ['--cpus', '1.5', '--cpu-period', '1000', '--cpu-quota', '500', '-c', '7', '--cpuset-cpus', '0-1', '--cpuset-mems', '0', '--cpu-rt-period', '5'],
  ['--memory=512MiB', '--memory-swap=1.5g', '--pids-limit', '-1', '--oom-kill-disable', '--oom-score-adj', '-5'],
  ['--isolation', 'default', '--runtime', 'runc', '--volume-driver', 'vd', '--volumes-from', 'a:ro', '--volumes-from', 'b'],
  ['-h', 'host', '--domainname', 'dom', '-u', '1:2', '-w', '/w', '--group-add', 'x', '--group-add', '5'],
  ['--pid', 'host', '--ipc', 'host', '--uts', 'host', '--userns', 'host', '--cgroupns', 'host'],
  ['--pid', 'container:a', '--ipc', 'container:b', '--cgroupns=private', '--cgroup-parent', '/x'],
  ['--cap-add', 'net_admin', '--cap-drop', 'ALL', '--read-only', '--privileged'],
  ['--cap-add', 'SYS_admin', '--cap-add', 'CAP_CHOWN', '--cap-drop', 'cap_sys_admin', '--cap-drop', 'mknod'],
  ['--cap-add', 'ALL', '--cap-add', 'net_raw', '--cap-drop', 'net_raw'],
];

for (const options of ACCEPTED) {
  test.skipIf(!usable)(`create ${options.join(' ')}`, async () => {
    const line = [...options, 'busybox', 'sh', '-c', 'true'];
    const { sent, stderr } = await recorded(line);
    expect(stderr).toBe('');
    expect(unordered(ours(line))).toEqual(unordered(sent));
  });
}

const REFUSED: readonly (readonly string[])[] = [
  ['--foo'], ['-Z'], ['-itZ'], ['--memory'], ['-m'], ['-m', 'zz'], ['--rm=perhaps'], ['---x'],
  ['--cpus', '0.0000000001'], ['--cpu-shares', 'x'], ['--blkio-weight', '70000'],
  ['--mac-address', 'bad'], ['--network', 'foo', '--network', 'foo'], ['--network', 'foo', '--network', 'host'], ['--network-alias', 'x'],
  ['--device-cgroup-rule', 'x'], ['--restart', 'on-failure:x'], ['--restart', ':3'], ['--memory-swappiness', '101'],
  ['--blkio-weight-device', 'x'], ['--blkio-weight-device', '/dev/null:5'], ['--device-read-bps', '/dev/null'], ['--device-read-iops', '/dev/null:1k'],
  ['-a', 'foo'], ['-l', '=x'], ['-e', '=x'], ['--security-opt', 'foo'], ['--security-opt', 'seccomp=/nonexistent'],
  ['--log-driver', 'none', '--log-opt', 'a=b'], ['--storage-opt', 'x'], ['-v', ''], ['-v', '/a:'],
  ['--mount', 'bad'], ['--mount', 'type=bind,src=/a,dst=/b,foo=1'], ['--mount', 'type=bind,src=/a,dst=/b,readonly=x'], ['--mount', 'type=bind,src=/a'],
  ['--mount', 'type=tmpfs,dst=/a,tmpfs-mode=9'], ['--mount', 'type=tmpfs,dst=/x,bind-propagation=x'],
  ['--mount', 'type=bind,src=/tmp,dst=/b,bind-recursive=readonly,ro'],
  ['--ulimit', 'bad'], ['--ulimit', 'foo=1'], ['--ulimit', 'nofile=2:1'], ['--expose', '1:2'], ['--expose', 'x'],
  ['-p', 'bad'], ['-p', '1.2.3:80:80'], ['-p', '80:70000'], ['-p', '80-82:1-2'], ['-p', '80/foo'],
  ['--health-interval', '-1s'], ['--health-interval', '5'], ['--no-healthcheck', '--health-cmd', 'x'], ['--shm-size', 'x'], ['--stop-timeout', 'x'],
  ['--dns', 'bad'], ['--dns-search', 'a b'], ['--add-host', 'bad'], ['--add-host', 'a:b'],
  ['--pid', 'container:'], ['--uts', 'x'], ['--userns', 'x'], ['--cgroupns', 'x'], ['--rm', '--restart', 'always'],
  ['--device', 'bad'], ['--device', '/dev/null:/x:q'], ['--env-file', '/nonexistent'],
];

for (const options of REFUSED) {
  test.skipIf(!usable)(`create refuses ${options.join(' ')}`, async () => {
    const line = [...options, 'busybox'];
    const { sent, stderr } = await recorded(line);
    expect(sent).toBeUndefined();
    const expected = (stderr.split('\n')[0] as string).replace(/^docker: /, '');
    expect(() => ours(line)).toThrow(expected);
  });
}
