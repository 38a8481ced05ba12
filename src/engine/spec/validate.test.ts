import { expect, test } from 'bun:test';
import { CaissonError } from '../../errors.ts';
import type { ContainerConfig, HostConfig } from '../docker-types.ts';
import { adaptHostConfig } from './adapt.ts';
import type { HostFacts } from './host.ts';
import { ableHost, unableHost } from './testing.ts';
import { validateCreate } from './validate.ts';

const MB = 1024 * 1024;

function validate(hostConfig: HostConfig, config: ContainerConfig = {}, host: HostFacts = ableHost) {
  const adapted = adaptHostConfig(hostConfig, host);
  return { warnings: validateCreate(config, adapted, host), adapted };
}

function refusal(hostConfig: HostConfig, config: ContainerConfig = {}, host: HostFacts = ableHost): string {
  try {
    validate(hostConfig, config, host);
  } catch (error) {
    if (error instanceof CaissonError) return `${error.class}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}

test('an empty request is accepted without a warning', () => {
  expect(validate({}).warnings).toEqual([]);
  expect(validate({}, {}, unableHost).warnings).toEqual([
    'Your kernel does not support cgroup namespaces.  Cgroup namespace setting discarded.',
  ]);
});

test.each<[HostConfig, string]>([
  [{ Memory: 5 * MB }, 'Minimum memory limit allowed is 6MB'],
  [{ Memory: -1 }, 'Minimum memory limit allowed is 6MB'],
  [{ Memory: 64 * MB, MemorySwap: 32 * MB }, 'Minimum memoryswap limit should be larger than memory limit, see usage'],
  [{ MemorySwap: 64 * MB }, 'You should always set the Memory limit when using Memoryswap limit, see usage'],
  [{ MemorySwappiness: 101 }, 'Invalid value: 101, valid memory swappiness range is 0-100'],
  [{ MemoryReservation: MB }, 'Minimum memory reservation allowed is 6MB'],
  [
    { Memory: 8 * MB, MemoryReservation: 16 * MB },
    'Minimum memory limit can not be less than memory reservation limit, see usage',
  ],
  [{ NanoCpus: 1e9, CpuPeriod: 100000 }, 'Conflicting options: Nano CPUs and CPU Period cannot both be set'],
  [{ NanoCpus: 1e9, CpuQuota: 50000 }, 'Conflicting options: Nano CPUs and CPU Quota cannot both be set'],
  [{ NanoCpus: 5e9 }, 'range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available'],
  [{ NanoCpus: -1 }, 'range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available'],
  [{ CpuPeriod: 999 }, 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
  [{ CpuPeriod: 1_000_001 }, 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
  [{ CpuQuota: 999 }, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
  [{ CpuShares: -1 }, 'invalid CPU shares (-1): value must be a positive integer'],
  [{ CpusetCpus: '0-9' }, 'Requested CPUs are not available - requested 0-9, available: 0-3'],
  [{ CpusetCpus: 'x' }, 'Invalid value x for cpuset cpus: invalid format: x'],
  [{ CpusetCpus: '0-4294967295' }, 'Invalid value 0-4294967295 for cpuset cpus: value of out range, maximum is 8192'],
  [{ CpusetMems: '1' }, 'Requested memory nodes are not available - requested 1, available: 0'],
  [{ BlkioWeight: 9 }, 'Range of blkio weight is from 10 to 1000'],
  [{ IOMaximumIOps: 1 }, 'invalid option: QoS maximum IOPs configuration is not supported on linux'],
  [{ ShmSize: -1 }, 'SHM size can not be less than 0'],
  [{ OomScoreAdj: 1001 }, 'Invalid value 1001, range for oom score adj is [-1000, 1000]'],
  [{ IpcMode: 'x' }, 'invalid IPC mode: x'],
  [{ IpcMode: 'container:' }, 'invalid IPC mode: container:'],
  [{ PidMode: 'private' }, 'invalid PID mode: private'],
  [{ UTSMode: 'container:x' }, 'invalid UTS mode: container:x'],
  [{ UsernsMode: 'x' }, 'invalid USER mode: x'],
  [{ CgroupnsMode: 'x' }, 'invalid cgroup namespace mode: x'],
  [{ NetworkMode: 'container:' }, 'invalid network mode: invalid container format container:<name|id>'],
  [{ AutoRemove: true, RestartPolicy: { Name: 'always' } }, "can't create 'AutoRemove' container with restart policy"],
  [
    { RestartPolicy: { Name: 'always', MaximumRetryCount: 1 } },
    "invalid restart policy: maximum retry count can only be used with 'on-failure'",
  ],
  [
    { RestartPolicy: { Name: 'no', MaximumRetryCount: -1 } },
    "invalid restart policy: maximum retry count can only be used with 'on-failure' and cannot be negative",
  ],
  [
    { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: -1 } },
    'invalid restart policy: maximum retry count cannot be negative',
  ],
  [
    { RestartPolicy: { Name: 'x' as 'no' } },
    "invalid restart policy: unknown policy 'x'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
  ],
  [{ CapAdd: ['NOPE'] }, 'invalid CapAdd: unknown capability: "CAP_NOPE"'],
  [{ CapDrop: ['NOPE'] }, 'invalid CapDrop: unknown capability: "CAP_NOPE"'],
  [{ ExtraHosts: ['nocolon'] }, 'bad format for add-host: "nocolon"'],
  [{ ExtraHosts: ['name:300.1.1.1'] }, 'invalid IP address in add-host: "300.1.1.1"'],
  [{ PortBindings: { 'x/tcp': [] } }, 'invalid port specification: "x"'],
  [{ PortBindings: { '80/tcp': [{ HostPort: '99999' }] } }, 'invalid port specification: "99999"'],
  [{ Isolation: 'hyperv' }, "invalid isolation (hyperv): linux only supports 'default'"],
  [{ Annotations: { '': 'x' } }, 'invalid Annotations: the empty string is not permitted as an annotation key'],
  [{ SecurityOpt: ['x'] }, 'invalid --security-opt 1: "x"'],
  [{ SecurityOpt: ['x=y'] }, 'invalid --security-opt 2: "x=y"'],
  [{ SecurityOpt: ['no-new-privileges=maybe'] }, 'invalid --security-opt 2: "no-new-privileges=maybe"'],
  [{ DeviceCgroupRules: ['c 1'] }, "invalid device cgroup rule format: 'c 1'"],
  [{ Tmpfs: { '/': '' } }, "invalid specification: destination can't be '/'"],
  [{ Tmpfs: { run: '' } }, "invalid mount path: 'run' mount path must be absolute"],
  [{ Tmpfs: { '/run': 'bogus' } }, 'invalid tmpfs option ["bogus"]'],
  [{ Tmpfs: { '/run': 'a=b' } }, 'invalid tmpfs option ["a" "b"]'],
  [{ Binds: ['/a:/b:/c:/d'] }, "invalid volume specification: '/a:/b:/c:/d'"],
  [{ Binds: ['/foo:rw'] }, "invalid volume specification: '/foo:rw'"],
  [{ Binds: ['/a:/b:bogus'] }, 'invalid mode: bogus'],
  [{ Binds: ['/a:/b:ro,rw'] }, 'invalid mode: ro,rw'],
  [
    { Binds: ['/a:b'] },
    "invalid volume specification: '/a:b': invalid mount config for type \"bind\": invalid mount path: 'b' mount path must be absolute",
  ],
  [
    { Binds: ['/a:/'] },
    "invalid volume specification: '/a:/': invalid mount config for type \"bind\": invalid specification: destination can't be '/'",
  ],
  [{ Binds: ['/a:/x', '/b:/x/'] }, 'Duplicate mount point: /x'],
  [{ Binds: ['/a:/x'], Tmpfs: { '/x': '' } }, 'Duplicate mount point: /x'],
  [
    { Mounts: [{ Type: 'bind', Source: '/no/such/path', Target: '/x' }] },
    'invalid mount config for type "bind": bind source path does not exist: /no/such/path',
  ],
  [
    { Mounts: [{ Type: 'bind', Target: '/x' }] },
    'invalid mount config for type "bind": field Source must not be empty',
  ],
  [{ Mounts: [{ Type: 'volume' }] }, 'invalid mount config for type "volume": field Target must not be empty'],
  [
    { Mounts: [{ Type: 'tmpfs', Source: 'x', Target: '/x' }] },
    'invalid mount config for type "tmpfs": field Source must not be specified',
  ],
  [
    { Mounts: [{ Type: 'bind', Source: '/', Target: '/x', BindOptions: { Propagation: 'x' } }] },
    'invalid mount config for type "bind": invalid propagation mode: x',
  ],
  [
    { Mounts: [{ Type: 'npipe', Source: '/', Target: '/x' }] },
    'invalid mount config for type "npipe": mount type unknown',
  ],
  [
    { Mounts: [{ Type: 'volume', Target: '/x', ReadOnly: true }] },
    'invalid mount config for type "volume": must not set ReadOnly mode when using anonymous volumes',
  ],
  [{ Ulimits: [{ Name: 'x', Soft: 1, Hard: 1 }] }, 'invalid ulimit type: x'],
  [
    { Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 5 }] },
    'ulimit soft limit must be less than or equal to hard limit: 10 > 5',
  ],
  [{ Runtime: 'runsc' }, 'unknown or invalid runtime name: runsc'],
  [
    { TimeOffsets: { monotonic: 'tomorrow' } },
    'invalid time offset: "tomorrow" is not a duration such as +1d, -36h or 90s',
  ],
  [{ TimeOffsets: { realtime: '1d' } }, 'invalid time offset: "realtime" is not a clock; use monotonic or boottime'],
  [
    { DeviceRequests: [{ Driver: '', Count: -1, Capabilities: [['gpu']] }] },
    'could not select device driver "" with capabilities: [[gpu]]',
  ],
])('%j is refused: %s', (hostConfig, message) => {
  expect(refusal(hostConfig)).toBe(`invalid-parameter: ${message}`);
});

test.each<[ContainerConfig, string]>([
  [{ WorkingDir: 'x' }, "the working directory 'x' is invalid, it needs to be an absolute path"],
  [{ Env: ['=x'] }, 'invalid environment variable: =x'],
  [{ Env: [''] }, 'invalid environment variable: '],
  [{ Healthcheck: { Interval: 1 } }, 'Interval in Healthcheck cannot be less than 1ms'],
  [{ Healthcheck: { StartInterval: -1 } }, 'StartInterval in Healthcheck cannot be less than 1ms'],
  [{ Healthcheck: { Retries: -1 } }, 'Retries in Healthcheck cannot be negative'],
])('%j is refused: %s', (config, message) => {
  expect(refusal({}, config)).toBe(`invalid-parameter: ${message}`);
});

test.each<[HostConfig, ContainerConfig, string]>([
  [{ NetworkMode: 'container:x' }, { Hostname: 'h' }, 'conflicting options: hostname and the network mode'],
  [{ UTSMode: 'host' }, { Hostname: 'h' }, 'conflicting options: hostname and the UTS mode'],
  [{ NetworkMode: 'container:x', Dns: ['1.1.1.1'] }, {}, 'conflicting options: dns and the network mode'],
  [
    { NetworkMode: 'container:x', PublishAllPorts: true },
    {},
    'conflicting options: port publishing and the container type network mode',
  ],
  [
    { NetworkMode: 'container:x' },
    { ExposedPorts: { '80/tcp': {} } },
    'conflicting options: port exposing and the container type network mode',
  ],
  [
    { NetworkMode: 'host' },
    { MacAddress: '02:00:00:00:00:01' },
    'conflicting options: mac-address and the network mode',
  ],
])('%j with %j: %s', (hostConfig, config, message) => {
  expect(refusal(hostConfig, config)).toBe(`invalid-parameter: ${message}`);
});

test("what user namespaces make impossible, unless the container asks for the host's", () => {
  const host = { ...ableHost, remapped: true };
  expect(refusal({ Privileged: true }, {}, host)).toBe(
    'invalid-parameter: privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when running privileged mode',
  );
  expect(refusal({ NetworkMode: 'host' }, {}, host)).toContain(
    "cannot share the host's network namespace when user namespaces are enabled",
  );
  expect(refusal({ PidMode: 'host' }, {}, host)).toContain(
    'cannot share the host PID namespace when user namespaces are enabled',
  );
  expect(refusal({ Privileged: true, NetworkMode: 'host', UsernsMode: 'host' }, {}, host)).toBe('accepted');
});

test('a capability that the daemon does not have itself cannot be added, but dropped', () => {
  const host = { ...ableHost, capabilities: ableHost.capabilities.filter((name) => name !== 'CAP_SYS_RESOURCE') };
  expect(refusal({ CapAdd: ['SYS_RESOURCE'] }, {}, host)).toBe(
    'invalid-parameter: invalid CapAdd: capability not supported by your kernel or not available in the current environment: "CAP_SYS_RESOURCE"',
  );
  expect(refusal({ CapDrop: ['SYS_RESOURCE'] }, {}, host)).toBe('accepted');
});

test('what the kernel cannot do is warned about, and cleared', () => {
  const { warnings, adapted } = validate(
    {
      Memory: 64 * MB,
      MemoryReservation: 8 * MB,
      MemorySwappiness: 10,
      OomKillDisable: true,
      PidsLimit: 5,
      CpuShares: 10,
      CpuQuota: 5000,
      CpusetCpus: '0',
      BlkioWeight: 100,
      BlkioDeviceReadBps: [{ Path: '/dev/x', Rate: 1 }],
      CpuPercent: 5,
    },
    {},
    unableHost,
  );
  expect(warnings).toEqual([
    'Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.',
    'Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.',
    'Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.',
    'Your kernel does not support OomKillDisable. OomKillDisable discarded.',
    'Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.',
    'Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.',
    'Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.',
    'linux does not support CPU percent. Percent discarded.',
    'Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.',
    'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.',
    'Your kernel does not support BPS Block I/O read limit or the cgroup is not mounted. Block I/O BPS read limit discarded.',
    'Your kernel does not support cgroup namespaces.  Cgroup namespace setting discarded.',
  ]);
  expect(adapted).toMatchObject({
    Memory: 0,
    MemoryReservation: 0,
    PidsLimit: null,
    CpuShares: 0,
    CpuQuota: 0,
    CpusetCpus: '',
    BlkioWeight: 0,
    BlkioDeviceReadBps: [],
    CgroupnsMode: 'host',
  });
});

test('without swap accounting memory is limited alone', () => {
  const host = { ...ableHost, cgroup: { ...ableHost.cgroup, swap: false } };
  const { warnings, adapted } = validate({ Memory: 64 * MB }, {}, host);
  expect(warnings).toEqual([
    'Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.',
  ]);
  expect(adapted.MemorySwap).toBe(-1);
});

test('defaults as the daemon fills them in', () => {
  expect(
    adaptHostConfig({ Memory: 8 * MB, PidsLimit: -1, MemorySwappiness: -1 }, ableHost),
  ).toMatchObject({
    MemorySwap: 16 * MB,
    PidsLimit: null,
    MemorySwappiness: null,
    ShmSize: 64 * MB,
    IpcMode: 'private',
    CgroupnsMode: 'private',
    NetworkMode: 'bridge',
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    OomKillDisable: false,
  });
  const privileged = adaptHostConfig({ Privileged: true }, unableHost);
  expect(privileged).toMatchObject({
    CgroupnsMode: 'host',
    MaskedPaths: null,
    ReadonlyPaths: null,
    SecurityOpt: ['label=disable'],
  });
});
