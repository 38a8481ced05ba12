/** What inspect and list show of a container, field by field: what was given, and what the engine fills in. */
import { describe, expect } from 'bun:test';
import { requires } from '../support/requirements.ts';
import { leavesNothingBehind, useEngine } from '../support/subject.ts';

const { subject, needs } = useEngine();
const recent = requires(...needs, 'engine-28');

type Json = Record<string, unknown>;
interface Inspected extends Json {
  readonly State: Json;
  readonly Config: Json;
  readonly HostConfig: Json;
  readonly NetworkSettings: Json;
}

/** Creates a container and inspects it in an API version. */
async function inspected(request: Json, version = '1.51'): Promise<Inspected> {
  const { Id } = await subject.api.json<{ Id: string }>('POST', `/v${version}/containers/create`, { Image: 'busybox', ...request });
  return subject.api.json<Inspected>('GET', `/v${version}/containers/${Id}/json`);
}

async function listed(id: string): Promise<Json> {
  const filters = encodeURIComponent(JSON.stringify({ id: [id] }));
  const [entry] = await subject.api.json<Json[]>('GET', `/containers/json?all=1&filters=${filters}`);
  return entry as Json;
}

describe('a container with defaults', () => {
  recent('has every field, in order', async () => {
    const container = await inspected({});
    expect(Object.keys(container)).toEqual([
      'Id', 'Created', 'Path', 'Args', 'State', 'Image', 'ResolvConfPath', 'HostnamePath', 'HostsPath', 'LogPath', 'Name', 'RestartCount', 'Driver',
      'Platform', 'MountLabel', 'ProcessLabel', 'AppArmorProfile', 'ExecIDs', 'HostConfig', 'GraphDriver', 'Mounts', 'Config', 'NetworkSettings',
    ]);
    expect(container).toMatchObject({
      Path: 'sh', Args: [], ResolvConfPath: '', HostnamePath: '', HostsPath: '', LogPath: '', RestartCount: 0, Driver: 'overlay2', Platform: 'linux',
      MountLabel: '', ProcessLabel: '', ExecIDs: null, Mounts: [],
    });
  });

  recent('has a Config', async () => {
    const { Id, Config } = await inspected({});
    expect(Object.entries(Config)).toEqual(Object.entries({
      Hostname: (Id as string).slice(0, 12), Domainname: '', User: '', AttachStdin: false, AttachStdout: false, AttachStderr: false, Tty: false,
      OpenStdin: false, StdinOnce: false, Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['sh'], Image: 'busybox',
      Volumes: null, WorkingDir: '', Entrypoint: null, OnBuild: null, Labels: {},
    }));
  });

  recent('has a HostConfig', async () => {
    const { Runtime: _runtime, CgroupnsMode: _cgroupns, ...hostConfig } = (await inspected({})).HostConfig;
    expect(Object.entries(hostConfig)).toEqual(Object.entries({
      Binds: null, ContainerIDFile: '', LogConfig: { Type: 'json-file', Config: {} }, NetworkMode: 'bridge', PortBindings: null,
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 }, AutoRemove: false, VolumeDriver: '', VolumesFrom: null, ConsoleSize: [0, 0], CapAdd: null,
      CapDrop: null, Dns: null, DnsOptions: null, DnsSearch: null, ExtraHosts: null, GroupAdd: null, IpcMode: 'private', Cgroup: '', Links: null,
      OomScoreAdj: 0, PidMode: '', Privileged: false, PublishAllPorts: false, ReadonlyRootfs: false, SecurityOpt: null, UTSMode: '', UsernsMode: '',
      ShmSize: 67_108_864, Isolation: '', CpuShares: 0, Memory: 0, NanoCpus: 0, CgroupParent: '', BlkioWeight: 0, BlkioWeightDevice: null,
      BlkioDeviceReadBps: null, BlkioDeviceWriteBps: null, BlkioDeviceReadIOps: null, BlkioDeviceWriteIOps: null, CpuPeriod: 0, CpuQuota: 0,
      CpuRealtimePeriod: 0, CpuRealtimeRuntime: 0, CpusetCpus: '', CpusetMems: '', Devices: null, DeviceCgroupRules: null, DeviceRequests: null,
      MemoryReservation: 0, MemorySwap: 0, MemorySwappiness: null, OomKillDisable: hostConfig.OomKillDisable, PidsLimit: null, Ulimits: null, CpuCount: 0,
      CpuPercent: 0, IOMaximumIOps: 0, IOMaximumBandwidth: 0, MaskedPaths: hostConfig.MaskedPaths, ReadonlyPaths: hostConfig.ReadonlyPaths,
    }));
    expect(hostConfig.MaskedPaths).toEqual(expect.arrayContaining(['/proc/asound', '/proc/kcore', '/sys/firmware']));
    expect(hostConfig.ReadonlyPaths).toEqual(['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']);
  });

  recent('has a State', async () => {
    expect(Object.entries((await inspected({})).State)).toEqual(Object.entries({
      Status: 'created', Running: false, Paused: false, Restarting: false, OOMKilled: false, Dead: false, Pid: 0, ExitCode: 0, Error: '',
      StartedAt: '0001-01-01T00:00:00Z', FinishedAt: '0001-01-01T00:00:00Z',
    }));
  });

  recent('has NetworkSettings', async () => {
    const { Networks, ...settings } = (await inspected({ HostConfig: { NetworkMode: 'none' } })).NetworkSettings;
    expect(Object.entries(settings)).toEqual(Object.entries({
      Bridge: '', SandboxID: '', SandboxKey: '', Ports: {}, HairpinMode: false, LinkLocalIPv6Address: '', LinkLocalIPv6PrefixLen: 0,
      SecondaryIPAddresses: null, SecondaryIPv6Addresses: null, EndpointID: '', Gateway: '', GlobalIPv6Address: '', GlobalIPv6PrefixLen: 0, IPAddress: '',
      IPPrefixLen: 0, IPv6Gateway: '', MacAddress: '',
    }));
    expect(Networks).toEqual({
      none: {
        IPAMConfig: null, Links: null, Aliases: null, MacAddress: '', DriverOpts: null, GwPriority: 0, NetworkID: '', EndpointID: '', Gateway: '',
        IPAddress: '', IPPrefixLen: 0, IPv6Gateway: '', GlobalIPv6Address: '', GlobalIPv6PrefixLen: 0, DNSNames: null,
      },
    });
  });

  recent('has a line in the list', async () => {
    const { Id, Image } = await inspected({ Cmd: ['echo', 'a b'] });
    const entry = await listed(Id as string);
    expect(Object.keys(entry)).toEqual([
      'Id', 'Names', 'Image', 'ImageID', 'Command', 'Created', 'Ports', 'Labels', 'State', 'Status', 'HostConfig', 'NetworkSettings', 'Mounts',
    ]);
    expect(entry).toMatchObject({
      Id, Image: 'busybox', ImageID: Image, Command: "echo 'a b'", Ports: [], Labels: {}, State: 'created', Status: 'Created',
      HostConfig: { NetworkMode: 'bridge' }, Mounts: [],
    });
  });
});

