/** Which namespaces a container makes, joins or shares with the host, and the operations that follow from it. */
import type { OciConfig, OciIdMapping, OciNamespaceType } from '../oci.ts';
import type { Operation } from '../plan/operations.ts';
import { namespaceFlag as kernelFlag, namespaces as kernelNamespaces } from '../../linux/namespaces.ts';
import { op } from './op.ts';

/** CLONE_NEW* flag of a type, as plans carry it. */
export const namespaceFlag = (type: OciNamespaceType): bigint => BigInt(kernelFlag(type));

/** What a container does with one type of namespace. */
export type NamespaceUse =
  { readonly kind: 'host' } | { readonly kind: 'new' } | { readonly kind: 'join'; readonly path: string };

export type Namespaces = Readonly<Record<OciNamespaceType, NamespaceUse>>;

const types = Object.keys(kernelNamespaces) as OciNamespaceType[];

/** Reads `linux.namespaces`: a type that is missing is the host's, one with a path is joined. */
export function namespacesOf(config: OciConfig): Namespaces {
  const uses = Object.fromEntries(types.map((type) => [type, { kind: 'host' }])) as Record<
    OciNamespaceType,
    NamespaceUse
  >;
  for (const { type, path } of config.linux.namespaces) {
    uses[type] = path === undefined || path === '' ? { kind: 'new' } : { kind: 'join', path };
  }
  return uses;
}

/** True when the container has a user namespace of its own, so that its root is not the host's. */
export const isRemapped = (namespaces: Namespaces): boolean => namespaces.user.kind !== 'host';

/**
 * Flags for clone3(2). The cgroup namespace comes later, by unshare(2) from inside the container's cgroup, because that
 * cgroup becomes the namespace's root; the time namespace earlier, because its offsets must be set before a process is
 * in it.
 */
export function cloneFlags(namespaces: Namespaces): bigint {
  // What clone makes is owned by the host's user namespace; with a joined one only the init can make it
  // (enterNamespaces).
  const atClone =
    namespaces.user.kind === 'join' ? (['pid'] as const) : types.filter((type) => type !== 'cgroup' && type !== 'time');
  return atClone
    .filter((type) => namespaces[type].kind === 'new')
    .reduce((flags, type) => flags | namespaceFlag(type), 0n);
}

/**
 * What the shim does to its own future children: a pid or time namespace can only be entered by being born in it. With
 * a new user namespace the other joined namespaces are entered here too: once inside it, the init has no right to the
 * host's.
 */
export function prepareNamespaces(config: OciConfig, namespaces: Namespaces): Operation[] {
  const operations: Operation[] = [];
  const early: OciNamespaceType[] =
    namespaces.user.kind === 'new' ? ['pid', 'time', 'network', 'ipc', 'uts'] : ['pid', 'time'];
  for (const type of early) {
    const use = namespaces[type];
    if (use.kind === 'join') {
      operations.push(
        op('setns', `share the ${type} namespace of another container`, { path: use.path, type: namespaceFlag(type) }),
      );
    }
  }
  if (namespaces.time.kind === 'new') {
    operations.push(op('unshare', 'clocks of its own for the container', { flags: namespaceFlag('time') }));
    const offsets = config.linux.timeOffsets;
    if (offsets !== undefined) {
      const lines = Object.entries(offsets).map(([clock, { secs, nanosecs }]) => `${clock} ${secs} ${nanosecs}\n`);
      operations.push(
        op('writeFile', "how far the container's clocks are ahead of the host's", {
          path: '/proc/self/timens_offsets',
          data: lines.join(''),
          create: 0,
          mode: 0,
        }),
      );
    }
  }
  return operations;
}

/** What the init does after it has joined its cgroups: namespaces to share, and the cgroup namespace. */
export function initNamespaces(namespaces: Namespaces): Operation[] {
  const operations: Operation[] = [];
  if (namespaces.user.kind !== 'new') {
    for (const type of ['network', 'ipc', 'uts', 'cgroup', 'user', 'mount'] as const) {
      const use = namespaces[type];
      if (use.kind === 'join') {
        operations.push(
          op('setns', `share the ${type} namespace of another container`, {
            path: use.path,
            type: namespaceFlag(type),
          }),
        );
      }
    }
  }
  if (namespaces.cgroup.kind === 'new') {
    operations.push(op('unshare', 'the container sees its own cgroup as the root', { flags: namespaceFlag('cgroup') }));
  }
  return operations;
}

/** Lines of uid_map or gid_map: `container host size`. */
export function idMapLines(mappings: readonly OciIdMapping[] = []): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('');
}
