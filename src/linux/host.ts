/** What `docker info` and `docker version` say about the host. */
import { existsSync, readFileSync } from 'node:fs';
import { arch, cpus, hostname, release, totalmem, version } from 'node:os';

export interface HostFacts {
  readonly kernelRelease: string;
  /** As `uname -v`. */
  readonly kernelVersion: string;
  /** `Debian GNU/Linux 12 (bookworm)`, `Linux` where nobody says. */
  readonly operatingSystem: string;
  /** VERSION_ID of os-release. */
  readonly osVersion: string;
  /** As `uname -m`: `x86_64`. */
  readonly machine: string;
  /** As Go and OCI images name it: `amd64`. */
  readonly architecture: string;
  /** Processors this process may use. */
  readonly processors: number;
  /** Bytes. */
  readonly memory: number;
  readonly hostname: string;
}

const machines: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };
const architectures: Readonly<Record<string, string>> = { x64: 'amd64' };

/** Facts that do not change while a daemon runs. */
export function hostFacts(): HostFacts {
  const os = osRelease();
  const architecture = arch();
  return {
    kernelRelease: release(),
    kernelVersion: version(),
    operatingSystem: os['PRETTY_NAME'] || 'Linux',
    osVersion: os['VERSION_ID'] ?? '',
    machine: machines[architecture] ?? architecture,
    architecture: architectures[architecture] ?? architecture,
    processors: cpus().length,
    memory: totalmem(),
    hostname: hostname(),
  };
}

function osRelease(): Record<string, string> {
  for (const path of ['/etc/os-release', '/usr/lib/os-release']) {
    if (existsSync(path)) return parseOsRelease(readFileSync(path, 'utf8'));
  }
  return {};
}

/** Parses os-release(5): assignments as a shell reads them. */
export function parseOsRelease(text: string): Record<string, string> {
  const assignments = [...text.matchAll(/^([A-Z0-9_]+)=(.*)$/gm)];
  return Object.fromEntries(assignments.map(([, name = '', value = '']) => [name, unquote(value.trim())]));
}

function unquote(value: string): string {
  const quote = value[0];
  if (quote === "'" && value.endsWith(quote)) return value.slice(1, -1);
  const inner = quote === '"' && value.endsWith(quote) ? value.slice(1, -1) : value;
  return inner.replace(/\\(.)/g, '$1');
}
