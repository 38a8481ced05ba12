/** The mounts of a container as OCI mounts: Docker's default ones, and what was asked for. */
import { systemError } from '../../errors.ts';
import type { OciMount } from '../../runtime/oci.ts';
import type { HostConfig } from '../docker-types.ts';
import { defaultMounts, defaultShmSize } from './defaults.ts';
import type { HostFacts } from './host.ts';
import { parseMode } from './modes.ts';
import { byDepth, cleanPath, type ResolvedMount } from './mounts.ts';
import { mergeTmpfsOptions, tmpfsWords } from './tmpfs-options.ts';

/** Host files bound over the image's: its name, its hosts and its resolvers. */
export interface NetworkFiles {
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
}

export interface MountInput {
  readonly hostConfig: HostConfig;
  readonly mounts: readonly ResolvedMount[];
  readonly networkFiles: NetworkFiles | undefined;
  /** Where the shared memory of a shareable or joined ipc namespace is mounted on the host. */
  readonly shmPath: string | undefined;
  readonly remapped: boolean;
  readonly writableCgroups: boolean;
  readonly host: HostFacts;
}

/** In the order they are made. */
export function ociMounts(input: MountInput): OciMount[] {
  const { hostConfig } = input;
  const user = userMounts(input);
  const taken = new Set(user.map(({ destination }) => destination));
  const ownDev = taken.has('/dev');
  const defaults = defaultMounts
    .filter(({ destination }) => !taken.has(destination) && !(ownDev && destination.startsWith('/dev/')))
    .filter(({ destination }) => destination !== '/dev/shm' || hasOwnShm(hostConfig))
    .map((mount) => adapt(mount, input));
  return [...defaults, ...user];
}

/** True when /dev/shm is a tmpfs of this container alone. */
function hasOwnShm({ IpcMode }: HostConfig): boolean {
  const { kind } = parseMode(IpcMode);
  return kind === 'default' || kind === 'private';
}

const withoutReadOnly = (mount: OciMount): OciMount => ({
  ...mount,
  options: (mount.options ?? []).filter((option) => option !== 'ro'),
});

function adapt(mount: OciMount, { hostConfig, remapped, writableCgroups }: MountInput): OciMount {
  const privileged = hostConfig.Privileged === true;
  switch (mount.destination) {
    case '/sys':
      return privileged ? withoutReadOnly(mount) : mount;
    // A user namespace owns what it sees of the cgroups, and may not change flags that come with the mount.
    case '/sys/fs/cgroup':
      return privileged || remapped || writableCgroups ? withoutReadOnly(mount) : mount;
    case '/dev/shm':
      return { ...mount, options: [...(mount.options ?? []), `size=${hostConfig.ShmSize || defaultShmSize}`] };
    default:
      return mount;
  }
}

function userMounts(input: MountInput): OciMount[] {
  const { hostConfig, mounts, networkFiles, shmPath } = input;
  const taken = new Set(mounts.map(({ Destination }) => Destination));
  const all: { readonly Destination: string; readonly mount: OciMount }[] = mounts.map((mount) => ({
    Destination: mount.Destination,
    mount: mount.Type === 'tmpfs' ? tmpfs(mount.Destination, mount.details.tmpfs) : bind(mount, input),
  }));
  for (const [path, options] of Object.entries(hostConfig.Tmpfs ?? {})) {
    const destination = cleanPath(path);
    all.push({ Destination: destination, mount: tmpfs(destination, tmpfsWords(options)) });
    taken.add(destination);
  }
  const engineFiles = [
    ['/etc/resolv.conf', networkFiles?.resolvConf],
    ['/etc/hostname', networkFiles?.hostname],
    ['/etc/hosts', networkFiles?.hosts],
  ] as const;
  for (const [destination, source] of engineFiles) {
    if (source === undefined || taken.has(destination)) continue;
    const options = ['rbind', hostConfig.ReadonlyRootfs === true ? 'ro' : 'rw', 'rprivate', ...idmap(input)];
    all.push({ Destination: destination, mount: { destination, type: 'bind', source, options } });
  }
  if (shmPath !== undefined && !taken.has('/dev/shm')) {
    all.push({
      Destination: '/dev/shm',
      mount: { destination: '/dev/shm', type: 'bind', source: shmPath, options: ['rbind', 'rprivate'] },
    });
  }
  return byDepth(all).map(({ mount }) => mount);
}

const idmap = ({ remapped, host }: MountInput): string[] => (remapped && host.idmappedMounts ? ['idmap'] : []);

const tmpfs = (destination: string, words: readonly string[]): OciMount => ({
  destination,
  type: 'tmpfs',
  source: 'tmpfs',
  options: mergeTmpfsOptions(words),
});

function bind(mount: ResolvedMount, input: MountInput): OciMount {
  const { details } = mount;
  const options = [details.recursive ? 'rbind' : 'bind'];
  if (!mount.RW) options.push(readOnlyWord(details.readOnly, input.host));
  // What somebody binds is for the container's users to use, under the ids they have inside (docs/decisions/0009).
  options.push(mount.Propagation || 'rprivate', ...(details.image?.shifted === true ? [] : idmap(input)), ...(details.copyUp ? ['copyup'] : []));
  const from = details.subpath === undefined ? { source: mount.Source } : { source: details.subpath, beneath: mount.Source };
  return { destination: mount.Destination, type: 'bind', ...from, options };
}

function readOnlyWord(kind: ResolvedMount['details']['readOnly'], host: HostFacts): string {
  if (kind === 'plain') return 'ro';
  if (host.recursiveReadOnly) return 'rro';
  if (kind === 'force-recursive')
    throw systemError('rro is not supported: this kernel has no mount_setattr(2); it came with Linux 5.12');
  return 'ro';
}
