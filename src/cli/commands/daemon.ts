import * as fs from 'node:fs';
import { isIP } from 'node:net';
import type { Command } from '../command.ts';
import { describeError } from '../context.ts';
import { splitPair } from '../create/key-values.ts';
import { type DaemonOptions, defaultDataRoot, defaultExecRoot, defaultHost, defaultRegistryCertificates } from '../../engine/daemon-options.ts';
import type { CollectorSettings } from '../../engine/collector.ts';
import { ExitError } from '../errors.ts';
import { parseDuration } from '../format/quantity.ts';
import { flag } from '../flags/spec.ts';
import type { Flags } from '../flags/values.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  summary: 'Run the engine in the foreground',
  notes: 'Needs root. SIGTERM ends it; containers go on, and the next engine with the same roots takes them over.\n' +
    'Several engines run side by side when each has roots of its own.',
  flags: [
    flag('H,host', 'list', `Where to listen: unix://PATH, may be given more than once (default ${defaultHost})`),
    flag('data-root', 'string', 'Where images and containers are kept', { initial: defaultDataRoot }),
    flag('exec-root', 'string', 'Where sockets and pid files are, gone at reboot', { initial: defaultExecRoot }),
    flag('p,pidfile', 'string', 'Write the process id to this file'),
    flag('cgroup-parent', 'string', 'Parent of the cgroups of containers'),
    flag('b,bridge', 'string', 'Bridge interface of the default network'),
    flag('bip', 'string', 'Address of that bridge, with the length of the network (10.0.0.1/24)'),
    flag('ip', 'string', 'Where ports of the default network are published that name no address (default 0.0.0.0)'),
    flag('default-address-pool', 'list', 'Where networks get their subnets from (base=10.0.0.0/8,size=24)', { value: 'pool' }),
    flag('respect-input-rules', 'bool', "Published ports are subject to the host's input rules: connections are relayed"),
    flag('host-gateway-ip', 'list', 'Address that host-gateway stands for in --add-host (default: that of the default network)', { value: 'ip' }),
    flag('s,storage-driver', 'string', "How containers' roots are made: overlay2, fuse-overlayfs, btrfs or vfs (default: the first that works, or what is there)"),
    flag('storage-opt', 'list', 'Options of the storage driver (overlay2.size=10G, btrfs.min_space=1G)', { value: 'option' }),
    flag('gc-high', 'string', 'Percent of the disk from which on the build cache and unused images are collected (default: never)', { value: 'percent' }),
    flag('gc-low', 'string', 'Percent down to which they are (default: ten less)', { value: 'percent' }),
    flag('gc-min-age', 'string', 'How long images stay after their last use', { initial: '2m', value: 'duration' }),
    flag('gc-keep', 'list', 'Images that stay: label=KEY[=VALUE] or reference=PATTERN', { value: 'filter' }),
    flag('userns-remap', 'string', 'Map users of containers to others on the host (USER[:GROUP], UID[:GID] or default)'),
    flag('insecure-registry', 'list', 'Registries that need no valid certificate, or no TLS (HOST[:PORT] or a block of addresses)', { value: 'registry' }),
    flag('registry-mirror', 'list', 'Mirrors of Docker Hub, asked before it', { value: 'url' }),
    flag('registry-certs-dir', 'string', 'Certificates and hosts.toml files, one directory for each registry', { initial: defaultRegistryCertificates }),
    flag('log-opt', 'list', 'Bounds of logs (max-size=10m, max-file=5)', { value: 'map' }),
    flag('D,debug', 'bool', 'Say more about what happens'),
  ],
  least: 0,
  most: 0,
  async run(_context, flags) {
    const options = daemonOptions(flags);
    // Bun reads these whenever it starts; nothing that we start shall be steered by what we were started with.
    for (const name of Object.keys(process.env)) if (name.startsWith('BUN_')) delete process.env[name];
    process.umask(0o022);
    try {
      if (process.getuid?.() !== 0) throw new Error('the engine needs root: start it with sudo, or log in as root');
      const { runDaemon } = await import('../../daemon.ts');
      return await runDaemon(options);
    } catch (error) {
      tellFailure(error);
      throw new ExitError(1, `caisson: ${describeError(error)}`);
    }
  },
};

