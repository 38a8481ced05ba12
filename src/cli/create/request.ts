/** Turns the options of `run` and `create` into the body of `POST /containers/create`, field by field as Docker's client does. */
import * as net from 'node:net';
import type { HealthConfig, RestartPolicy } from '../../engine/docker-types.ts';
import { FlagError } from '../errors.ts';
import type { Flags } from '../flags/values.ts';
import { readEnvironment, readLabels, toMap } from './key-values.ts';
import { checkDeviceRules, parseDevices, parseThrottles, parseUlimits, parseWeights } from './limits.ts';
import { parseMount, parseTmpfs, parseVolumes } from './mounts.ts';
import { parseNetworks } from './networks.ts';
import { type Ports, parsePorts } from './ports.ts';
import { checkModes, normaliseCapabilities, parseSecurity } from './security.ts';
import { parseTimeOffsets } from './time-offsets.ts';

/** The streams a client wants, which decide how it goes on after the creation. */
export interface Attached {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface CreateCall {
  readonly body: Record<string, unknown>;
  readonly attached: Attached;
}

/** `args`: the image, then the command. `consoleSize` is rows and columns. Throws FlagError or Error with Docker's texts. */
export function buildCreate(
  flags: Flags, args: readonly string[], detach = false, consoleSize: readonly [number, number] = [0, 0],
): CreateCall {
  const attached = attachedStreams(flags, detach);
  const [image = '', ...command] = args;
  const volumes = parseVolumes(flags.list('volume'));
  const ports = parsePorts(flags.list('publish'), flags.list('expose'));
  const networks = parseNetworks(flags);
  const environment = readEnvironment(flags.list('env-file'), flags.list('env'));
  const health = healthConfig(flags);
  const body: Record<string, unknown> = {
    Hostname: flags.string('hostname'),
    Domainname: flags.string('domainname'),
    User: flags.string('user'),
    AttachStdin: attached.stdin,
    AttachStdout: attached.stdout,
    AttachStderr: attached.stderr,
    ...(Object.keys(ports.exposed).length === 0 ? {} : { ExposedPorts: ports.exposed }),
    Tty: flags.bool('tty'),
    OpenStdin: flags.bool('interactive'),
    StdinOnce: flags.bool('interactive') && attached.stdin,
    Env: environment.length === 0 ? null : environment,
    Cmd: command.length === 0 ? null : command,
    ...(health === undefined ? {} : { Healthcheck: health }),
    Image: image,
    Volumes: volumes.anonymous,
    WorkingDir: flags.string('workdir'),
    Entrypoint: flags.changed('entrypoint') ? [flags.string('entrypoint')] : null,
    OnBuild: null,
    Labels: readLabels(flags.list('label-file'), flags.list('label')),
    ...(flags.changed('stop-signal') ? { StopSignal: flags.string('stop-signal') } : {}),
    ...(flags.changed('stop-timeout') ? { StopTimeout: flags.number('stop-timeout') } : {}),
    HostConfig: hostConfig(flags, ports, volumes.binds, networks.mode, consoleSize),
    NetworkingConfig: { EndpointsConfig: networks.endpoints },
  };
  return { body, attached };
}

function attachedStreams(flags: Flags, detach: boolean): Attached {
  const names = flags.list('attach').map((name) => name.toLowerCase());
  for (const name of names) {
    if (!['stdin', 'stdout', 'stderr'].includes(name)) {
      throw new FlagError(`invalid argument ${JSON.stringify(name)} for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR`);
    }
  }
  if (detach && names.length > 0) throw new Error('conflicting options: cannot specify both --attach and --detach');
  if (detach) return { stdin: false, stdout: false, stderr: false };
  return {
    stdin: flags.bool('interactive') || names.includes('stdin'),
    stdout: names.length === 0 || names.includes('stdout'),
    stderr: names.length === 0 || names.includes('stderr'),
  };
}

const listOrNull = (list: readonly string[]) => (list.length === 0 ? null : list);

function hostConfig(
  flags: Flags, ports: Ports, binds: string[], network: string, console: readonly [number, number],
): Record<string, unknown> {
  const [pid, uts, userns, cgroupns] = [flags.string('pid'), flags.string('uts'), flags.string('userns'), flags.string('cgroupns')];
  checkModes({ pid, uts, userns, cgroupns });
  const restart = parseRestart(flags.string('restart'));
  if (flags.bool('rm') && restart.Name !== 'no' && restart.Name !== '') {
    throw new Error('conflicting options: cannot specify both --restart and --rm');
  }
  const security = parseSecurity(flags.list('security-opt'));
  return {
    Binds: listOrNull(binds),
    ContainerIDFile: flags.string('cidfile'),
    LogConfig: logConfig(flags),
    NetworkMode: network,
    PortBindings: ports.bindings,
    RestartPolicy: restart,
    AutoRemove: flags.bool('rm'),
    VolumeDriver: flags.string('volume-driver'),
    VolumesFrom: listOrNull(flags.list('volumes-from')),
    ConsoleSize: console,
    CapAdd: normaliseCapabilities(flags.list('cap-add')),
    CapDrop: normaliseCapabilities(flags.list('cap-drop')),
    CgroupnsMode: cgroupns,
    Dns: flags.list('dns').map(checkAddress),
    DnsOptions: flags.list('dns-option'),
    DnsSearch: flags.list('dns-search').map(checkDomain),
    ExtraHosts: listOrNull(flags.list('add-host').map(parseExtraHost)),
    GroupAdd: listOrNull(flags.list('group-add')),
    IpcMode: flags.string('ipc'),
    Cgroup: '',
    Links: listOrNull(flags.list('link')),
    OomScoreAdj: flags.number('oom-score-adj'),
    PidMode: pid,
    Privileged: flags.bool('privileged'),
    PublishAllPorts: flags.bool('publish-all'),
    ReadonlyRootfs: flags.bool('read-only'),
    SecurityOpt: security.options,
    UTSMode: uts,
    UsernsMode: userns,
    ShmSize: flags.number('shm-size'),
    Isolation: flags.string('isolation'),
    ...resources(flags),
    MaskedPaths: security.maskedPaths,
    ReadonlyPaths: security.readonlyPaths,
    ...optional(flags),
  };
}

/** The fields that are left out unless their option was given. */
function optional(flags: Flags): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  const map = (field: string, option: string) => {
    if (flags.list(option).length > 0) fields[field] = toMap(flags.list(option));
  };
  map('Annotations', 'annotation');
  for (const option of flags.list('storage-opt')) if (!option.includes('=')) throw new Error('invalid storage option');
  map('StorageOpt', 'storage-opt');
  map('Sysctls', 'sysctl');
  const tmpfs = parseTmpfs(flags.list('tmpfs'));
  if (tmpfs !== undefined) fields['Tmpfs'] = tmpfs;
  if (flags.list('mount').length > 0) fields['Mounts'] = flags.list('mount').map(parseMount);
  if (flags.changed('init')) fields['Init'] = flags.bool('init');
  if (flags.string('runtime') !== '') fields['Runtime'] = flags.string('runtime');
  if (flags.number('network-rate') !== 0) fields['NetworkRate'] = flags.number('network-rate');
  const offsets = parseTimeOffsets(flags.list('time-offset'));
  if (offsets !== undefined) fields['TimeOffsets'] = offsets;
  return fields;
}

