/**
 * What a test needs of the machine. A test whose needs are not met is skipped and says why in its name; a need nobody has
 * heard of is a mistake in the test, and fails.
 */
import { test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dockerCommands } from './docker-command.ts';
import { NetlinkSocket } from '../../src/linux/ffi/netlink.ts';
import { netlinkFamily } from '../../src/linux/netlink/message.ts';
import { getGeneration } from '../../src/linux/netlink/nftables.ts';
import { hierarchies } from './cgroups.ts';
import { fileSystemMissing, projectQuotasMissing, quotaFileSystems } from './file-systems.ts';
import { blockDevice } from './limits.ts';
import { apiSpecification, busybox } from './paths.ts';
import { pluginPath } from './plugins.ts';
import { installedPeer, unpackedPeer, type Peer } from './peers.ts';
import type { EngineKind } from './engine.ts';

/**
 * The engine that tests run against: Caisson, or with `CAISSON_TEST_ENGINE=dockerd` a real Docker Engine, the newer one of
 * `DOCKER_PEER_DIR` before the installed one (`CAISSON_TEST_ENGINE=dockerd-installed` takes that).
 */
export function engineUnderTest(): EngineKind | undefined {
  const wanted = process.env.CAISSON_TEST_ENGINE ?? 'caisson';
  if (wanted === 'caisson') return { name: 'caisson' };
  const peer = wanted === 'dockerd' ? (unpackedPeer() ?? installedPeer()) : installedPeer();
  return peer === undefined ? undefined : { name: 'dockerd', peer };
}

const underTest = engineUnderTest();
const major = (peer: Peer): number => parseInt(peer.version, 10);
const cgroupTypes = (): string => readFileSync('/proc/self/mounts', 'utf8');

/** CAP_SYS_RESOURCE is bit 24 of the capabilities that a process may have. */
const holdsSysResource = (): boolean => {
  const bounding = /^CapBnd:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${bounding}`) & (1n << 24n)) !== 0n;
};

const hasNfTables = (): boolean => {
  try {
    return new NetlinkSocket(netlinkFamily.netfilter).get(getGeneration()) !== undefined;
  } catch {
    return false;
  }
};

/** Whether the kernel makes interfaces of a kind over another one, tried in a network namespace of its own. */
const hasLinks = (...kind: readonly string[]): boolean => {
  const script = '"$0" ip link add type veth; "$0" ip link add link veth0 name tried type "$@"';
  return spawnSync('unshare', ['--net', busybox, 'sh', '-c', script, busybox, ...kind]).status === 0;
};

/** Each need: undefined when it is met, else what is missing. */
const CHECKS = {
  root: () => (process.getuid?.() === 0 ? undefined : 'needs root'),
  engine: () => (underTest === undefined ? 'needs a dockerd to judge' : undefined),
  'docker-cli': () => (dockerCommands().length > 0 ? undefined : 'needs the docker command'),
  'docker-registry': () => (Bun.which('docker-registry') === null ? 'needs docker-registry' : undefined),
  git: () => (Bun.which('git') === null ? 'needs git' : undefined),
  openssl: () => (Bun.which('openssl') === null ? 'needs openssl' : undefined),
  buildx: () => (pluginPath('docker-buildx') === undefined ? 'needs the plugin docker-buildx' : undefined),
  'compose-1': () => (Bun.which('docker-compose') === null ? 'needs docker-compose 1.29' : undefined),
  compose: () => (pluginPath('docker-compose') === undefined ? 'needs the plugin docker-compose' : undefined),
  skopeo: () => (Bun.which('skopeo') === null ? 'needs skopeo' : undefined),
  overlay: () => (readFileSync('/proc/filesystems', 'utf8').includes('overlay') ? undefined : 'needs overlayfs in the kernel'),
  btrfs: () => fileSystemMissing('btrfs', 'mkfs.btrfs'),
  'ext4-quotas': () => projectQuotasMissing('ext4', quotaFileSystems.ext4.make, quotaFileSystems.ext4.option),
  'xfs-quotas': () => projectQuotasMissing('xfs', quotaFileSystems.xfs.make, quotaFileSystems.xfs.option),
  'fuse-overlayfs': () => (Bun.which('fuse-overlayfs') === null || !existsSync('/dev/fuse') ? 'needs fuse-overlayfs and /dev/fuse' : undefined),
  'cgroup-v1': () => (/ cgroup .*\bmemory\b/.test(cgroupTypes()) ? undefined : 'needs cgroup version 1'),
  'cgroup-v2': () => (existsSync('/sys/fs/cgroup/cgroup.controllers') ? undefined : 'needs a unified cgroup version 2 hierarchy'),
  cgroups: () => (hierarchies().length > 0 ? undefined : 'needs a cgroup hierarchy'),
  'block-device': () => (blockDevice() === undefined ? 'needs a block device' : undefined),
  'lacks-sys-resource': () => (holdsSysResource() ? 'needs a machine whose root lacks CAP_SYS_RESOURCE' : undefined),
  'nf-tables': () => (hasNfTables() ? undefined : 'needs root, and nf_tables in the kernel'),
  sctp: () => (existsSync('/proc/sys/net/sctp') ? undefined : 'needs SCTP in the kernel'),
  'macvlan-links': () => (hasLinks('macvlan') ? undefined : 'needs root, and macvlan in the kernel'),
  'vlan-links': () => (hasLinks('vlan', 'id', '5') ? undefined : 'needs root, and VLANs in the kernel'),
  'dummy-links': () => (hasLinks('dummy') ? undefined : 'needs root, and dummy interfaces in the kernel'),
  'ipvlan-links': () => (hasLinks('ipvlan') ? undefined : 'needs root, and ipvlan in the kernel'),
  'no-ipvlan-links': () => (hasLinks('ipvlan') ? 'needs a kernel without ipvlan' : undefined),
  /** Behaviour that is Caisson's own, or that no dockerd can show here. */
  caisson: () => (underTest?.name === 'caisson' ? undefined : 'is about Caisson alone'),
  /** Behaviour or texts that came after Docker Engine 20.10. */
  'engine-28': () => (underTest?.name === 'dockerd' && major(underTest.peer) < 28 ? 'is newer than this dockerd' : undefined),
  'api-specification': () => (existsSync(apiSpecification) ? undefined : "needs Docker's API description beside the checkout"),
} satisfies Record<string, () => string | undefined>;

export type Requirement = keyof typeof CHECKS;

/** Why tests with these needs cannot run here; undefined when they can. */
export function missing(...needs: readonly Requirement[]): string | undefined {
  for (const need of needs) {
    const check = CHECKS[need];
    if (check === undefined) throw new Error(`unknown requirement "${need}"; those known are: ${Object.keys(CHECKS).join(', ')}`);
    const reason = check();
    if (reason !== undefined) return reason;
  }
  return undefined;
}

export type TestFunction = (name: string, body: () => Promise<void> | void, timeout?: number) => void;

/** `test`, for tests with these needs. */
export function requires(...needs: readonly Requirement[]): TestFunction {
  const reason = missing(...needs);
  if (reason === undefined) return (name, body, timeout) => test(name, body, timeout);
  return (name, body) => test.skip(`${name} [skipped: ${reason}]`, body);
}
