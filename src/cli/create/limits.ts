/** `--ulimit`, `--device…`, `--blkio…`: limits of processes and devices. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { DeviceMapping, ThrottleDevice, Ulimit } from '../../engine/docker-types.ts';
import { FlagError } from '../errors.ts';
import { parseBytes } from '../format/quantity.ts';

/** The names setrlimit(2) knows, in lower case. */
const ULIMITS = new Set(['as', 'core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue', 'nice', 'nofile', 'nproc', 'rss',
  'rtprio', 'rttime', 'sigpending', 'stack']);

function invalid(option: string, text: string, why: string): FlagError {
  return new FlagError(`invalid argument ${JSON.stringify(text)} for "--${option}" flag: ${why}`);
}

/** `nofile=1024:2048` or `nofile=1024`; -1 is no limit. In order of name; the last of a name counts. */
export function parseUlimits(options: readonly string[]): Ulimit[] {
  const byName = new Map<string, Ulimit>();
  for (const text of options) {
    const match = /^([^=]+)=(.*)$/.exec(text);
    if (match === null) throw invalid('ulimit', text, `invalid ulimit argument: ${text}`);
    const name = match[1] as string;
    if (!ULIMITS.has(name.toLowerCase())) throw invalid('ulimit', text, `invalid ulimit type: ${name}`);
    const [soft = NaN, hard = soft, ...more] = (match[2] as string).split(':').map((part) => (/^-?\d+$/.test(part) ? Number(part) : NaN));
    if (more.length > 0 || Number.isNaN(soft) || Number.isNaN(hard)) {
      throw invalid('ulimit', text, `too many limit value arguments - ${match[2]}, can only have up to two, \`soft[:hard]\``);
    }
    if (hard !== -1 && (soft === -1 || soft > hard)) {
      throw invalid('ulimit', text, `ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
    }
    byName.set(name, { Name: name, Hard: hard, Soft: soft });
  }
  return [...byName.values()].sort((left, right) => (left.Name < right.Name ? -1 : 1));
}

/** `/dev/sda`, `/dev/sda:/dev/xvda`, `/dev/sda:r`, `/dev/sda:/dev/xvda:rwm`; `*` at the end stands for many. */
export function parseDevices(options: readonly string[]): DeviceMapping[] {
  return options.flatMap((option) => {
    const parts = option.split(':');
    const [source = '', second, third] = parts;
    if (parts.length > 3 || source === '') throw new Error(`bad format for path: ${option}`);
    const secondIsMode = second !== undefined && third === undefined && isDeviceMode(second);
    if (third !== undefined && !isDeviceMode(third)) throw new Error(`bad mode specified: ${third}`);
    const inside = secondIsMode ? source : (second ?? source);
    if (!path.isAbsolute(inside)) throw new Error(`${inside} is not an absolute path`);
    const mode = third ?? (secondIsMode ? second : 'rwm');
    if (!source.endsWith('*')) return [mapping(source, inside, mode)];
    if (second !== undefined && !secondIsMode) throw new Error(`device with * suffix can't have dst: ${option}`);
    return matching(source).map((device) => mapping(device, device, mode));
  });
}

function mapping(outside: string, inside: string, mode: string): DeviceMapping {
  return { PathOnHost: outside, PathInContainer: inside, CgroupPermissions: mode };
}

function isDeviceMode(mode: string): boolean {
  return /^[rwm]{1,3}$/.test(mode) && new Set(mode).size === mode.length;
}

/** Files whose names begin as `pattern` does before its `*`. */
function matching(pattern: string): string[] {
  const directory = path.dirname(pattern);
  const start = path.basename(pattern).slice(0, -1);
  return fs.readdirSync(directory).filter((name) => name.startsWith(start)).sort().map((name) => path.join(directory, name));
}

export function checkDeviceRules(rules: readonly string[]): readonly string[] {
  for (const rule of rules) {
    if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(rule)) {
      throw invalid('device-cgroup-rule', rule, `invalid device cgroup format '${rule}'`);
    }
  }
  return rules;
}

/** `PATH:WEIGHT`. */
export function parseWeights(options: readonly string[]): { Path: string; Weight: number }[] {
  return options.map((text) => {
    const { device, value } = devicePair('blkio-weight-device', text);
    const weight = Number(value);
    if (!/^\d+$/.test(value) || (weight !== 0 && (weight < 10 || weight > 1000))) {
      throw invalid('blkio-weight-device', text, `invalid weight for device: ${text}`);
    }
    return { Path: device, Weight: weight };
  });
}

/** `PATH:RATE`: bytes with a unit for `…-bps`, a number for `…-iops`. */
export function parseThrottles(option: string, options: readonly string[]): ThrottleDevice[] {
  const sized = option.endsWith('bps');
  return options.map((text) => {
    const { device, value } = devicePair(option, text);
    try {
      if (!sized && !/^\d+$/.test(value)) throw new Error('not a number');
      return { Path: device, Rate: sized ? parseBytes(value) : Number(value) };
    } catch {
      const form = sized ? '<device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb'
        : '<device-path>:<number>. Number must be a positive integer';
      throw invalid(option, text, `invalid rate for device: ${text}. The correct format is ${form}`);
    }
  });
}

function devicePair(option: string, text: string): { device: string; value: string } {
  const colon = text.indexOf(':');
  const [device, value] = [text.slice(0, Math.max(colon, 0)), text.slice(colon + 1)];
  if (device === '' || value === '') throw invalid(option, text, `bad format: ${text}`);
  if (!device.startsWith('/dev/')) throw invalid(option, text, `bad format for device path: ${text}`);
  return { device, value };
}
