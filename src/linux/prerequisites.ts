/** What the daemon cannot do without, checked before it starts: each thing missing is one sentence with a way out. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { unavailable } from '../errors.ts';
import { effectiveMask, capabilityMask } from './capabilities.ts';
import { detectCgroups } from './cgroup/detect.ts';

/** What is known about a host, gathered once. */
export interface PrerequisiteFacts {
  /** Effective capabilities of this process. */
  readonly capabilities: bigint;
  /** `uname -r` */
  readonly kernelRelease: string;
  readonly cgroups: 'v1' | 'v2' | 'none';
  /** /proc/self/status has a `Seccomp:` line when the kernel can filter system calls. */
  readonly status: string;
}

/** open_tree, mount_setattr and clone3 with a cgroup are all there (mount_setattr came last). */
const oldestKernel = [5, 12] as const;

export function gatherPrerequisites(): PrerequisiteFacts {
  const status = readFileSync('/proc/self/status', 'latin1');
  return {
    capabilities: effectiveMask(status),
    kernelRelease: release(),
    cgroups: detectCgroups().kind,
    status,
  };
}

/** One sentence for each thing that is missing; none when the daemon can start. */
export function missingPrerequisites(facts: PrerequisiteFacts): string[] {
  const missing: string[] = [];
  if ((facts.capabilities & capabilityMask(['CAP_SYS_ADMIN'])) === 0n) {
    missing.push('Caisson must run as root, because making namespaces and mounts needs CAP_SYS_ADMIN: start it with `sudo`.');
  }
  if (isOlder(facts.kernelRelease)) {
    missing.push(
      `The kernel is ${facts.kernelRelease} and Caisson needs ${oldestKernel.join('.')} or newer, for mounts by descriptor: upgrade the kernel.`,
    );
  }
  if (facts.cgroups === 'none') {
    missing.push('No cgroup hierarchy is mounted, with which containers are limited: mount it with `mount -t cgroup2 none /sys/fs/cgroup`.');
  }
  if (!/^Seccomp:/m.test(facts.status)) {
    missing.push('The kernel cannot filter system calls: use one that is built with CONFIG_SECCOMP_FILTER.');
  }
  return missing;
}

function isOlder(release: string): boolean {
  const [, major = '', minor = ''] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  if (major === '') return false;
  return Number(major) < oldestKernel[0] || (Number(major) === oldestKernel[0] && Number(minor) < oldestKernel[1]);
}

/** Throws unavailable with all the sentences, one a line, when something is missing. */
export function checkPrerequisites(facts: PrerequisiteFacts = gatherPrerequisites()): void {
  const missing = missingPrerequisites(facts);
  if (missing.length > 0) throw unavailable(missing.join('\n'));
}