describe('what is given', () => {
  recent('nulls and empty lists stay apart', async () => {
    const { HostConfig, Config } = await inspected({
      Env: [], Volumes: {}, OnBuild: [], Labels: null, HostConfig: { Binds: [], Dns: [], CapAdd: [], Links: [], Tmpfs: {}, Sysctls: {}, Mounts: [], PortBindings: {} },
    });
    expect(HostConfig).toMatchObject({ Binds: [], Dns: [], CapAdd: [], Links: null, PortBindings: {} });
    expect(Config).toMatchObject({ Volumes: null, OnBuild: [], Labels: {} });
    for (const name of ['Tmpfs', 'Sysctls', 'Mounts', 'StorageOpt', 'Annotations']) expect(HostConfig).not.toHaveProperty(name);
    for (const name of ['ExposedPorts', 'Healthcheck', 'StopSignal', 'StopTimeout', 'Shell', 'MacAddress']) expect(Config).not.toHaveProperty(name);
  });

  recent('fields nobody knows are dropped, and the case of names does not matter', async () => {
    const { Config, HostConfig } = await inspected({ workingdir: '/a/../b', Stranger: 1, HostConfig: { autoremove: true, Stranger: { x: 1 } } });
    expect(Config.WorkingDir).toBe('/b');
    expect(Config).not.toHaveProperty('Stranger');
    expect(HostConfig.AutoRemove).toBe(true);
    expect(HostConfig).not.toHaveProperty('Stranger');
  });

  recent('a command in one string is a list of one', async () => {
    expect(await inspected({ Cmd: 'ls' })).toMatchObject({ Path: 'ls', Args: [], Config: { Cmd: ['ls'] } });
  });

  recent('an empty entrypoint takes the place of the image\'s', async () => {
    expect((await inspected({ Entrypoint: [''], Cmd: ['ls'] })).Config.Entrypoint).toBeNull();
  });

  recent('ports and limits are whole', async () => {
    const { HostConfig, Config } = await inspected({
      ExposedPorts: { '80/tcp': {} },
      HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '8080' }] }, Ulimits: [{ Name: 'nofile', Soft: 10, Hard: 20 }], Annotations: { b: '1', a: '2' } },
    });
    expect(Config.ExposedPorts).toEqual({ '80/tcp': {} });
    expect(HostConfig.PortBindings).toEqual({ '80/tcp': [{ HostIp: '', HostPort: '8080' }] });
    expect(JSON.stringify(HostConfig.Ulimits)).toBe('[{"Name":"nofile","Hard":20,"Soft":10}]');
    expect(JSON.stringify(HostConfig.Annotations)).toBe('{"a":"2","b":"1"}');
  });

  recent('a namespace of the host means no labels', async () => {
    expect((await inspected({ HostConfig: { PidMode: 'host' } })).HostConfig.SecurityOpt).toEqual(['label=disable']);
    expect((await inspected({ HostConfig: { Privileged: true } })).HostConfig.SecurityOpt).toEqual(['label=disable']);
  });

  recent('old clients see no fields that are newer than they are, and no placeholders', async () => {
    const { Config, HostConfig } = await inspected({}, '1.40');
    expect(Config).not.toHaveProperty('MacAddress');
    expect(HostConfig).not.toHaveProperty('KernelMemory');
  });

  recent('annotations are listed since 1.46', async () => {
    const { Id } = await inspected({ HostConfig: { Annotations: { a: 'b' } } });
    expect((await listed(Id as string)).HostConfig).toEqual({ NetworkMode: 'bridge', Annotations: { a: 'b' } });
    const old = await subject.api.json<Json[]>('GET', `/v1.45/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify({ id: [Id] }))}`);
    expect(old[0]?.HostConfig).toEqual({ NetworkMode: 'bridge' });
  });
});

describe('a container that runs', () => {
  recent('has its files and its namespace', async () => {
    const id = await subject.output('run', '-d', '--network', 'none', 'busybox', 'sleep', '1000');
    const container = await subject.api.json<Inspected>('GET', `/containers/${id}/json`);
    for (const name of ['ResolvConfPath', 'HostnamePath', 'HostsPath', 'LogPath']) expect(container[name]).toContain(id);
    expect(container.NetworkSettings.SandboxID).toMatch(/^[0-9a-f]{64}$/);
    const networks = container.NetworkSettings.Networks as { none: { NetworkID: string } };
    expect(networks.none.NetworkID).toBe(await subject.output('network', 'inspect', '-f', '{{.Id}}', 'none'));
  });
});

leavesNothingBehind(subject);
