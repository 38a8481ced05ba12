/** The HEALTHCHECK instruction (Dockerfile reference, "HEALTHCHECK"). */
import { invalidParameter } from '../errors.ts';

/** Docker's HealthConfig; durations in nanoseconds. */
export interface HealthConfig {
  Test: string[];
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  StartInterval?: number;
  Retries?: number;
}

const durations = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
} as const;
const units: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Parses what follows the word. Throws invalid-parameter with Docker's texts. */
export function parseHealthcheck(text: string): HealthConfig {
  const config: HealthConfig = { Test: [] };
  let rest = text;
  for (let flag = /^--([a-z-]+)=(\S+)\s*/.exec(rest); flag; flag = /^--([a-z-]+)=(\S+)\s*/.exec(rest)) {
    setFlag(config, flag[1]!, flag[2]!);
    rest = rest.slice(flag[0].length);
  }
  const [kind = '', ...args] = rest.split(/\s+/).filter((word) => word !== '');
  const command = rest.slice(kind.length).trim();
  if (kind.toUpperCase() === 'NONE') {
    if (args.length > 0) throw invalidParameter('HEALTHCHECK NONE takes no arguments');
    return { Test: ['NONE'] };
  }
  if (kind.toUpperCase() !== 'CMD') throw invalidParameter(`Unknown type "${kind.toUpperCase()}" in HEALTHCHECK (try CMD)`);
  if (command === '') throw invalidParameter('Missing command after HEALTHCHECK CMD');
  config.Test = execForm(command) ?? ['CMD-SHELL', command];
  return config;
}

function setFlag(config: HealthConfig, name: string, value: string): void {
  if (name === 'retries') {
    if (!/^[+-]?\d{1,9}$/.test(value)) throw invalidParameter(`strconv.ParseInt: parsing "${value}": invalid syntax`);
    if (Number(value) < 0) throw invalidParameter(`--retries cannot be negative (${value})`);
    config.Retries = Number(value);
    return;
  }
  if (!(name in durations)) throw invalidParameter(`unknown flag: --${name}`);
  config[durations[name as keyof typeof durations]] = parseDuration(name, value);
}

/** A duration such as Go writes it: `1m30s`. Nanoseconds. */
function parseDuration(flag: string, text: string): number {
  if (text === '0') return 0;
  if (!/^(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$/.test(text))
    throw invalidParameter(`time: invalid duration ${JSON.stringify(text)}`);
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g))
    total += Number(number) * units[unit!]!;
  if (total < 1e6) throw invalidParameter(`Interval "${flag}" cannot be less than 1ms`);
  return Math.round(total);
}

function execForm(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? ['CMD', ...list] : undefined;
  } catch {
    return undefined;
  }
}
