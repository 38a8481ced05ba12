/**
 * Capabilities (capabilities(7), linux/capability.h): names, bits, Docker's default set and its rules for changing it.
 */
import { readFileSync } from 'node:fs';
import { invalidParameter } from '../errors.ts';

/** Every capability in the order of its bit, as of Linux 5.9 (CAP_CHECKPOINT_RESTORE is 40). */
export const capabilityNames = [
  'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_KILL', 'CAP_SETGID', 'CAP_SETUID',
  'CAP_SETPCAP', 'CAP_LINUX_IMMUTABLE', 'CAP_NET_BIND_SERVICE', 'CAP_NET_BROADCAST', 'CAP_NET_ADMIN', 'CAP_NET_RAW',
  'CAP_IPC_LOCK', 'CAP_IPC_OWNER', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO', 'CAP_SYS_CHROOT', 'CAP_SYS_PTRACE', 'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN', 'CAP_SYS_BOOT', 'CAP_SYS_NICE', 'CAP_SYS_RESOURCE', 'CAP_SYS_TIME', 'CAP_SYS_TTY_CONFIG', 'CAP_MKNOD',
  'CAP_LEASE', 'CAP_AUDIT_WRITE', 'CAP_AUDIT_CONTROL', 'CAP_SETFCAP', 'CAP_MAC_OVERRIDE', 'CAP_MAC_ADMIN', 'CAP_SYSLOG',
  'CAP_WAKE_ALARM', 'CAP_BLOCK_SUSPEND', 'CAP_AUDIT_READ', 'CAP_PERFMON', 'CAP_BPF', 'CAP_CHECKPOINT_RESTORE',
] as const;

export type CapabilityName = (typeof capabilityNames)[number];

/** What a container has when nothing is asked for, in Docker's order. */
export const defaultCapabilities: readonly CapabilityName[] = [
  'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FSETID', 'CAP_FOWNER', 'CAP_MKNOD', 'CAP_NET_RAW', 'CAP_SETGID', 'CAP_SETUID',
  'CAP_SETFCAP', 'CAP_SETPCAP', 'CAP_NET_BIND_SERVICE', 'CAP_SYS_CHROOT', 'CAP_KILL', 'CAP_AUDIT_WRITE',
];

const bits = new Map<string, bigint>(capabilityNames.map((name, bit) => [name, 1n << BigInt(bit)]));

/** The mask of a list of full names; a name that does not exist is left out. */
export function capabilityMask(names: readonly string[]): bigint {
  let mask = 0n;
  for (const name of names) mask |= bits.get(name) ?? 0n;
  return mask;
}

/** The names in a mask, in the order of their bits; bits without a name are left out. */
export function capabilitiesOf(mask: bigint): CapabilityName[] {
  return capabilityNames.filter((name) => (mask & (bits.get(name) as bigint)) !== 0n);
}

let available: readonly CapabilityName[] | undefined;

/**
 * What this process can hand on: its own effective set, which the kernel keeps within what it knows. Nobody can give
 * what he does not have, so `--privileged` and `ALL` mean these. Read once: a daemon's set does not change.
 */
export function availableCapabilities(): readonly CapabilityName[] {
  available ??= capabilitiesOf(effectiveMask(readFileSync('/proc/self/status', 'latin1')));
  return available;
}

/** The `CapEff` line of a /proc/PID/status. */
export function effectiveMask(status: string): bigint {
  const match = /^CapEff:\s*([0-9a-f]+)$/m.exec(status);
  return match === null ? 0n : BigInt(`0x${match[1]}`);
}

/**
 * Capabilities as a client writes them (any case, with or without `CAP_`, `ALL`) as full names. Throws
 * invalid-parameter, in Docker's words, for one that does not exist or cannot be had here.
 */
export function normalizeCapabilities(
  names: readonly string[],
  possible: readonly string[] = availableCapabilities(),
): (CapabilityName | 'ALL')[] {
  return names.map((given) => {
    const upper = given.toUpperCase();
    if (upper === 'ALL') return upper;
    const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
    if (!isCapabilityName(name)) throw invalidParameter(`unknown capability: ${JSON.stringify(name)}`);
    if (!possible.includes(name)) {
      const message = 'capability not supported by your kernel or not available in the current environment';
      throw invalidParameter(`${message}: ${JSON.stringify(name)}`);
    }
    return name;
  });
}

function isCapabilityName(name: string): name is CapabilityName {
  return bits.has(name);
}

/**
 * The set of a container: `--privileged`, or the default set less `drop`, plus `add`. With `ALL` among `add` it is
 * everything less `drop`; with `ALL` among `drop` it is `add` alone.
 */
export function tweakCapabilities(
  change: { readonly add?: readonly string[]; readonly drop?: readonly string[]; readonly privileged?: boolean },
  possible: readonly CapabilityName[] = availableCapabilities(),
): CapabilityName[] {
  if (change.privileged === true) return [...possible];
  const add = normalizeCapabilities(change.add ?? [], possible);
  // One may always be dropped that could not be had anyway.
  const drop = normalizeCapabilities(change.drop ?? [], capabilityNames);
  const named = add.filter((name) => name !== 'ALL');
  if (add.includes('ALL')) return possible.filter((name) => !drop.includes(name));
  if (drop.includes('ALL')) return [...new Set(named)];
  const kept = defaultCapabilities.filter((name) => possible.includes(name) && !drop.includes(name));
  return [...new Set([...kept, ...named])];
}