function resources(flags: Flags): Record<string, unknown> {
  const swappiness = flags.number('memory-swappiness');
  if (swappiness < -1 || swappiness > 100) throw new Error(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
  const gpus = flags.string('gpus');
  return {
    CpuShares: flags.number('cpu-shares'),
    Memory: flags.number('memory'),
    NanoCpus: flags.number('cpus'),
    CgroupParent: flags.string('cgroup-parent'),
    BlkioWeight: flags.number('blkio-weight'),
    BlkioWeightDevice: parseWeights(flags.list('blkio-weight-device')),
    BlkioDeviceReadBps: parseThrottles('device-read-bps', flags.list('device-read-bps')),
    BlkioDeviceWriteBps: parseThrottles('device-write-bps', flags.list('device-write-bps')),
    BlkioDeviceReadIOps: parseThrottles('device-read-iops', flags.list('device-read-iops')),
    BlkioDeviceWriteIOps: parseThrottles('device-write-iops', flags.list('device-write-iops')),
    CpuPeriod: flags.number('cpu-period'),
    CpuQuota: flags.number('cpu-quota'),
    CpuRealtimePeriod: flags.number('cpu-rt-period'),
    CpuRealtimeRuntime: flags.number('cpu-rt-runtime'),
    CpusetCpus: flags.string('cpuset-cpus'),
    CpusetMems: flags.string('cpuset-mems'),
    Devices: parseDevices(flags.list('device')),
    DeviceCgroupRules: listOrNull(checkDeviceRules(flags.list('device-cgroup-rule'))),
    DeviceRequests: gpus === '' ? null : [gpuRequest(gpus)],
    MemoryReservation: flags.number('memory-reservation'),
    MemorySwap: flags.number('memory-swap'),
    MemorySwappiness: swappiness,
    OomKillDisable: flags.bool('oom-kill-disable'),
    PidsLimit: flags.number('pids-limit'),
    Ulimits: parseUlimits(flags.list('ulimit')),
    CpuCount: flags.number('cpu-count'),
    CpuPercent: flags.number('cpu-percent'),
    IOMaximumIOps: flags.number('io-maxiops'),
    IOMaximumBandwidth: flags.number('io-maxbandwidth'),
  };
}

function gpuRequest(text: string): Record<string, unknown> {
  const count = text === 'all' ? -1 : Number(text);
  if (!Number.isInteger(count)) throw new Error(`invalid --gpus: ${text}: it is 'all' or a number`);
  return { Driver: '', Count: count, DeviceIDs: null, Capabilities: [['gpu']], Options: {} };
}

function logConfig(flags: Flags): Record<string, unknown> {
  const driver = flags.string('log-driver');
  const options = flags.list('log-opt');
  if (driver === 'none' && options.length > 0) throw new Error(`invalid logging opts for driver ${driver}`);
  return { Type: driver, Config: toMap(options) };
}

/** `on-failure:3`. Throws Error with Docker's texts. */
export function parseRestart(text: string): RestartPolicy {
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  if (colon === 0) throw new Error('invalid restart policy format: no policy provided before colon');
  const count = colon < 0 ? '0' : text.slice(colon + 1);
  if (!/^-?\d+$/.test(count)) throw new Error('invalid restart policy format: maximum retry count must be an integer');
  return { Name: name as NonNullable<RestartPolicy['Name']>, MaximumRetryCount: Number(count) };
}

function healthConfig(flags: Flags): HealthConfig | undefined {
  const config: HealthConfig = {};
  if (flags.string('health-cmd') !== '') config.Test = ['CMD-SHELL', flags.string('health-cmd')];
  const numbers = [
    ['Interval', 'health-interval'], ['Timeout', 'health-timeout'], ['StartPeriod', 'health-start-period'],
    ['StartInterval', 'health-start-interval'], ['Retries', 'health-retries'],
  ] as const;
  for (const [field, option] of numbers) {
    const value = flags.number(option);
    if (value < 0) throw new Error(`--${option} cannot be negative`);
    if (value > 0) config[field] = value;
  }
  const given = Object.keys(config).length > 0;
  if (!flags.bool('no-healthcheck')) return given ? config : undefined;
  if (given) throw new Error('--no-healthcheck conflicts with --health-* options');
  return { Test: ['NONE'] };
}

function checkAddress(text: string): string {
  if (net.isIP(text.trim()) !== 0) return text.trim();
  throw new FlagError(`invalid argument ${JSON.stringify(text)} for "--dns" flag: IP address is not correctly formatted: ${text}`);
}

function checkDomain(text: string): string {
  const domain = text.trim();
  if (domain === '.') return domain;
  if (/[a-zA-Z]/.test(domain) && /^[a-zA-Z0-9_-]{1,63}(\.[a-zA-Z0-9_-]{1,63})*\.?$/.test(domain)) return domain;
  throw new FlagError(`invalid argument ${JSON.stringify(text)} for "--dns-search" flag: ${text} is not a valid domain`);
}

/** `NAME:IP`, `NAME=IP`, `NAME:host-gateway`; an IPv6 address may be in brackets. */
function parseExtraHost(text: string): string {
  const separator = text.search(/[:=]/);
  const invalid = (why: string) => new FlagError(`invalid argument ${JSON.stringify(text)} for "--add-host" flag: ${why}`);
  if (separator <= 0 || separator === text.length - 1) throw invalid(`bad format for add-host: ${JSON.stringify(text)}`);
  const address = text.slice(separator + 1).replace(/^\[(.*)\]$/, '$1');
  if (address !== 'host-gateway' && net.isIP(address) === 0) throw invalid(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  return `${text.slice(0, separator)}:${address}`;
}