function daemonOptions(flags: Flags): DaemonOptions {
  const hosts = flags.list('host');
  for (const host of hosts) if (!/^unix:\/\/\/./.test(host)) throw new ExitError(125, `caisson: invalid --host ${JSON.stringify(host)}: it is unix:///PATH`);
  const publishAddress = flags.string('ip');
  if (publishAddress !== '' && isIP(publishAddress) === 0) throw new ExitError(125, `caisson: invalid --ip ${JSON.stringify(publishAddress)}: it is an IP address`);
  const optional = (key: 'pidfile' | 'cgroupParent' | 'usernsRemap' | 'bridge' | 'bridgeAddress' | 'publishAddress', name: string) => (flags.string(name) === '' ? {} : { [key]: flags.string(name) });
  return {
    hosts: hosts.length === 0 ? [defaultHost] : hosts,
    dataRoot: flags.string('data-root'),
    execRoot: flags.string('exec-root'),
    debug: flags.bool('debug'),
    collector: collectorSettings(flags),
    storageDriver: flags.string('storage-driver'),
    storageOptions: flags.list('storage-opt'),
    respectInputRules: flags.bool('respect-input-rules'),
    logOptions: logOptions(flags.list('log-opt')),
    insecureRegistries: flags.list('insecure-registry'),
    registryMirrors: flags.list('registry-mirror'),
    registryCertificates: flags.string('registry-certs-dir'),
    defaultAddressPools: flags.list('default-address-pool'),
    hostGateways: flags.list('host-gateway-ip').map(ipAddress),
    ...optional('pidfile', 'pidfile'),
    ...optional('bridge', 'bridge'),
    ...optional('bridgeAddress', 'bip'),
    ...optional('publishAddress', 'ip'),
    ...optional('cgroupParent', 'cgroup-parent'),
    ...optional('usernsRemap', 'userns-remap'),
  };
}

function collectorSettings(flags: Flags): CollectorSettings | null {
  const keep = flags.list('gc-keep');
  for (const rule of keep) if (!/^(?:label|reference)=./.test(rule)) throw new ExitError(125, `caisson: invalid --gc-keep ${JSON.stringify(rule)}: it is label=KEY[=VALUE] or reference=PATTERN`);
  const minimumAge = parseDuration(flags.string('gc-min-age')) / 1e6;
  const high = percent('gc-high', flags.string('gc-high'));
  if (high === undefined) return null;
  const low = percent('gc-low', flags.string('gc-low')) ?? Math.max(0, high - 10);
  if (low >= high) throw new ExitError(125, `caisson: invalid --gc-low ${low}: it is less than --gc-high, ${high}`);
  return { high, low, minimumAge, keep };
}

function percent(name: string, text: string): number | undefined {
  if (text === '') return undefined;
  const [, number] = /^(\d{1,2})%?$/.exec(text) ?? [];
  if (number === undefined) throw new ExitError(125, `caisson: invalid --${name} ${JSON.stringify(text)}: it is a percentage below 100`);
  return Number(number);
}

function ipAddress(text: string): string {
  if (isIP(text) === 0) throw new ExitError(125, `caisson: invalid --host-gateway-ip ${JSON.stringify(text)}: it is an IP address`);
  return text;
}

function logOptions(given: readonly string[]): Record<string, string> {
  const options = Object.fromEntries(given.map(splitPair));
  for (const name of Object.keys(options)) {
    if (name !== 'max-size' && name !== 'max-file') throw new ExitError(125, `caisson: unknown log option ${JSON.stringify(name)}: there are max-size and max-file`);
  }
  return options;
}

/** The command that started us in the background waits on this descriptor, and shows what it reads. */
function tellFailure(error: unknown): void {
  const descriptor = Number(process.env['CAISSON_READY_FD'] ?? '');
  if (!Number.isInteger(descriptor) || descriptor < 3) return;
  try {
    fs.writeSync(descriptor, `${describeError(error)}\n`);
  } catch {
    // Whoever waited is gone; the log has the sentence.
  }
}
