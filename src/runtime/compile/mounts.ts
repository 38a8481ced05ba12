/** `mounts` of the configuration, as operations on the container's root. */
import type { OciMount } from '../oci.ts';
import { mountInFlag, type Operation } from '../plan/operations.ts';
import { parseMountOptions, type MountOptions } from '../../linux/mount-flags.ts';
import { MNT_DETACH, op } from './op.ts';

/** Hands out the slots that carry mounts from the shim to the init. */
export class Slots {
  private next = 0;

  take(): number {
    return this.next++;
  }
}

export interface MountContext {
  /** Slot of a user namespace with the container's maps, when it has one. */
  readonly userNamespaceSlot: number | undefined;
  readonly slots: Slots;
  /**
   * File systems that the init may not mount itself, because the namespace they show belongs to another user namespace:
   * the shim, which has joined that namespace, mounts them for it.
   */
  readonly mountedByShim: ReadonlySet<string>;
  /** A host directory the shim may mount on for a moment. */
  readonly scratch: string;
  /** What stands for a mount of type `cgroup`: depends on the host's cgroup version. */
  readonly cgroupMounts: (mount: OciMount) => readonly OciMount[];
}

/** Operations of one mount on the host's side and in the init. */
export interface CompiledMounts {
  readonly prepare: readonly Operation[];
  readonly init: readonly Operation[];
}

function reasonFor(mount: OciMount): string {
  switch (mount.type) {
    case 'proc':
      return 'the processes of its own pid namespace';
    case 'sysfs':
      return "the kernel's objects, of its own network namespace";
    case 'devpts':
      return 'terminals of its own';
    case 'mqueue':
      return 'POSIX message queues of its ipc namespace';
    case 'cgroup':
    case 'cgroup2':
      return 'its own limits and usage';
    case 'tmpfs':
      if (mount.destination === '/dev') return "devices of its own, none of the host's";
      return mount.destination === '/dev/shm'
        ? 'shared memory with a bound'
        : 'files in memory, gone with the container';
    default:
      return isBind(mount) ? "part of the host's tree, as asked" : `a ${mount.type} file system, as asked`;
  }
}

const isBind = (mount: OciMount): boolean =>
  mount.type === 'bind' || mount.options?.some((option) => option === 'bind' || option === 'rbind') === true;

function flagsFor(mount: OciMount, options: MountOptions): number {
  let flags = options.recursive ? mountInFlag.recursive : 0;
  // One set of attributes goes to the kernel: with `rro` beside `nosuid`, submounts get both, never less than was asked
  // for.
  if (options.recursiveSet !== 0) flags |= mountInFlag.attributesRecursive;
  // A tmpfs over a directory of the image takes over that directory's mode (/tmp stays 1777), unless one is asked for.
  if (mount.type === 'tmpfs' && !options.data.some((option) => option.startsWith('mode=')))
    flags |= mountInFlag.copyTargetMode;
  return flags;
}

/** The mount as the shim makes it, on a scratch directory, for an init that is not allowed to. */
function mountOnScratch(mount: OciMount, options: MountOptions, slot: number, scratch: string): Operation[] {
  const type = mount.type ?? '';
  return [
    op('mount', `${type} shows a namespace that the container's user namespace does not own`, {
      cwd: '/',
      source: mount.source ?? type,
      target: scratch,
      type,
      flags: 0n,
      data: options.data.join(','),
    }),
    op('openTree', 'keeps it for the container', { slot, path: scratch, recursive: 0, idmap: -1 }),
    op('unmount', 'the container has it now', { path: scratch, flags: MNT_DETACH }),
  ];
}

function compileMount(mount: OciMount, context: MountContext): CompiledMounts {
  const options = parseMountOptions(mount.options ?? []);
  const reason = reasonFor(mount);
  const common = {
    target: mount.destination,
    attributes: BigInt(options.attributesSet | options.recursiveSet),
    propagation: BigInt(options.propagation.at(-1) ?? 0),
    flags: flagsFor(mount, options),
  };
  const bySlot = (slot: number) =>
    op('mountIn', reason, { ...common, type: 'slot', source: mount.source ?? '', slot, options: [] });
  if (!isBind(mount)) {
    if (context.mountedByShim.has(mount.type ?? '')) {
      const slot = context.slots.take();
      return { prepare: mountOnScratch(mount, options, slot, context.scratch), init: [bySlot(slot)] };
    }
    const type = mount.type ?? '';
    return {
      prepare: [],
      init: [op('mountIn', reason, { ...common, type, source: mount.source ?? type, slot: -1, options: options.data })],
    };
  }
  const shifted = options.idmap !== 'none' && context.userNamespaceSlot !== undefined;
  // What only the host's root can reach, the root of a user namespace cannot: the shim opens it.
  if (context.userNamespaceSlot === undefined && !options.copyUp && mount.beneath === undefined) {
    return {
      prepare: [],
      init: [op('mountIn', reason, { ...common, type: 'bind', source: mount.source ?? '', slot: -1, options: [] })],
    };
  }
  const slot = context.slots.take();
  const tree = {
    slot,
    path: mount.source ?? '',
    recursive: options.recursive ? 1 : 0,
    idmap: shifted ? (context.userNamespaceSlot ?? -1) : -1,
  };
  const why = shifted
    ? "the same files, with their owners shifted to the container's ids"
    : options.copyUp
      ? 'a volume, to be filled from the image'
      : 'opened from outside of the user namespace';
  const open =
    mount.beneath === undefined
      ? op('openTree', why, tree)
      : op('openTreeBeneath', 'part of a volume, and nothing outside of it', { ...tree, directory: mount.beneath });
  const copy = options.copyUp
    ? [op('copyUp', 'a new volume begins with what the image has there', { source: mount.destination, slot })]
    : [];
  return { prepare: [open], init: [...copy, bySlot(slot)] };
}

/** All mounts, in the order of the configuration. */
export function compileMounts(mounts: readonly OciMount[], context: MountContext): CompiledMounts {
  const prepare: Operation[] = [];
  const init: Operation[] = [];
  for (const mount of mounts.flatMap((each) => (each.type === 'cgroup' ? context.cgroupMounts(each) : [each]))) {
    const compiled = compileMount(mount, context);
    prepare.push(...compiled.prepare);
    init.push(...compiled.init);
  }
  return { prepare, init };
}
